//! The calendar of a listing: reading it, blocking nights and setting prices.

use serde_json::{Value, json};

use crate::client::{Anonymous, Caller};
use crate::harness::{Person, TestApp};
use crate::scenarios::{stay, usd};

async fn calendar(app: &TestApp, who: &(impl Caller + ?Sized), listing: &str, from: &str, to: &str) -> Vec<Value> {
    let query = "query($id: ID!, $from: Date!, $to: Date!) { listing(id: $id) { calendar(from: $from, to: $to) { \
                 date state price { amount } priceSource checkInAllowed checkOutAllowed minNights note \
                 booking { id } } } }";
    let data = app.gql(who, query, json!({ "id": listing, "from": from, "to": to })).await;
    data["listing"]["calendar"].as_array().unwrap().clone()
}

async fn update_calendar(app: &TestApp, host: &Person, listing: &str, changes: Value) -> Value {
    let given = json!({ "id": listing, "changes": changes });
    app.mutate_ok(host, "listingCalendarUpdate", given, "days { date state price { amount } priceSource }").await
}

fn states(days: &[Value]) -> Vec<&str> {
    days.iter().map(|day| day["state"].as_str().unwrap()).collect()
}

fn prices(days: &[Value]) -> Vec<(i64, &str)> {
    days.iter().map(|day| (day["price"]["amount"].as_i64().unwrap(), day["priceSource"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn each_day_has_its_price_and_the_source_of_the_price() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing =
        app.published_listing(&host, json!({ "stayRules": { "checkInDays": ["THU"], "minNights": 2 } })).await;
    update_calendar(&app, &host, &listing, json!([{ "from": "2027-03-06", "to": "2027-03-07", "price": usd(30_000) }]))
        .await;
    let days = calendar(&app, &Anonymous, &listing, "2027-03-04", "2027-03-08").await;
    let expected = [(12_000, "BASE"), (15_000, "WEEKEND"), (30_000, "OVERRIDE"), (12_000, "BASE")];
    assert_eq!(prices(&days), expected);
    let thursday = json!({
        "date": "2027-03-04", "state": "FREE", "price": { "amount": 12_000 }, "priceSource": "BASE",
        "checkInAllowed": true, "checkOutAllowed": true, "minNights": 2, "note": null, "booking": null,
    });
    assert_eq!(days[0], thursday);
    assert_eq!(days[1]["checkInAllowed"], false);
    app.finish().await;
}

#[tokio::test]
async fn a_host_blocks_opens_prices_and_clears_nights() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let changed = update_calendar(
        &app,
        &host,
        &listing,
        json!([
            { "from": "2027-03-01", "to": "2027-03-04", "blocked": true },
            { "from": "2027-03-02", "to": "2027-03-06", "price": usd(9_900) },
            { "from": "2027-03-03", "to": "2027-03-04", "blocked": false },
        ]),
    )
    .await;
    let days = changed["days"].as_array().unwrap();
    assert_eq!(states(days), ["BLOCKED_BY_HOST", "BLOCKED_BY_HOST", "FREE", "FREE", "FREE"]);
    assert_eq!(prices(days)[..2], [(12_000, "BASE"), (9_900, "OVERRIDE")]);

    update_calendar(&app, &host, &listing, json!([{ "from": "2027-03-02", "to": "2027-03-05", "price": null }])).await;
    let days = calendar(&app, &Anonymous, &listing, "2027-03-01", "2027-03-06").await;
    let expected = [(12_000, "BASE"), (12_000, "BASE"), (12_000, "BASE"), (12_000, "BASE"), (9_900, "OVERRIDE")];
    assert_eq!(prices(&days), expected);
    assert_eq!(states(&days)[..2], ["BLOCKED_BY_HOST"; 2], "clearing a price does not unblock a night");
    app.finish().await;
}

#[tokio::test]
async fn other_users_see_that_nights_are_booked_but_not_by_whom() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "stayRules": { "preparationNights": 1 } })).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let note = json!([{ "from": "2027-03-05", "to": "2027-03-06", "blocked": true, "note": "Painters" }]);
    update_calendar(&app, &host, &listing, note).await;
    let expected = ["BOOKED", "BOOKED", "PREPARATION", "FREE", "BLOCKED_BY_HOST"];

    let shown = calendar(&app, &Anonymous, &listing, "2027-03-01", "2027-03-06").await;
    assert_eq!(states(&shown), expected);
    assert!(shown.iter().all(|day| day["booking"].is_null() && day["note"].is_null()), "{shown:?}");

    let own = calendar(&app, &host, &listing, "2027-03-01", "2027-03-06").await;
    assert_eq!(states(&own), expected);
    assert_eq!(own[0]["booking"]["id"], booking["id"]);
    assert_eq!(own[4]["note"], "Painters");
    assert_eq!(calendar(&app, &guest, &listing, "2027-03-01", "2027-03-02").await[0]["booking"]["id"], booking["id"]);
    app.finish().await;
}

