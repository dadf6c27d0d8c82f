//! Idempotency keys: a mutation that is repeated with its key returns the first result and has no second effect.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::client::{Anonymous, Caller, document_with, error_codes, graphql_request, send};
use crate::harness::TestApp;
use crate::scenarios::{BOOKING, new_york, number, text};
use crate::waiting::wait_until;

pub mod all_mutations;
mod races;
mod tokens;

/// Sends a mutation with a key. Returns its payload and whether it is a replay.
pub async fn send_with_key(
    app: &TestApp,
    who: &(impl Caller + ?Sized),
    mutation: &str,
    given: Value,
    selection: &str,
    key: &str,
) -> (Value, bool) {
    let body = app.post(who, &document_with(mutation, &given, selection, Some(key)), given).await.json();
    assert!(body.get("errors").is_none(), "{mutation}: {body:#}");
    let mark = &body["extensions"]["idempotency"][mutation];
    assert_eq!(mark["key"], key, "{body:#}");
    (body["data"][mutation].clone(), mark["replayed"].as_bool().unwrap())
}

/// The error codes of a payload.
pub fn errors(payload: &Value) -> Vec<String> {
    error_codes(payload["userErrors"].as_array().unwrap())
}

/// Adds an `Idempotency-Key` header to a request.
fn with_header(mut request: Request<Body>, key: &[u8]) -> Request<Body> {
    request.headers_mut().append("Idempotency-Key", axum::http::HeaderValue::from_bytes(key).unwrap());
    request
}

#[tokio::test]
async fn a_repeated_booking_request_is_the_same_booking_and_charged_once() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let (first, replayed) = send_with_key(&app, &guest, "bookingCreate", given.clone(), BOOKING, "one").await;
    assert!(!replayed);
    assert_eq!(first["booking"]["state"], "CONFIRMED");
    let (repeated, replayed) = send_with_key(&app, &guest, "bookingCreate", given.clone(), BOOKING, "one").await;
    assert!(replayed);
    assert_eq!(repeated, first);
    // A repeated request may select other fields, because the booking is stored and not the response.
    let (other, _) = send_with_key(&app, &guest, "bookingCreate", given, "booking { code }", "one").await;
    assert_eq!(other["booking"]["code"], first["booking"]["code"]);
    assert_eq!(app.count("booking", []).await, 1);
    assert_eq!(first["booking"]["payment"]["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(number(&app.booking(&guest, &first["booking"]).await, "/payment/captured/amount"), 30_000);
    app.finish().await;
}

#[tokio::test]
async fn two_mutations_of_one_document_have_separate_keys() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let query = "mutation($listing: ListingInput!, $one: String!, $two: String!) {
        a: listingCreate(listing: $listing) @idempotent(key: $one) { listing { id } userErrors { code } }
        b: listingCreate(listing: $listing) @idempotent(key: $two) { listing { id } userErrors { code } } }";
    let given = json!({ "listing": new_york(), "one": "k1", "two": "k2" });
    let first = app.post(&host, query, given.clone()).await.json();
    let repeated = app.post(&host, query, given.clone()).await.json();
    assert_ne!(text(&first, "/data/a/listing/id"), text(&first, "/data/b/listing/id"));
    assert_eq!(repeated["data"], first["data"]);
    let marks = |replayed| {
        let mark = |key| json!({ "key": key, "replayed": replayed });
        json!({ "a": mark("k1"), "b": mark("k2") })
    };
    assert_eq!(first["extensions"]["idempotency"], marks(false));
    assert_eq!(repeated["extensions"]["idempotency"], marks(true));
    assert_eq!(app.count("listing", []).await, 2);
    // Two mutations with the same key are one mutation that is sent twice.
    let same = json!({ "listing": new_york(), "one": "k3", "two": "k3" });
    let same = app.post(&host, query, same).await.json();
    assert_eq!(same["data"]["a"], same["data"]["b"]);
    assert_eq!(app.count("listing", []).await, 3);
    app.finish().await;
}

