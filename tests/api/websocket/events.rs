//! Subscriptions over a WebSocket.

use roost::server::Limits;
use serde_json::{Value, json};

use super::Socket;
use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::live_server::{Node, wait_for_listeners};

const HOST_BOOKING_CHANGED: &str = "subscription { hostBookingChanged { toState booking { code } } }";
const CALENDAR_CHANGED: &str = "subscription($id: ID!) { \
    listingCalendarChanged(id: $id, from: \"2027-03-01\", to: \"2027-03-04\") { date state } }";

#[tokio::test]
async fn events_arrive_as_they_happen_until_the_client_completes() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut socket = Socket::initialized(&app, &node, &host).await;
    for round in 1..=2 {
        socket.subscribe("bookings", HOST_BOOKING_CHANGED, json!({})).await;
        wait_for_listeners(&app, 3).await;
        let (from, to) = (format!("2027-03-0{round}"), format!("2027-03-0{}", round + 1));
        let booking = app.book(&guest, &listing, &from, &to).await;
        for state in ["PENDING_PAYMENT", "CONFIRMED"] {
            let next = socket.receive().await;
            assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("bookings")), "{next:#}");
            let event = &next["payload"]["data"]["hostBookingChanged"];
            assert_eq!(*event, json!({ "toState": state, "booking": { "code": booking["code"] } }));
        }
        socket.send_json(json!({ "type": "complete", "id": "bookings" })).await;
        wait_for_listeners(&app, 1).await;
        app.cancel(&guest, &booking).await;
        socket.assert_open().await;
    }
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_refused_subscription_is_one_error() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let draft = app.draft_listing(&host, json!({})).await;
    let mut socket = Socket::initialized(&app, &node, &guest).await;
    for (query, code) in [(HOST_BOOKING_CHANGED, "FORBIDDEN"), (CALENDAR_CHANGED, "NOT_FOUND")] {
        let variables = if query == CALENDAR_CHANGED { json!({ "id": draft }) } else { json!({}) };
        socket.subscribe("1", query, variables).await;
        assert_eq!(socket.error_code("1").await, code);
        socket.assert_open().await;
    }
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn many_sockets_receive_the_same_event_once_each() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
        socket.subscribe("days", CALENDAR_CHANGED, json!({ "id": listing })).await;
        sockets.push(socket);
    }
    wait_for_listeners(&app, 20).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-02").await;
    for socket in &mut sockets {
        let next = socket.receive().await;
        let states: Vec<&Value> = next["payload"]["data"]["listingCalendarChanged"]
            .as_array()
            .unwrap()
            .iter()
            .map(|day| &day["date"])
            .collect();
        assert_eq!(states, ["2027-03-01"], "{next:#}");
    }
    drop(sockets);
    node.shut_down().await;
    app.finish().await;
}