#[tokio::test]
async fn nights_in_the_past_and_beyond_the_window_are_not_available() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({ "stayRules": { "bookingWindowDays": 2 } })).await;
    let days = calendar(&app, &Anonymous, &listing, "2027-01-04", "2027-01-08").await;
    assert_eq!(states(&days), ["OUTSIDE_WINDOW", "FREE", "FREE", "OUTSIDE_WINDOW"]);
    app.finish().await;
}

#[tokio::test]
async fn blocking_booked_nights_is_refused_and_changes_nothing() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    app.book(&guest, &listing, "2027-03-02", "2027-03-04").await;
    let changes = json!([
        { "from": "2027-03-10", "to": "2027-03-11", "blocked": true, "price": usd(1_000) },
        { "from": "2027-03-01", "to": "2027-03-05", "blocked": true },
    ]);
    let errors = app.user_errors(&host, "listingCalendarUpdate", json!({ "id": listing, "changes": changes })).await;
    assert_eq!(crate::client::error_codes(&errors), ["NIGHTS_UNAVAILABLE changes.1.blocked"]);
    let nights = json!([{ "date": "2027-03-02", "state": "BOOKED" }, { "date": "2027-03-03", "state": "BOOKED" }]);
    assert_eq!(errors[0]["nights"], nights);
    let days = calendar(&app, &Anonymous, &listing, "2027-03-10", "2027-03-11").await;
    assert_eq!((states(&days), prices(&days)), (vec!["FREE"], vec![(12_000, "BASE")]));
    app.finish().await;
}

#[tokio::test]
async fn blocks_prices_and_minimum_stays_apply_to_guests() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let changes = json!([
        { "from": "2027-03-01", "to": "2027-03-03", "price": usd(20_000) },
        { "from": "2027-03-08", "to": "2027-03-09", "blocked": true },
        { "from": "2027-03-15", "to": "2027-03-16", "minNights": 3 },
    ]);
    update_calendar(&app, &host, &listing, changes).await;
    let quote = app.quote_for(&guest, &listing, stay("2027-03-01", "2027-03-04")).await;
    assert_eq!(quote["price"]["total"]["amount"], 20_000 + 20_000 + 12_000 + 6_000);
    let given = json!({ "listingId": listing, "stay": stay("2027-03-07", "2027-03-09") });
    let errors = app.user_errors(&guest, "quoteCreate", given).await;
    assert_eq!(crate::client::error_codes(&errors), ["NIGHTS_UNAVAILABLE stay"]);
    assert_eq!(errors[0]["nights"], json!([{ "date": "2027-03-08", "state": "BLOCKED_BY_HOST" }]));
    let given = json!({ "listingId": listing, "stay": stay("2027-03-15", "2027-03-17") });
    assert_eq!(app.errors(&guest, "quoteCreate", given).await, ["STAY_RULE_VIOLATED stay"]);
    app.finish().await;
}

#[tokio::test]
async fn invalid_date_ranges_are_refused() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let query = "query($id: ID!, $from: Date!, $to: Date!) { listing(id: $id) { calendar(from: $from, to: $to) \
                 { date } } }";
    for (from, to, refusal) in [
        ("2027-03-02", "2027-03-02", "INVALID to"),
        ("2027-03-02", "2027-03-01", "INVALID to"),
        ("2027-01-01", "2028-01-03", "TOO_MANY to"),
        ("0001-01-01", "0001-01-03", "INVALID from"),
    ] {
        let given = json!({ "id": listing, "from": from, "to": to });
        assert_eq!(app.query_error(&Anonymous, query, given).await, refusal, "{from} to {to}");
    }
    assert_eq!(calendar(&app, &Anonymous, &listing, "2027-01-01", "2028-01-02").await.len(), 366);
    for (changes, refusal) in [
        (json!([]), "REQUIRED changes"),
        (json!([{ "from": "2027-03-02", "to": "2027-03-02", "blocked": true }]), "INVALID changes.0.to"),
        (json!([{ "from": "2027-03-01", "to": "2028-04-02", "blocked": true }]), "TOO_MANY changes.0.to"),
        (json!([{ "from": "2027-03-01", "to": "2027-03-02", "price": usd(-1) }]), "INVALID changes.0.price.amount"),
        (json!([{ "from": "2027-03-01", "to": "2027-03-02", "minNights": 0 }]), "INVALID changes.0.minNights"),
        (json!([{ "from": "2027-03-01", "to": "2027-03-02", "blocked": null }]), "REQUIRED changes.0.blocked"),
        (json!([{ "from": "2027-03-01", "to": "2027-03-02", "note": "x".repeat(201) }]), "TOO_LONG changes.0.note"),
    ] {
        let given = json!({ "id": listing, "changes": changes });
        assert_eq!(app.errors(&host, "listingCalendarUpdate", given).await, [refusal]);
    }
    let many: Vec<Value> = vec![json!({ "from": "2027-03-01", "to": "2027-03-02", "price": usd(1) }); 101];
    let given = json!({ "id": listing, "changes": many });
    assert_eq!(app.errors(&host, "listingCalendarUpdate", given).await, ["TOO_MANY changes"]);
    assert_eq!(app.count("night", []).await, 0);
    app.finish().await;
}
