//! The events of a booking: what happened, what people wrote with it, and what it changed.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{Person, TestApp};
use crate::scenarios::stay;

const EVENTS: &str = "query($id: ID!) { booking(id: $id) { events(last: 100) { nodes { action actor note \
    refund { amount { amount } note explanation } alteration { id state } stayBefore { checkIn checkOut nights } \
    stayAfter { checkIn checkOut } fromState toState createdAt user { id } } } } }";

/// The events of a booking as a person sees them, oldest first.
async fn events(app: &TestApp, who: &Person, booking: &Value) -> Vec<Value> {
    let mut data = app.gql(who, EVENTS, json!({ "id": booking["id"] })).await;
    let mut nodes = data["booking"]["events"]["nodes"].take();
    let mut nodes = std::mem::take(nodes.as_array_mut().expect("a list"));
    nodes.reverse();
    nodes
}

/// Some fields of each event.
fn fields(events: &[Value], names: &[&str]) -> Vec<Value> {
    events.iter().map(|event| names.iter().map(|name| event[name].clone()).collect()).collect()
}

#[tokio::test]
async fn the_events_have_what_people_wrote_what_was_refunded_and_what_was_altered() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "cancellationPolicy": "STRICT" }), ("2027-03-01", "2027-03-03")).await;
    app.refund(&trip.host, &trip.booking, 1_000).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-02")).await;
    app.respond_ok(&trip.host, &change, true, None).await;
    let refund = app.cancellation_refund(&trip.guest, &trip.booking).await;
    let cancel = json!({ "id": trip.booking["id"], "expectedRefund": refund, "reason": " A change of plans. " });
    app.mutate_ok(&trip.guest, "bookingCancel", cancel, "__typename").await;
    let seen = events(&app, &trip.guest, &trip.booking).await;
    assert_eq!(
        fields(&seen, &["action", "actor", "note", "fromState", "toState"]),
        [
            json!(["CREATE", "GUEST", null, null, "PENDING_PAYMENT"]),
            json!(["CONFIRM", "SYSTEM", null, "PENDING_PAYMENT", "CONFIRMED"]),
            json!(["REFUND", "HOST", "The heating.", "CONFIRMED", "CONFIRMED"]),
            json!(["REQUEST_ALTERATION", "GUEST", null, "CONFIRMED", "CONFIRMED"]),
            json!(["ALTER", "HOST", null, "CONFIRMED", "CONFIRMED"]),
            json!(["CANCEL", "GUEST", "A change of plans.", "CONFIRMED", "CANCELLED_BY_GUEST"]),
        ]
    );
    let beyond_policy = "Refunded in addition to the cancellation policy.";
    let in_time = "Cancelled within 24 hours of confirmation, at least 7 days ahead. Full refund.";
    let refunds = |minor: i64, note: Option<&str>, explanation: &str| json!([{ "amount": { "amount": minor }, "note": note, "explanation": explanation }]);
    let none = json!([null]);
    assert_eq!(
        fields(&seen, &["refund"]),
        [
            none.clone(),
            none.clone(),
            refunds(1_000, Some("The heating."), beyond_policy),
            none.clone(),
            refunds(10_000, None, "The stay was changed."),
            refunds(9_000, Some("A change of plans."), in_time),
        ]
    );
    let altered = json!({ "id": change["id"], "state": "ACCEPTED" });
    let alterations: Vec<&Value> = seen.iter().map(|event| &event["alteration"]).collect();
    let null = &Value::Null;
    assert_eq!(alterations, [null, null, null, &altered, &altered, null]);
    let stays = fields(&seen, &["stayBefore", "stayAfter"]);
    let before = json!({ "checkIn": "2027-03-01", "checkOut": "2027-03-03", "nights": 2 });
    let after = json!({ "checkIn": "2027-03-01", "checkOut": "2027-03-02" });
    assert_eq!(stays[4], json!([before, after]));
    assert!(stays.iter().enumerate().all(|(index, stays)| index == 4 || *stays == json!([null, null])), "{stays:?}");
    assert_eq!(
        fields(&seen[..1], &["createdAt", "user"]),
        [json!(["2027-01-05T12:00:00.000Z", { "id": trip.guest.id() }])]
    );
    assert_eq!(seen[1]["user"], Value::Null);
    assert_eq!(events(&app, &trip.host, &trip.booking).await, seen);
    assert_eq!(events(&app, &trip.staff, &trip.booking).await, seen);
    app.finish().await;
}

#[tokio::test]
async fn a_refund_from_several_payments_shows_the_largest_part_in_its_event() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "cancellationPolicy": "STRICT" }), ("2027-03-01", "2027-03-03")).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.respond_ok(&trip.host, &change, true, None).await;
    let payload = app.cancel(&trip.guest, &trip.booking).await;
    assert_eq!(payload["refund"]["amount"]["amount"], 20_000);
    let seen = events(&app, &trip.guest, &trip.booking).await;
    assert_eq!(seen.last().unwrap()["refund"]["amount"]["amount"], 20_000);
    let query = "query($id: ID!) { booking(id: $id) { cancellation { refund { amount } } \
                 payment { refunds { id } } events(first: 1) { nodes { refund { id } } } } }";
    let data = app.gql(&trip.guest, query, json!({ "id": trip.booking["id"] })).await;
    assert_eq!(data["booking"]["cancellation"]["refund"]["amount"], 30_000);
    assert_eq!(data["booking"]["payment"]["refunds"].as_array().unwrap().len(), 2);
    assert_eq!(data["booking"]["events"]["nodes"][0]["refund"]["id"], payload["refund"]["id"]);
    app.finish().await;
}

#[tokio::test]
async fn the_statements_for_events_and_ends_of_bookings_do_not_depend_on_their_number() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    for _ in 0..4 {
        let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
        let declined = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
        let decline = json!({ "id": declined["id"], "reason": "We are renovating." });
        app.mutate_ok(&host, "bookingDecline", decline, "__typename").await;
        let cancelled = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
        app.perform(&host, "bookingAccept", &cancelled).await;
        app.refund(&host, &cancelled, 1_000).await;
        app.request_alteration_ok(&guest, &cancelled, stay("2027-03-01", "2027-03-05")).await;
        app.cancel(&guest, &cancelled).await;
        app.advance(TimeDelta::seconds(1));
    }
    let mut statements = Vec::new();
    for first in [2, 8] {
        let query = format!(
            "{{ viewer {{ trips(first: {first}) {{ nodes {{ state decline {{ note }} cancellation {{ rule }} \
             cancellationPreview {{ rule }} events(first: 20) {{ nodes {{ action note user {{ displayName }} \
             refund {{ note booking {{ code }} }} alteration {{ state }} booking {{ code }} }} }} }} }} }} }}"
        );
        let before = app.db.statements();
        let data = app.gql(&guest, &query, json!({})).await;
        statements.push(app.db.statements() - before);
        let nodes = data["viewer"]["trips"]["nodes"].as_array().unwrap();
        let is_full = |node: &Value| node["decline"].is_object() != node["cancellation"].is_object();
        assert!(nodes.len() == first && nodes.iter().all(is_full), "{data:#}");
    }
    assert_eq!(statements[0], statements[1]);
    assert!(statements[1] <= 12, "{statements:?}");
    app.finish().await;
}