#[tokio::test]
async fn the_header_is_for_a_document_with_one_mutation() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let one = "mutation($listing: ListingInput!) { __typename \
               listingCreate(listing: $listing) { listing { id } userErrors { code } } }";
    let given = json!({ "listing": new_york() });
    let request = |query: &str| graphql_request(host.token(&app), query, &given);
    let first = app.send(with_header(request(one), b"h1")).await.json();
    let repeated = app.send(with_header(request(one), b"h1")).await.json();
    assert_eq!(repeated["data"], first["data"]);
    assert_eq!(repeated["extensions"]["idempotency"]["listingCreate"], json!({ "key": "h1", "replayed": true }));

    let plain = "listingCreate(listing: $listing) { userErrors { code } }";
    let two = format!("mutation($listing: ListingInput!) {{ {plain} b: {plain} }}");
    let hidden = format!(
        "mutation($listing: ListingInput!) {{ ...Both }} \
         fragment Both on Mutation {{ ... on Mutation {{ {plain} }} b: {plain} }}"
    );
    for query in [two, hidden] {
        let answer = app.send(with_header(request(&query), b"h2")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    }
    let twice = app.send(with_header(with_header(request(one), b"h2"), b"h3")).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.count("listing", []).await, 1);

    let both = document_with("listingCreate", &given, "listing { id }", Some("h1"));
    let agreed = app.send(with_header(request(&both), b"h1")).await.json();
    assert_eq!(agreed["data"]["listingCreate"]["listing"], first["data"]["listingCreate"]["listing"]);
    let differ = app.send(with_header(request(&both), b"h2")).await.json();
    assert_eq!(errors(&differ["data"]["listingCreate"]), ["INVALID"]);
    assert_eq!(app.count("listing", []).await, 1);
    // A query needs no key, and the header is ignored.
    let query = graphql_request(host.token(&app), "{ viewer { user { id } } amenities { code } }", &json!({}));
    assert_eq!(app.send(with_header(query, b"h1")).await.status, StatusCode::OK);
    app.finish().await;
}

#[tokio::test]
async fn a_key_is_visible_ascii_of_limited_length() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let given = json!({ "user": { "about": "New." } });
    for key in ["", " ", "a b", "é", &"k".repeat(256)] {
        let query = document_with("userUpdate", &given, "__typename", Some(key));
        let body = app.post(&guest, &query, given.clone()).await.json();
        assert_eq!(errors(&body["data"]["userUpdate"]), ["INVALID"], "{key}");
    }
    let request = graphql_request(guest.token(&app), &document_with("userUpdate", &given, "__typename", None), &given);
    let body = app.send(with_header(request, "é".as_bytes())).await.json();
    assert_eq!(errors(&body["data"]["userUpdate"]), ["INVALID"]);
    assert_eq!(app.count("\"user\" WHERE about = 'New.'", []).await, 0);
    for key in ["!", &"~".repeat(255)] {
        assert!(!send_with_key(&app, &guest, "userUpdate", given.clone(), "__typename", key).await.1);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_directive_belongs_on_mutations_only() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let code = app.query_error(&guest, "{ viewer @idempotent(key: \"k\") { user { id } } }", json!({})).await;
    assert_eq!(code, "INVALID");
    let inside = "mutation { userBecomeHost { viewer @idempotent(key: \"k\") { user { id } } } }";
    assert_eq!(app.query_error(&guest, inside, json!({})).await, "INVALID");
    let body = app.post(&guest, "mutation { userBecomeHost @idempotent { userErrors { code } } }", json!({})).await;
    assert_eq!(body.json()["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    app.finish().await;
}

#[tokio::test]
async fn a_key_with_other_arguments_is_refused() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = |card: &str| json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } });
    let (first, _) = send_with_key(&app, &guest, "bookingCreate", given("ok"), "booking { id }", "one").await;
    let (refused, replayed) =
        send_with_key(&app, &guest, "bookingCreate", given("slow"), "booking { id }", "one").await;
    assert!(!replayed);
    assert_eq!((errors(&refused), &refused["booking"]), (vec!["IDEMPOTENCY_KEY_REUSED".to_owned()], &Value::Null));
    let (repeated, _) = send_with_key(&app, &guest, "bookingCreate", given("ok"), "booking { id }", "one").await;
    assert_eq!(repeated, first);
    app.finish().await;
}

#[tokio::test]
async fn keys_are_scoped_by_user_and_mutation() {
    let app = TestApp::new().await;
    let (one, other) = (app.host().await, app.host().await);
    let given = json!({ "listing": new_york() });
    let (first, _) = send_with_key(&app, &one, "listingCreate", given.clone(), "listing { id }", "same").await;
    let (second, replayed) = send_with_key(&app, &other, "listingCreate", given, "listing { id }", "same").await;
    assert!(!replayed);
    assert_ne!(first["listing"]["id"], second["listing"]["id"]);
    let publish = json!({ "id": first["listing"]["id"] });
    let (published, replayed) =
        send_with_key(&app, &one, "listingPublish", publish, "listing { status }", "same").await;
    assert!(!replayed);
    assert_eq!(published["listing"]["status"], "PUBLISHED");
    assert_eq!(app.count("idempotency_key", []).await, 3);
    app.finish().await;
}

