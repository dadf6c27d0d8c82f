//! Who may subscribe, and what ends a subscription.

use chrono::TimeDelta;
use roost::platform::limits::rate_limit::Payer;
use serde_json::{Value, json};

use super::subscriber::{
    BOOKING_CHANGED, CALENDAR_CHANGED, HOST_BOOKING_CHANGED, NOTIFICATION_RECEIVED, execute, subscribe,
};
use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::live_server::wait_for_listeners;
use crate::scenarios::{usd, uuid_of};

#[tokio::test]
async fn subscriptions_without_permission_are_refused_immediately() {
    let app = TestApp::new().await;
    let (host, guest, stranger) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let draft = app.draft_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let id = json!({ "id": booking["id"] });
    assert_eq!(execute(&app, &Anonymous, BOOKING_CHANGED, id.clone()).await.closing_error().await, "UNAUTHENTICATED");
    assert_eq!(execute(&app, &stranger, BOOKING_CHANGED, id).await.closing_error().await, "NOT_FOUND id");
    assert_eq!(
        execute(&app, &guest, BOOKING_CHANGED, json!({ "id": listing })).await.closing_error().await,
        "INVALID id"
    );
    assert_eq!(
        execute(&app, &Anonymous, HOST_BOOKING_CHANGED, json!({})).await.closing_error().await,
        "UNAUTHENTICATED"
    );
    assert_eq!(execute(&app, &guest, HOST_BOOKING_CHANGED, json!({})).await.closing_error().await, "FORBIDDEN");
    assert_eq!(
        execute(&app, &Anonymous, NOTIFICATION_RECEIVED, json!({})).await.closing_error().await,
        "UNAUTHENTICATED"
    );
    let calendar = |id: &str, from: &str, to: &str| json!({ "id": id, "from": from, "to": to });
    let given = calendar(&draft, "2027-03-01", "2027-03-02");
    assert_eq!(execute(&app, &guest, CALENDAR_CHANGED, given).await.closing_error().await, "NOT_FOUND id");
    let given = calendar(&listing, "2027-03-01", "2028-03-02");
    assert_eq!(execute(&app, &guest, CALENDAR_CHANGED, given).await.closing_error().await, "TOO_MANY to");
    let given = calendar(&listing, "2027-03-01", "2027-03-01");
    assert_eq!(execute(&app, &guest, CALENDAR_CHANGED, given).await.closing_error().await, "INVALID to");
    drop(subscribe(&app, &guest, CALENDAR_CHANGED, calendar(&listing, "2027-03-01", "2028-03-01")).await);
    // A read that has begun in a task of its own ends after the subscription is dropped.
    wait_for_listeners(&app, 0).await;
    app.finish().await;
}

#[tokio::test]
async fn a_subscription_has_one_root_field_and_other_operations_one_response() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let two = "subscription { a: hostBookingChanged { id } b: hostBookingChanged { id } }";
    assert_eq!(execute(&app, &host, two, json!({})).await.closing_error().await, "GRAPHQL_VALIDATION_FAILED");
    let hidden = "subscription { ...Fields } fragment Fields on Subscription { \
                  a: hostBookingChanged { id } b: hostBookingChanged { id } }";
    assert_eq!(execute(&app, &host, hidden, json!({})).await.closing_error().await, "GRAPHQL_VALIDATION_FAILED");
    let mut once = execute(&app, &host, "{ viewer { __typename } }", json!({})).await;
    assert_eq!(once.response().await.unwrap()["data"], json!({ "viewer": { "__typename": "Viewer" } }));
    assert_eq!(once.response().await, None);
    app.finish().await;
}

#[tokio::test]
async fn revoking_a_session_ends_only_its_subscriptions() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut other = host.clone();
    other.session = app.clock.new_id();
    let sql = "INSERT INTO session (id, user_id, created_at, last_seen_at, expires_at) \
               SELECT $1, user_id, created_at, last_seen_at, expires_at FROM session WHERE id = $2";
    app.execute(sql, [other.session.into(), host.session.into()]).await;
    let mut ended = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    let mut unaffected = subscribe(&app, &other, HOST_BOOKING_CHANGED, json!({})).await;
    app.mutate_ok(&host, "sessionRevoke", json!({}), "__typename").await;
    assert_eq!(ended.closing_error().await, "TOKEN_EXPIRED");
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(unaffected.next_event().await["booking"]["id"], booking["id"]);
    app.finish().await;
}

