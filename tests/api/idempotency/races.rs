//! Concurrent requests with one key, and requests whose first run was interrupted.

use std::collections::BTreeSet;

use super::*;
use crate::client::send_crowd;

async fn key_state(app: &TestApp) -> String {
    app.value("SELECT state FROM idempotency_key WHERE operation = 'bookingCreate'", []).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_requests_with_one_key_one_runs() {
    const REQUESTS: usize = 200;
    let app = TestApp::with_many_connections().await;
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
    let (later, replayed) = send_with_key(&app, &guest, "bookingCreate", given, "booking { id state }", "one").await;
    assert!(replayed);
    assert_eq!(Some(&text(&later, "/booking/id")), made.first());
    assert_eq!(later["booking"]["state"], "CONFIRMED");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn objects_without_a_quote_are_created_once_too() {
    let app = TestApp::with_many_connections().await;
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
async fn an_interrupted_request_resumes_after_its_lease_expired() {
    let app = TestApp::with_many_connections().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "slow" } });
    let query = document_with("bookingCreate", &given, BOOKING, Some("one"));
    let request = graphql_request(guest.token(&app), &query, &given);
    let router = app.router.clone();
    let first = tokio::spawn(async move { send(&router, request).await });
    // The processor takes two seconds. The request is dropped while it waits for the response.
    let key = "idempotency_key WHERE operation = 'bookingCreate'";
    wait_until("the key is recorded", async || app.count(key, []).await > 0).await;
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));

    let (early, replayed) = send_with_key(&app, &guest, "bookingCreate", given.clone(), BOOKING, "one").await;
    assert_eq!((errors(&early), replayed), (vec!["IDEMPOTENCY_IN_PROGRESS".to_owned()], false));
    assert_eq!(key_state(&app).await, "RUNNING");
    app.advance(TimeDelta::seconds(60));
    let (resumed, replayed) = send_with_key(&app, &guest, "bookingCreate", given.clone(), BOOKING, "one").await;
    assert!(replayed);
    assert_eq!(resumed["booking"]["state"], "CONFIRMED", "{resumed:#}");
    assert_eq!(key_state(&app).await, "DONE");
    let (repeated, _) = send_with_key(&app, &guest, "bookingCreate", given, BOOKING, "one").await;
    assert_eq!(repeated, resumed);
    assert_eq!((app.count("booking", []).await, app.count("sandbox_intent", []).await), (1, 1));
    app.finish().await;
}

#[tokio::test]
async fn a_request_that_failed_after_its_effect_resumes_immediately() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let listing = app.published_listing(&host, json!({})).await;
    let seasons = |value: Value| {
        let values = [value.into(), crate::scenarios::uuid_of(&listing).into()];
        app.execute("UPDATE listing SET seasons = $1 WHERE id = $2", values)
    };
    // The change is committed, and then the calendar cannot be read for the response.
    seasons(json!("nonsense")).await;
    let given = json!({ "id": listing, "changes": [{ "from": "2027-03-01", "to": "2027-03-02", "price": crate::scenarios::usd(77) }] });
    let selection = "days { date price { amount } }";
    let query = document_with("listingCalendarUpdate", &given, selection, Some("one"));
    for _ in 0..2 {
        let body = app.post(&host, &query, given.clone()).await.json();
        assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL");
        assert_eq!(app.count("night WHERE price_minor = 77", []).await, 1);
    }
    // A change by another request in between is not overwritten, because the effect is not repeated.
    app.execute("UPDATE night SET price_minor = 88", []).await;
    seasons(json!([])).await;
    let (done, replayed) = send_with_key(&app, &host, "listingCalendarUpdate", given, selection, "one").await;
    assert!(replayed);
    assert_eq!(done["days"], json!([{ "date": "2027-03-01", "price": { "amount": 88 } }]));
    assert_eq!(app.count("idempotency_key WHERE state = 'DONE' AND \"key\" = 'one'", []).await, 1);
    app.finish().await;
}
