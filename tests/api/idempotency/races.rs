//! Requests with one key at the same time, and requests whose first run was cut short.

use std::collections::BTreeSet;

use super::*;
use crate::client::send_crowd;

async fn state(app: &TestApp) -> String {
    app.value("SELECT state FROM idempotency_key WHERE operation = 'bookingCreate'", []).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_requests_with_one_key_one_is_done() {
    const REQUESTS: usize = 200;
    let app = TestApp::busy().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let query = document_with("bookingCreate", &given, "booking { id state }", Some("one"));
    let requests = (0..REQUESTS).map(|_| graphql_request(guest.token(&app), &query, &given)).collect();
    let mut made = BTreeSet::new();
    let mut first = 0;
    for answer in send_crowd(&app.router, requests).await {
        let body = answer.json();
        let payload = &body["data"]["bookingCreate"];
        if payload["booking"].is_object() {
            made.insert(text(payload, "/booking/id"));
            let mark = &body["extensions"]["idempotency"]["bookingCreate"];
            first += usize::from(mark["replayed"] == false);
        } else {
            assert_eq!(errors(payload), ["IDEMPOTENCY_IN_PROGRESS"], "{body:#}");
        }
    }
    assert_eq!((made.len(), first), (1, 1));
    assert_eq!((app.count("booking", []).await, app.count("payment", []).await), (1, 1));
    assert_eq!(app.count("payment_attempt WHERE operation = 'AUTHORIZE'", []).await, 1);
    let (later, replayed) = keyed(&app, &guest, "bookingCreate", given, "booking { id state }", "one").await;
    assert!(replayed);
    assert_eq!(Some(&text(&later, "/booking/id")), made.first());
    assert_eq!(later["booking"]["state"], "CONFIRMED");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn things_without_a_quote_are_made_once_too() {
    let app = TestApp::busy().await;
    let host = app.host().await;
    let given = json!({ "listing": new_york() });
    let query = document_with("listingCreate", &given, "listing { id }", Some("one"));
    let requests = (0..40).map(|_| graphql_request(host.token(&app), &query, &given)).collect();
    let mut made = BTreeSet::new();
    for answer in send_crowd(&app.router, requests).await {
        let payload = answer.json()["data"]["listingCreate"].take();
        if payload["listing"].is_object() {
            made.insert(text(&payload, "/listing/id"));
        } else {
            assert_eq!(errors(&payload), ["IDEMPOTENCY_IN_PROGRESS"]);
        }
    }
    assert_eq!((made.len(), app.count("listing", []).await), (1, 1));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_was_cut_short_is_gone_on_with_once_its_lease_has_lapsed() {
    let app = TestApp::busy().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "slow" } });
    let query = document_with("bookingCreate", &given, BOOKING, Some("one"));
    let request = graphql_request(guest.token(&app), &query, &given);
    let router = app.router.clone();
    let first = tokio::spawn(async move { send(&router, request).await });
    // The processor takes two seconds; the process stops while it waits for the answer.
    let key = "idempotency_key WHERE operation = 'bookingCreate'";
    until("the key is there", async || app.count(key, []).await > 0).await;
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));

    let (early, replayed) = keyed(&app, &guest, "bookingCreate", given.clone(), BOOKING, "one").await;
    assert_eq!((errors(&early), replayed), (vec!["IDEMPOTENCY_IN_PROGRESS".to_owned()], false));
    assert_eq!(state(&app).await, "RUNNING");
    app.advance(TimeDelta::seconds(60));
    let (resumed, replayed) = keyed(&app, &guest, "bookingCreate", given.clone(), BOOKING, "one").await;
    assert!(replayed);
    assert_eq!(resumed["booking"]["state"], "CONFIRMED", "{resumed:#}");
    assert_eq!(state(&app).await, "DONE");
    let (again, _) = keyed(&app, &guest, "bookingCreate", given, BOOKING, "one").await;
    assert_eq!(again, resumed);
    assert_eq!((app.count("booking", []).await, app.count("sandbox_intent", []).await), (1, 1));
    app.finish().await;
}

#[tokio::test]
async fn a_run_that_broke_after_its_effect_is_gone_on_with_at_once() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let seasons = |value: Value| {
        let values = [value.into(), crate::scenes::key(&listing).into()];
        app.execute("UPDATE listing SET seasons = $1 WHERE id = $2", values)
    };
    // The change is written, and then the calendar cannot be read.
    seasons(json!("nonsense")).await;
    let given = json!({ "id": listing, "changes": [{ "from": "2027-03-01", "to": "2027-03-02", "price": 77 }] });
    let selection = "days { date price { amount } }";
    let query = document_with("listingCalendarUpdate", &given, selection, Some("one"));
    for _ in 0..2 {
        let body = app.post(&host, &query, given.clone()).await.json();
        assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL");
        assert_eq!(app.count("night WHERE price_minor = 77", []).await, 1);
    }
    // What another request did in between stays: the effect is not there to be done again.
    app.execute("UPDATE night SET price_minor = 88", []).await;
    seasons(json!([])).await;
    let (done, replayed) = keyed(&app, &host, "listingCalendarUpdate", given, selection, "one").await;
    assert!(replayed);
    assert_eq!(done["days"], json!([{ "date": "2027-03-01", "price": { "amount": 88 } }]));
    assert_eq!(app.count("idempotency_key WHERE state = 'DONE' AND \"key\" = 'one'", []).await, 1);
    app.finish().await;
}
