//! Subscriptions: every subscriber receives the committed events that concern them, and no others.

mod commits;
mod documents;
mod nodes;
mod rights;
mod subscriber;

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use serde_json::{Value, json};

use self::subscriber::{
    BOOKING_CHANGED, CALENDAR_CHANGED, HOST_BOOKING_CHANGED, LongToken, NOTIFICATION_RECEIVED, execute, subscribe,
};
use crate::accounting::BookedTrip;
use crate::client::Anonymous;
use crate::harness::{START, TestApp};
use crate::scenarios::{stay, text, usd};
use crate::state_table::{ROWS, book, perform_actions};

/// The actions recorded for the booking, oldest first.
async fn recorded_actions(app: &TestApp, trip: &BookedTrip) -> Vec<String> {
    let query = "query($id: ID!) { booking(id: $id) { events(first: 100) { nodes { action } } } }";
    let data = app.gql(&trip.guest, query, json!({ "id": trip.booking["id"] })).await;
    let nodes = data["booking"]["events"]["nodes"].as_array().unwrap();
    nodes.iter().rev().map(|node| text(node, "/action")).collect()
}

#[tokio::test]
async fn an_event_of_a_subscription_has_its_note_and_its_refund() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
    let query = "subscription($id: ID!) { bookingChanged(id: $id) { action note fromState toState createdAt \
                 refund { amount { amount } note booking { id } } alteration { id } stayBefore { checkIn } } }";
    let mut changes = subscribe(&app, &trip.guest, query, json!({ "id": trip.booking["id"] })).await;
    app.refund(&trip.host, &trip.booking, 1_000).await;
    let refund =
        json!({ "amount": { "amount": 1_000 }, "note": "The heating.", "booking": trip.booking["id"].clone() });
    let expected = json!({ "action": "REFUND", "note": "The heating.", "fromState": "CONFIRMED",
        "toState": "CONFIRMED", "createdAt": "2027-01-05T12:00:00.000Z", "refund": refund, "alteration": null, "stayBefore": null });
    let mut event = changes.next_event().await;
    event["refund"]["booking"] = event["refund"]["booking"]["id"].take();
    assert_eq!(event, expected);
    drop(changes);
    app.finish().await;
}

#[tokio::test]
async fn guest_and_host_receive_every_transition_of_every_path() {
    let app = TestApp::new().await;
    for row in ROWS {
        app.set(START);
        let host = app.host().await;
        let mut hosted = subscribe(&app, &LongToken(&host), HOST_BOOKING_CHANGED, json!({})).await;
        let trip = book(&app, host, row.path).await;
        let before = recorded_actions(&app, &trip).await;
        let mut changes =
            subscribe(&app, &LongToken(&trip.guest), BOOKING_CHANGED, json!({ "id": trip.booking["id"] })).await;
        perform_actions(&app, &trip, row.path).await;
        let all = recorded_actions(&app, &trip).await;
        assert_eq!(hosted.next_actions(all.len()).await, all, "{:?}", row.path);
        assert_eq!(changes.next_actions(all.len() - before.len()).await, all[before.len()..], "{:?}", row.path);
    }
    app.set("2027-03-05T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn subscribers_receive_no_events_of_other_users_bookings() {
    let app = TestApp::new().await;
    let (host, other, guest) = (app.host().await, app.host().await, app.guest().await);
    let (mine, theirs) =
        (app.published_listing(&host, json!({})).await, app.published_listing(&other, json!({})).await);
    let first = app.book(&guest, &mine, "2027-03-01", "2027-03-03").await;
    let mut changes = subscribe(&app, &guest, BOOKING_CHANGED, json!({ "id": first["id"] })).await;
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    app.book(&guest, &theirs, "2027-03-01", "2027-03-03").await;
    let second = app.book(&guest, &mine, "2027-03-10", "2027-03-12").await;
    app.cancel(&guest, &first).await;
    // The first event received is about the subscriber's own booking.
    let event = hosted.next_event().await;
    assert_eq!((&event["action"], &event["booking"]["id"]), (&json!("CREATE"), &second["id"]));
    let event = changes.next_event().await;
    assert_eq!((&event["action"], &event["booking"]["state"]), (&json!("CANCEL"), &json!("CANCELLED_BY_GUEST")));
    app.finish().await;
}

#[tokio::test]
async fn an_event_carries_the_current_rows_by_the_viewers_rights() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    for action in ["CREATE", "REQUEST"] {
        let event = hosted.next_event().await;
        assert_eq!((&event["action"], &event["booking"]["id"]), (&json!(action), &booking["id"]));
        let node = "query($id: ID!) { node(id: $id) { __typename id } }";
        let data = app.gql(&guest, node, json!({ "id": event["id"] })).await;
        assert_eq!(data["node"]["__typename"], "BookingEvent");
    }
    // An event carries the booking as it is when the event is read.
    app.perform(&host, "bookingAccept", &booking).await;
    let event = hosted.next_event().await;
    assert_eq!((&event["toState"], &event["booking"]["state"]), (&json!("CONFIRMED"), &json!("CONFIRMED")));
    app.cancel(&guest, &booking).await;
    let event = hosted.next_event().await;
    assert_eq!(event["booking"]["state"], "CANCELLED_BY_GUEST");
    app.finish().await;
}