#[tokio::test]
async fn a_refused_request_does_not_record_its_key() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = |quote: &str| json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let (refused, _) = send_with_key(&app, &guest, "bookingCreate", given("nonsense"), "__typename", "one").await;
    assert_eq!(errors(&refused), ["INVALID quoteToken"]);
    // This refusal happens inside the transaction, where the nights are checked.
    let other_guest = app.guest().await;
    let other_quote = app.quote(&other_guest, &listing, "2027-03-02", "2027-03-04").await;
    let theirs = app.book_quote(&other_guest, &other_quote, "ok").await;
    let (refused, _) = send_with_key(&app, &guest, "bookingCreate", given(&quote), "__typename", "one").await;
    assert_eq!(errors(&refused)[0].split(' ').next(), Some("NIGHTS_UNAVAILABLE"));
    assert_eq!(app.count("idempotency_key WHERE \"key\" = 'one'", []).await, 0);
    app.cancel(&other_guest, &theirs).await;
    let (booked, replayed) = send_with_key(&app, &guest, "bookingCreate", given(&quote), BOOKING, "one").await;
    assert_eq!((booked["booking"]["state"].as_str(), replayed), (Some("CONFIRMED"), false));
    app.finish().await;
}

#[tokio::test]
async fn mutations_that_move_money_need_a_key_unless_the_setting_says_otherwise() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let quote = app.quote(&guest, &listing, "2027-04-01", "2027-04-03").await;
    let create = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let cancel = json!({ "id": booking["id"], "expectedRefund": app.cancellation_refund(&guest, &booking).await });
    let lenient = TestApp::with(&["--require-idempotency-keys=off"]).await;
    for (mutation, given) in [("bookingCreate", create), ("bookingCancel", cancel)] {
        let query = document_with(mutation, &given, "__typename", None);
        let body = app.post(&guest, &query, given.clone()).await.json();
        assert_eq!(errors(&body["data"][mutation]), ["REQUIRED"]);
        let message = text(&body, &format!("/data/{mutation}/userErrors/0/message"));
        assert!(message.contains("@idempotent(key:") && message.contains("Idempotency-Key"), "{message}");
        let body = lenient.post(&Anonymous, &query, given).await.json();
        assert_eq!(errors(&body["data"][mutation]), ["UNAUTHENTICATED"]);
    }
    lenient.finish().await;
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_declined_request_is_declined_without_another_charge() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "declined" } });
    let (first, replayed) = send_with_key(&app, &guest, "bookingCreate", given.clone(), "__typename", "one").await;
    assert!(!replayed);
    assert_eq!(errors(&first), ["PAYMENT_DECLINED booking.paymentMethodToken"]);
    let tries = app.count("payment_attempt", []).await;
    let (repeated, replayed) = send_with_key(&app, &guest, "bookingCreate", given, "__typename", "one").await;
    assert!(replayed);
    assert_eq!(repeated, first);
    assert_eq!((app.count("booking", []).await, app.count("payment_attempt", []).await), (1, tries));
    // A request with another card needs another key.
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok" } });
    let (paid, _) = send_with_key(&app, &guest, "bookingCreate", given, "booking { state }", "two").await;
    assert_eq!(paid["booking"]["state"], "CONFIRMED");
    app.finish().await;
}

#[tokio::test]
async fn keys_are_stored_for_one_day_and_keys_of_money_for_thirty() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let about = |text: &str| json!({ "user": { "about": text } });
    send_with_key(&app, &guest, "userUpdate", about("One."), "__typename", "u").await;
    send_with_key(&app, &host, "userUpdate", about("One."), "__typename", "u").await;
    app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    assert_eq!(roost::jobs::purge_expired(&app).await.unwrap(), 0);
    let (refused, _) = send_with_key(&app, &guest, "userUpdate", about("Two."), "__typename", "u").await;
    assert_eq!(errors(&refused), ["IDEMPOTENCY_KEY_REUSED"]);
    app.advance(TimeDelta::seconds(1));
    // An expired key counts as new, even before its row is removed.
    let (_, replayed) = send_with_key(&app, &guest, "userUpdate", about("Two."), "__typename", "u").await;
    assert!(!replayed);
    assert_eq!(roost::jobs::purge_expired(&app).await.unwrap(), 1);
    assert_eq!(app.count("idempotency_key WHERE operation = 'bookingCreate'", []).await, 1);
    app.advance(TimeDelta::days(29));
    assert_eq!(roost::jobs::purge_expired(&app).await.unwrap(), 2);
    app.set("2027-01-05T12:00:00Z");
    app.cancel(&guest, &booking).await;

    // The worker removes expired keys on its own.
    app.advance(TimeDelta::days(30));
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (app, stop) = (app.app.clone(), stop.clone());
        async move { roost::jobs::work(&app, stop).await }
    });
    wait_until("the worker has removed the expired keys", async || app.count("idempotency_key", []).await == 0).await;
    stop.cancel();
    worker.await.unwrap();
    app.finish().await;
}