#[tokio::test]
async fn a_session_that_ended_unnoticed_is_detected_before_the_next_event() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    let sql = "UPDATE session SET revoked_at = created_at WHERE id = $1";
    app.execute(sql, [host.session.into()]).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.closing_error().await, "TOKEN_EXPIRED");
    app.finish().await;
}

#[tokio::test]
async fn an_expired_token_ends_its_subscriptions() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    app.advance(TimeDelta::minutes(15));
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.closing_error().await, "TOKEN_EXPIRED");
    app.finish().await;
}

#[tokio::test]
async fn losing_a_permission_ends_the_subscription() {
    let app = TestApp::new().await;
    let (host, guest, staff) = (app.host().await, app.guest().await, app.admin().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let id = json!({ "id": booking["id"] });
    let mut changes = subscribe(&app, &staff, BOOKING_CHANGED, id.clone()).await;
    app.execute("UPDATE \"user\" SET is_admin = $1 WHERE id = $2", [false.into(), staff.user.into()]).await;
    app.cancel(&guest, &booking).await;
    assert_eq!(changes.closing_error().await, "EVENTS_INTERRUPTED");
    assert_eq!(execute(&app, &staff, BOOKING_CHANGED, id).await.closing_error().await, "NOT_FOUND id");
    app.finish().await;
}

#[tokio::test]
async fn unlisting_ends_the_subscriptions_of_guests_and_not_of_the_host() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-03" });
    let mut subscriptions = Vec::new();
    for who in [&host, &guest] {
        subscriptions.push(subscribe(&app, who, CALENDAR_CHANGED, range.clone()).await);
    }
    app.mutate_ok(&host, "listingUnlist", json!({ "id": listing }), "__typename").await;
    assert_eq!(subscriptions[1].closing_error().await, "NOT_FOUND id");
    assert_eq!(subscriptions[0].next_event().await.as_array().map(Vec::len), Some(2));
    app.finish().await;
}

#[tokio::test]
async fn a_slow_reader_is_dropped_with_the_reason() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-03" });
    let mut slow = subscribe(&app, &Anonymous, CALENDAR_CHANGED, range.clone()).await;
    let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": usd(9_900) }]);
    for _ in 0..=roost::platform::messaging::BUFFER {
        let given = json!({ "id": listing, "changes": changes });
        app.mutate_ok(&host, "listingCalendarUpdate", given, "__typename").await;
    }
    assert_eq!(slow.closing_error().await, "SLOW_CONSUMER");
    // A subscriber within the buffer's size receives every event.
    let mut behind = subscribe(&app, &Anonymous, CALENDAR_CHANGED, range).await;
    for price in 1..=10 {
        let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": usd(price) }]);
        app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    }
    for _ in 1..=10 {
        assert_eq!(behind.next_event().await[0]["price"], json!({ "amount": 10 }));
    }
    app.finish().await;
}

#[tokio::test]
async fn events_for_many_listeners_cost_each_the_same() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOST_BOOKING_CHANGED, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let mut costs = Vec::new();
    for _ in 0..2 {
        let before = app.db.statements();
        assert_ne!(hosted.next_event().await["booking"], Value::Null);
        costs.push(app.db.statements() - before);
    }
    // The statements of an event: the session with its user, the event, the booking for the permission check, and the
    // booking for the response.
    assert_eq!(costs, [4, 4]);
    assert_eq!(app.count("booking WHERE listing_id = $1", [uuid_of(&listing).into()]).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn every_event_costs_points_and_an_empty_budget_ends_the_subscription() {
    let budget = ["--cost-budget=10000", "--cost-refill=1", "--operation-cost=10000", "--redis-url="];
    let app = TestApp::with(&budget).await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-03" });
    let mut calendar = subscribe(&app, &Anonymous, CALENDAR_CHANGED, range).await;
    let nobody = Payer::new(None, None);
    let left = async |spend| app.rate_limit.charge_cost(&nobody, spend).await.unwrap().unwrap().remaining;
    let cost = 10_000 - left(0).await;
    let change = async |price: u32| {
        let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": usd(price.into()) }]);
        app.mutate_ok(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    };
    change(7).await;
    assert_eq!(calendar.next_event().await[0]["price"], json!({ "amount": 7 }));
    assert_eq!(left(0).await, 10_000 - 2 * cost);
    left(10_000 - 3 * cost + 1).await;
    change(8).await;
    assert_eq!(calendar.closing_error().await, "RATE_LIMITED");
    app.finish().await;
}
