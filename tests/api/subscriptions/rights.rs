//! Who may subscribe, and what ends a subscription.

use chrono::TimeDelta;
use roost::platform::limits::rate_limit::Payer;
use serde_json::{Value, json};

use super::{CALENDAR, HOSTED, NEWS, STEPS, run, subscribe};
use crate::client::Nobody;
use crate::harness::TestApp;
use crate::scenes::key;

#[tokio::test]
async fn what_is_not_for_somebody_is_refused_at_once() {
    let app = TestApp::new().await;
    let (host, guest, stranger) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let draft = app.draft(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let id = json!({ "id": booking["id"] });
    assert_eq!(run(&app, &Nobody, STEPS, id.clone()).await.end().await, "UNAUTHENTICATED");
    assert_eq!(run(&app, &stranger, STEPS, id).await.end().await, "NOT_FOUND id");
    assert_eq!(run(&app, &guest, STEPS, json!({ "id": listing })).await.end().await, "INVALID id");
    assert_eq!(run(&app, &Nobody, HOSTED, json!({})).await.end().await, "UNAUTHENTICATED");
    assert_eq!(run(&app, &guest, HOSTED, json!({})).await.end().await, "FORBIDDEN");
    assert_eq!(run(&app, &Nobody, NEWS, json!({})).await.end().await, "UNAUTHENTICATED");
    let calendar = |id: &str, from: &str, to: &str| json!({ "id": id, "from": from, "to": to });
    let given = calendar(&draft, "2027-03-01", "2027-03-02");
    assert_eq!(run(&app, &guest, CALENDAR, given).await.end().await, "NOT_FOUND id");
    let given = calendar(&listing, "2027-03-01", "2028-03-02");
    assert_eq!(run(&app, &guest, CALENDAR, given).await.end().await, "TOO_MANY to");
    let given = calendar(&listing, "2027-03-01", "2027-03-01");
    assert_eq!(run(&app, &guest, CALENDAR, given).await.end().await, "INVALID to");
    drop(subscribe(&app, &guest, CALENDAR, calendar(&listing, "2027-03-01", "2028-03-01")).await);
    assert_eq!(app.db.events().listeners(), 0);
    app.finish().await;
}

#[tokio::test]
async fn a_subscription_asks_for_one_field_and_other_operations_are_answered_once() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let two = "subscription { a: hostBookingChanged { id } b: hostBookingChanged { id } }";
    assert_eq!(run(&app, &host, two, json!({})).await.end().await, "GRAPHQL_VALIDATION_FAILED");
    let hidden = "subscription { ...Live } fragment Live on Subscription { hostBookingChanged { id } }";
    assert_eq!(run(&app, &host, hidden, json!({})).await.end().await, "GRAPHQL_VALIDATION_FAILED");
    let mut once = run(&app, &host, "{ viewer { __typename } }", json!({})).await;
    assert_eq!(once.response().await.unwrap()["data"], json!({ "viewer": { "__typename": "Viewer" } }));
    assert_eq!(once.response().await, None);
    app.finish().await;
}

#[tokio::test]
async fn a_session_that_is_revoked_hears_nothing_more_and_another_goes_on() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut other = host.clone();
    other.session = app.clock.id();
    let sql = "INSERT INTO session (id, user_id, created_at, last_seen_at, expires_at) \
               SELECT $1, user_id, created_at, last_seen_at, expires_at FROM session WHERE id = $2";
    app.execute(sql, [other.session.into(), host.session.into()]).await;
    let mut ended = subscribe(&app, &host, HOSTED, json!({})).await;
    let mut going = subscribe(&app, &other, HOSTED, json!({})).await;
    app.must(&host, "sessionRevoke", json!({}), "__typename").await;
    assert_eq!(ended.end().await, "TOKEN_EXPIRED");
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(going.hear().await["booking"]["id"], booking["id"]);
    app.finish().await;
}

#[tokio::test]
async fn a_session_that_ended_unheard_is_found_out_before_the_next_event_is_told() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    let sql = "UPDATE session SET revoked_at = created_at WHERE id = $1";
    app.execute(sql, [host.session.into()]).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.end().await, "TOKEN_EXPIRED");
    app.finish().await;
}