#[tokio::test]
async fn a_rolled_back_change_publishes_nothing() {
    let app = TestApp::new().await;
    let (host, guest, competitor) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-31" });
    let mut calendar = subscribe(&app, &Anonymous, CALENDAR_CHANGED, range).await;
    let late = app.quote(&competitor, &listing, "2027-03-02", "2027-03-05").await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.next_actions(2).await, ["CREATE", "CONFIRM"]);
    for state in ["HELD", "BOOKED"] {
        let days = calendar.next_event().await;
        assert_eq!(days.as_array().unwrap().len(), 2, "{state}: {days:#}");
    }
    // The booking's row and some nights are written before the unavailable night is found.
    let given = json!({ "quoteToken": late, "booking": { "paymentMethodToken": "ok" } });
    assert_eq!(app.user_errors(&competitor, "bookingCreate", given).await[0]["code"], "NIGHTS_UNAVAILABLE");
    let change = json!([{ "from": "2027-03-20", "to": "2027-03-21", "blocked": true },
                        { "from": "2027-03-01", "to": "2027-03-02", "blocked": true }]);
    let refused = app.user_errors(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": change })).await;
    assert_eq!(refused[0]["code"], "NIGHTS_UNAVAILABLE");
    let last = app.book(&competitor, &listing, "2027-03-10", "2027-03-11").await;
    assert_eq!(hosted.next_event().await["booking"]["id"], last["id"]);
    assert_eq!(calendar.next_event().await[0]["date"], "2027-03-10");
    app.finish().await;
}

#[tokio::test]
async fn calendar_events_name_the_changed_days_inside_the_range() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-11" });
    let mut calendar = subscribe(&app, &Anonymous, CALENDAR_CHANGED, range).await;
    let day =
        |date: &str, state: &str, amount: i64| json!({ "date": date, "state": state, "price": { "amount": amount } });
    let update = async |changes: Value| {
        app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    };
    update(json!([{ "from": "2027-04-01", "to": "2027-04-03", "blocked": true }])).await;
    update(json!([{ "from": "2027-02-20", "to": "2027-03-02", "blocked": true },
                  { "from": "2027-03-09", "to": "2027-03-10", "price": usd(9_900) }]))
    .await;
    let expected = json!([day("2027-03-01", "BLOCKED_BY_HOST", 12_000), day("2027-03-09", "FREE", 9_900)]);
    assert_eq!(calendar.next_event().await, expected);
    let booking = app.book(&guest, &listing, "2027-03-10", "2027-03-14").await;
    assert_eq!(calendar.next_event().await.as_array().unwrap().len(), 1);
    assert_eq!(calendar.next_event().await, json!([day("2027-03-10", "BOOKED", 12_000)]));
    app.cancel(&host, &booking).await;
    assert_eq!(calendar.next_event().await[0], day("2027-03-10", "BLOCKED_BY_HOST", 12_000));
    let new_price = json!({ "id": listing, "expectedVersion": 2, "listing": { "pricing": { "base": usd(20_000) } } });
    app.mutate_ok(&host, "listingUpdate", new_price, "__typename").await;
    let days = calendar.next_event().await;
    assert_eq!((days.as_array().unwrap().len(), &days[2]), (10, &day("2027-03-03", "FREE", 20_000)));
    let new_title = json!({ "id": listing, "expectedVersion": 3, "listing": { "title": "Another name" } });
    app.mutate_ok(&host, "listingUpdate", new_title, "__typename").await;
    update(json!([{ "from": "2027-03-05", "to": "2027-03-06", "blocked": true }])).await;
    assert_eq!(calendar.next_event().await, json!([day("2027-03-05", "BLOCKED_BY_HOST", 15_000)]));
    app.finish().await;
}

