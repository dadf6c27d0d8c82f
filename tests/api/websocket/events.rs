//! Subscriptions over a socket.

use roost::server::Limits;
use serde_json::{Value, json};

use super::Socket;
use crate::client::Nobody;
use crate::harness::TestApp;
use crate::node::{Node, listeners};

const HOSTED: &str = "subscription { hostBookingChanged { to booking { code } } }";
const CALENDAR: &str = "subscription($id: ID!) { \
    listingCalendarChanged(id: $id, from: \"2027-03-01\", to: \"2027-03-04\") { date state } }";

#[tokio::test]
async fn events_come_as_they_happen_until_the_client_has_heard_enough() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut socket = Socket::welcomed(&app, &node, &host).await;
    for round in 1..=2 {
        socket.subscribe("bookings", HOSTED, json!({})).await;
        listeners(&app, 3).await;
        let (from, to) = (format!("2027-03-0{round}"), format!("2027-03-0{}", round + 1));
        let booking = app.book(&guest, &listing, &from, &to).await;
        for state in ["PENDING_PAYMENT", "CONFIRMED"] {
            let next = socket.hear().await;
            assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("bookings")), "{next:#}");
            let told = &next["payload"]["data"]["hostBookingChanged"];
            assert_eq!(*told, json!({ "to": state, "booking": { "code": booking["code"] } }));
        }
        socket.say(json!({ "type": "complete", "id": "bookings" })).await;
        listeners(&app, 1).await;
        app.cancel(&guest, &booking).await;
        socket.lives().await;
    }
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_subscription_that_may_not_begin_is_one_error() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let draft = app.draft(&host, json!({})).await;
    let mut socket = Socket::welcomed(&app, &node, &guest).await;
    for (query, code) in [(HOSTED, "FORBIDDEN"), (CALENDAR, "NOT_FOUND")] {
        let variables = if query == CALENDAR { json!({ "id": draft }) } else { json!({}) };
        socket.subscribe("1", query, variables).await;
        assert_eq!(socket.refusal("1").await, code);
        socket.lives().await;
    }
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn many_sockets_hear_the_same_event_each_once() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
        socket.subscribe("days", CALENDAR, json!({ "id": listing })).await;
        sockets.push(socket);
    }
    listeners(&app, 20).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-02").await;
    for socket in &mut sockets {
        let next = socket.hear().await;
        let states: Vec<&Value> = next["payload"]["data"]["listingCalendarChanged"]
            .as_array()
            .unwrap()
            .iter()
            .map(|day| &day["date"])
            .collect();
        assert_eq!(states, ["2027-03-01"], "{next:#}");
    }
    drop(sockets);
    node.stopped().await;
    app.finish().await;
}