#[tokio::test]
async fn a_token_that_has_run_out_hears_nothing_more() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    app.advance(TimeDelta::minutes(15));
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(hosted.end().await, "TOKEN_EXPIRED");
    app.finish().await;
}

#[tokio::test]
async fn whoever_loses_a_right_has_to_subscribe_again() {
    let app = TestApp::new().await;
    let (host, guest, staff) = (app.host().await, app.guest().await, app.admin().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let id = json!({ "id": booking["id"] });
    let mut steps = subscribe(&app, &staff, STEPS, id.clone()).await;
    app.execute("UPDATE \"user\" SET is_admin = $1 WHERE id = $2", [false.into(), staff.user.into()]).await;
    app.cancel(&guest, &booking).await;
    assert_eq!(steps.end().await, "EVENTS_INTERRUPTED");
    assert_eq!(run(&app, &staff, STEPS, id).await.end().await, "NOT_FOUND id");
    app.finish().await;
}

#[tokio::test]
async fn a_listing_off_the_market_ends_its_guests_subscriptions_and_not_its_hosts() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-03" });
    let mut watching = Vec::new();
    for who in [&host, &guest] {
        watching.push(subscribe(&app, who, CALENDAR, range.clone()).await);
    }
    app.must(&host, "listingUnlist", json!({ "id": listing }), "__typename").await;
    assert_eq!(watching[1].end().await, "NOT_FOUND id");
    assert_eq!(watching[0].hear().await.as_array().map(Vec::len), Some(2));
    app.finish().await;
}

#[tokio::test]
async fn whoever_reads_too_slowly_is_dropped_with_the_reason() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-03" });
    let mut slow = subscribe(&app, &Nobody, CALENDAR, range.clone()).await;
    let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": 9_900 }]);
    for _ in 0..=roost::platform::messaging::publisher::BUFFER {
        let given = json!({ "id": listing, "changes": changes });
        app.must(&host, "listingCalendarUpdate", given, "__typename").await;
    }
    assert_eq!(slow.end().await, "SLOW_CONSUMER");
    // One that is not that far behind hears everything.
    let mut behind = subscribe(&app, &Nobody, CALENDAR, range).await;
    for price in 1..=10 {
        let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": price }]);
        app.must(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    }
    for _ in 1..=10 {
        assert_eq!(behind.hear().await[0]["price"], json!({ "amount": 10 }));
    }
    app.finish().await;
}

#[tokio::test]
async fn what_many_listeners_hear_costs_each_the_same() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let mut hosted = subscribe(&app, &host, HOSTED, json!({})).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let mut costs = Vec::new();
    for _ in 0..2 {
        let before = app.db.statements();
        assert_ne!(hosted.hear().await["booking"], Value::Null);
        costs.push(app.db.statements() - before);
    }
    // Session and person; the step; its booking, whether the viewer may know of it, and again to be shown.
    assert_eq!(costs, [4, 4]);
    assert_eq!(app.count("booking WHERE listing_id = $1", [key(&listing).into()]).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn every_event_is_paid_for_and_a_subscription_without_a_budget_ends() {
    let budget = ["--cost-budget=10000", "--cost-refill=1", "--operation-cost=10000", "--redis-url="];
    let app = TestApp::with(&budget).await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let range = json!({ "id": listing, "from": "2027-03-01", "to": "2027-03-03" });
    let mut calendar = subscribe(&app, &Nobody, CALENDAR, range).await;
    let nobody = Payer::of(None, None);
    let left = async |spend| app.rate_limit.cost(&nobody, spend).await.unwrap().unwrap().remaining;
    let cost = 10_000 - left(0).await;
    let change = async |price: u32| {
        let changes = json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": price }]);
        app.must(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes }), "__typename").await;
    };
    change(7).await;
    assert_eq!(calendar.hear().await[0]["price"], json!({ "amount": 7 }));
    assert_eq!(left(0).await, 10_000 - 2 * cost);
    left(10_000 - 3 * cost + 1).await;
    change(8).await;
    assert_eq!(calendar.end().await, "RATE_LIMITED");
    app.finish().await;
}