#[tokio::test]
async fn calendar_events_include_nights_of_an_expired_hold_that_is_renewed() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    for (mode, stay_state) in [("INSTANT", "BOOKED"), ("REQUEST", "HELD")] {
        app.set(START);
        let place = json!({ "bookingMode": mode, "stayRules": { "preparationNights": 1 } });
        let listing = app.published_listing(&host, place).await;
        let booking =
            app.book_quote(&guest, &app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await, "3ds").await;
        // The sweep does not run here, and no other guest books the nights.
        app.advance(TimeDelta::minutes(20));
        let mut calendars = Vec::new();
        for (from, to) in [("2027-03-01", "2027-03-03"), ("2027-03-03", "2027-03-04")] {
            let range = json!({ "id": listing, "from": from, "to": to });
            calendars.push(subscribe(&app, &Anonymous, CALENDAR_CHANGED, range).await);
        }
        app.perform(&guest, "bookingPaymentConfirm", &booking).await;
        for (calendar, state) in calendars.iter_mut().zip([stay_state, "PREPARATION"]) {
            assert_eq!(calendar.next_event().await[0]["state"], state, "{mode}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_failed_alteration_is_an_event_of_its_booking() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-03-03")).await;
    let mut changes =
        subscribe(&app, &LongToken(&trip.guest), BOOKING_CHANGED, json!({ "id": trip.booking["id"] })).await;
    app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.advance(TimeDelta::hours(25));
    app.drain().await;
    assert_eq!(changes.next_actions(2).await, ["REQUEST_ALTERATION", "ALTERATION_EXPIRED"]);
    let change = app.request_alteration_ok(&trip.host, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.respond(&trip.guest, &change, true, Some("declined")).await;
    assert_eq!(changes.next_actions(3).await, ["REQUEST_ALTERATION", "AGREE_ALTERATION", "ALTERATION_UNPAID"]);
    app.finish().await;
}

#[tokio::test]
async fn calendar_events_of_an_alteration_name_released_and_claimed_nights() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let range = json!({ "id": listing, "from": "2027-02-25", "to": "2027-03-11" });
    let mut calendar = subscribe(&app, &Anonymous, CALENDAR_CHANGED, range).await;
    let given = json!({ "id": booking["id"], "stay": stay("2027-03-02", "2027-03-04") });
    let requested = app.mutate_ok(&guest, "bookingAlterationRequest", given, "alteration { id state }").await;
    if requested["alteration"]["state"] == "PENDING" {
        let answer = json!({ "id": requested["alteration"]["id"] });
        app.mutate_ok(&host, "bookingAlterationAccept", answer, "__typename").await;
    }
    let mut seen = std::collections::BTreeMap::new();
    while seen.len() < 3 || seen["2027-03-03"] != "BOOKED" {
        for day in calendar.next_event().await.as_array().unwrap() {
            seen.insert(text(day, "/date"), text(day, "/state"));
        }
    }
    let expected = [("2027-03-01", "FREE"), ("2027-03-02", "BOOKED"), ("2027-03-03", "BOOKED")];
    assert!(seen.iter().map(|(date, state)| (date.as_str(), state.as_str())).eq(expected), "{seen:?}");
    app.finish().await;
}

#[tokio::test]
async fn notifications_reach_their_recipient_and_nobody_else() {
    let app = TestApp::new().await;
    let (host, guest, other) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let mut hosts = subscribe(&app, &host, NOTIFICATION_RECEIVED, json!({})).await;
    let mut guests = subscribe(&app, &guest, NOTIFICATION_RECEIVED, json!({})).await;
    let mut others = subscribe(&app, &other, NOTIFICATION_RECEIVED, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let event = hosts.next_event().await;
    let expected = (&json!("BOOKING_REQUESTED"), &Value::Null, &booking["id"]);
    assert_eq!((&event["kind"], &event["readAt"], &event["subject"]["id"]), expected);
    app.perform(&host, "bookingAccept", &booking).await;
    assert_eq!(guests.next_event().await["kind"], "BOOKING_CONFIRMED");
    let second = app.book(&other, &listing, "2027-03-10", "2027-03-12").await;
    app.mutate_ok(&host, "bookingDecline", json!({ "id": second["id"], "reason": "No." }), "__typename").await;
    let event = others.next_event().await;
    assert_eq!((&event["kind"], &event["subject"]["id"]), (&json!("BOOKING_DECLINED"), &second["id"]));
    app.finish().await;
}

#[tokio::test]
async fn a_booking_made_while_its_host_subscribes_is_received_or_visible() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let reservations = "{ viewer { reservations(first: 5) { nodes { id } } } }";
    for _ in 0..10 {
        let host = app.host().await;
        let listing = app.published_listing(&host, json!({})).await;
        let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let mut hosted = execute(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
        let before = app.db.events().listeners();
        let listening = async {
            // Polls the subscription as a transport does, and queries as soon as it listens.
            loop {
                let event = tokio::time::timeout(Duration::from_micros(200), hosted.0.next()).await;
                if event.is_ok() || app.db.events().listeners() >= before + 2 {
                    return (event.is_ok(), app.gql(&host, reservations, json!({})).await);
                }
            }
        };
        let (booking, (is_received, seen)) = tokio::join!(app.book_quote(&guest, &quote, "ok"), listening);
        let is_seen =
            seen["viewer"]["reservations"]["nodes"].as_array().unwrap().iter().any(|n| n["id"] == booking["id"]);
        if !is_received && !is_seen {
            assert_eq!(hosted.next_event().await["booking"]["id"], booking["id"]);
        }
    }
    app.finish().await;
}
