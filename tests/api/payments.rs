//! Payments: every outcome of a card, and its effect on the booking, the nights and the money.

use chrono::TimeDelta;
use roost::kernel::id::{Id, Kind};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Anonymous, error_codes};
use crate::harness::{Person, TestApp};
use crate::scenarios::text;

/// A host, a guest, a listing and a quote for two nights in March.
async fn host_and_quote(app: &TestApp) -> (Person, Person, String, String) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    (host, guest, listing, quote)
}

async fn nights(app: &TestApp, listing: &str) -> Vec<String> {
    let query = "query($id: ID!) { listing(id: $id) { calendar(from: \"2027-03-01\", to: \"2027-03-03\") { state } } }";
    let data = app.gql(&Anonymous, query, json!({ "id": listing })).await;
    data["listing"]["calendar"].as_array().unwrap().iter().map(|day| text(day, "/state")).collect()
}

fn with_card(quote: &str, card: &str) -> Value {
    json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } })
}

fn outcomes(booking: &Value) -> Vec<&str> {
    let attempts = booking["payment"]["attempts"].as_array().unwrap();
    attempts.iter().filter_map(|attempt| attempt["outcome"].as_str()).collect()
}

#[tokio::test]
async fn after_a_declined_card_another_card_can_pay_the_same_quote() {
    let app = TestApp::new().await;
    let (_, guest, listing, quote) = host_and_quote(&app).await;
    for card in ["declined", "insufficient_funds", "no such card"] {
        let errors = app.user_errors(&guest, "bookingCreate", with_card(&quote, card)).await;
        assert_eq!(error_codes(&errors), ["PAYMENT_DECLINED booking.paymentMethodToken"], "{card}");
        assert_eq!(nights(&app, &listing).await, ["FREE", "FREE"], "{card}");
    }
    let booking = app.book_quote(&guest, &quote, "ok").await;
    assert_eq!(booking["state"], "CONFIRMED");
    assert_eq!(booking["payment"]["captured"]["amount"], 30_000);
    assert_eq!(nights(&app, &listing).await, ["BOOKED", "BOOKED"]);
    app.finish().await;
}

#[tokio::test]
async fn the_decline_reason_is_returned_and_stored() {
    let app = TestApp::new().await;
    let (_, guest, _, quote) = host_and_quote(&app).await;
    let errors = app.user_errors(&guest, "bookingCreate", with_card(&quote, "insufficient_funds")).await;
    assert!(text(&errors[0], "/message").contains("insufficient_funds"), "{errors:?}");
    let query = "{ viewer { trips { nodes { state payment { state attempts { outcome declineCode } } } } } }";
    let data = app.gql(&guest, query, json!({})).await;
    let trip = &data["viewer"]["trips"]["nodes"][0];
    assert_eq!((&trip["state"], &trip["payment"]["state"]), (&json!("PAYMENT_EXPIRED"), &json!("FAILED")));
    let attempt = &trip["payment"]["attempts"][0];
    assert_eq!(attempt, &json!({ "outcome": "AUTHORIZE DECLINED", "declineCode": "insufficient_funds" }));
    app.finish().await;
}

#[tokio::test]
async fn a_card_with_3d_secure_is_confirmed_afterwards() {
    let app = TestApp::new().await;
    let (host, guest, listing, quote) = host_and_quote(&app).await;
    let booking = app.book_quote(&guest, &quote, "3ds").await;
    assert_eq!(booking["state"], "PENDING_PAYMENT");
    assert_eq!(booking["expiresAt"], "2027-01-05T12:15:00.000Z");
    assert_eq!(booking["availableActions"], json!(["CONFIRM_PAYMENT"]));
    assert_eq!(booking["payment"]["state"], "REQUIRES_ACTION");
    assert!(text(&booking, "/payment/clientSecret").starts_with("sbx_"));
    assert_eq!(
        app.booking(&host, &booking).await["payment"]["clientSecret"],
        Value::Null,
        "only the payer gets the client secret"
    );
    assert_eq!(nights(&app, &listing).await, ["HELD", "HELD"]);
    let paid = app.perform(&guest, "bookingPaymentConfirm", &booking).await;
    assert_eq!((&paid["state"], &paid["payment"]["state"]), (&json!("CONFIRMED"), &json!("SUCCEEDED")));
    assert_eq!(outcomes(&paid), ["AUTHORIZE ACTION_REQUIRED", "CONFIRM SUCCEEDED", "CAPTURE SUCCEEDED"]);
    assert_eq!(
        app.errors(&guest, "bookingPaymentConfirm", json!({ "id": booking["id"] })).await,
        ["STATE_CONFLICT id"]
    );
    app.finish().await;
}

#[tokio::test]
async fn failed_3d_secure_books_nothing() {
    let app = TestApp::new().await;
    let (_, guest, listing, quote) = host_and_quote(&app).await;
    let booking = app.book_quote(&guest, &quote, "3ds_fails").await;
    let errors = app.errors(&guest, "bookingPaymentConfirm", json!({ "id": booking["id"] })).await;
    assert_eq!(errors, ["PAYMENT_DECLINED id"]);
    assert_eq!(app.booking(&guest, &booking).await["state"], "PAYMENT_EXPIRED");
    assert_eq!(nights(&app, &listing).await, ["FREE", "FREE"]);
    assert_eq!(app.book_quote(&guest, &quote, "ok").await["state"], "CONFIRMED");
    app.finish().await;
}

#[tokio::test]
async fn an_unconfirmed_payment_holds_the_nights_for_15_minutes() {
    let app = TestApp::new().await;
    let (_, guest, listing, quote) = host_and_quote(&app).await;
    let competitor = app.guest().await;
    let competing_quote = app.quote(&competitor, &listing, "2027-03-01", "2027-03-03").await;
    let booking = app.book_quote(&guest, &quote, "3ds").await;
    app.advance(TimeDelta::minutes(15) - TimeDelta::seconds(1));
    app.drain().await;
    let errors = app.errors(&competitor, "bookingCreate", with_card(&competing_quote, "ok")).await;
    assert_eq!(errors, ["NIGHTS_UNAVAILABLE quoteToken"]);
    app.advance(TimeDelta::seconds(1));
    assert_eq!(nights(&app, &listing).await, ["FREE", "FREE"], "before any job has run");
    assert_eq!(app.book_quote(&competitor, &competing_quote, "ok").await["state"], "CONFIRMED");
    app.drain().await;
    let expired = app.booking(&guest, &booking).await;
    assert_eq!((&expired["state"], &expired["payment"]["state"]), (&json!("PAYMENT_EXPIRED"), &json!("CANCELLED")));
    app.finish().await;
}

#[tokio::test]
async fn a_payment_that_succeeds_after_the_nights_were_lost_is_released() {
    let app = TestApp::new().await;
    let (_, guest, listing, quote) = host_and_quote(&app).await;
    let competitor = app.guest().await;
    let booking = app.book_quote(&guest, &quote, "3ds").await;
    app.advance(TimeDelta::minutes(15));
    app.book(&competitor, &listing, "2027-03-02", "2027-03-04").await;
    let errors = app.errors(&guest, "bookingPaymentConfirm", json!({ "id": booking["id"] })).await;
    assert_eq!(errors, ["PAYMENT_DECLINED id"]);
    app.drain().await;
    let expired = app.booking(&guest, &booking).await;
    assert_eq!((&expired["state"], &expired["payment"]["state"]), (&json!("PAYMENT_EXPIRED"), &json!("CANCELLED")));
    app.finish().await;
}

#[tokio::test]
async fn a_slow_processor_response_is_awaited() {
    let app = TestApp::new().await;
    let (_, guest, _, quote) = host_and_quote(&app).await;
    assert_eq!(app.book_quote(&guest, &quote, "slow").await["state"], "CONFIRMED");
    app.finish().await;
}

#[tokio::test]
async fn a_lost_processor_response_is_recovered_by_the_queue() {
    let app = TestApp::new().await;
    let (_, guest, listing, quote) = host_and_quote(&app).await;
    let booking = app.book_quote(&guest, &quote, "unknown").await;
    assert_eq!((&booking["state"], &booking["payment"]["state"]), (&json!("PENDING_PAYMENT"), &json!("PROCESSING")));
    assert_eq!(outcomes(&booking), ["AUTHORIZE UNKNOWN"]);
    assert_eq!(nights(&app, &listing).await, ["HELD", "HELD"]);
    app.advance(TimeDelta::seconds(30));
    app.drain().await;
    let settled = app.booking(&guest, &booking).await;
    assert_eq!((&settled["state"], &settled["payment"]["captured"]["amount"]), (&json!("CONFIRMED"), &json!(30_000)));
    app.finish().await;
}

#[tokio::test]
async fn a_payment_that_never_reached_the_processor_ends_with_its_hold() {
    let app = TestApp::new().await;
    let (_, guest, listing, quote) = host_and_quote(&app).await;
    let booking = app.book_quote(&guest, &quote, "lost").await;
    assert_eq!(booking["state"], "PENDING_PAYMENT");
    app.advance(TimeDelta::minutes(14));
    app.drain().await;
    assert_eq!(app.booking(&guest, &booking).await["state"], "PENDING_PAYMENT");
    app.advance(TimeDelta::minutes(1));
    app.drain().await;
    let expired = app.booking(&guest, &booking).await;
    assert_eq!((&expired["state"], &expired["payment"]["captured"]["amount"]), (&json!("PAYMENT_EXPIRED"), &json!(0)));
    assert_eq!(nights(&app, &listing).await, ["FREE", "FREE"]);
    app.advance(TimeDelta::hours(1));
    app.finish().await;
}

#[tokio::test]
async fn a_booking_without_a_card_is_refused() {
    let app = TestApp::new().await;
    let (_, guest, listing, quote) = host_and_quote(&app).await;
    for (card, refusal) in [("", "REQUIRED"), (&"x".repeat(201), "TOO_LONG")] {
        let errors = app.errors(&guest, "bookingCreate", with_card(&quote, card)).await;
        assert_eq!(errors, [format!("{refusal} booking.paymentMethodToken")]);
    }
    let long = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "ok", "message": "x".repeat(2_001) } });
    assert_eq!(app.errors(&guest, "bookingCreate", long).await, ["TOO_LONG booking.message"]);
    assert_eq!(nights(&app, &listing).await, ["FREE", "FREE"]);
    assert_eq!(app.count("booking", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn only_guest_and_host_fetch_a_payment() {
    let app = TestApp::new().await;
    let (host, guest, _, quote) = host_and_quote(&app).await;
    let booking = app.book_quote(&guest, &quote, "ok").await;
    app.cancel(&guest, &booking).await;
    let query = "query($id: ID!) { booking(id: $id) { payment { id refunds { id } } } }";
    let payment = app.gql(&guest, query, json!({ "id": booking["id"] })).await["booking"]["payment"].take();
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
    let given = json!({ "ids": [payment["id"], payment["refunds"][0]["id"]] });
    for (who, seen) in [(&guest, true), (&host, true), (&app.guest().await, false)] {
        let data = app.gql(who, query, given.clone()).await;
        let nodes = data["nodes"].as_array().unwrap();
        assert_eq!(nodes.iter().all(Value::is_object), seen, "{nodes:?}");
        assert!(seen || nodes.iter().all(Value::is_null), "{nodes:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn actions_that_wait_for_the_processor_are_refused_without_an_internal_error() {
    let app = TestApp::new().await;
    let (host, guest, _, quote) = host_and_quote(&app).await;
    let booking = app.book_quote(&guest, &quote, "lost").await;
    assert_eq!(booking["state"], "PENDING_PAYMENT");
    let refund = json!({
        "id": booking["id"], "amount": { "amount": 100, "currency": "USD" }, "reason": "Sorry.",
    });
    assert_eq!(app.errors(&host, "bookingRefund", refund).await, ["STATE_CONFLICT id"]);
    assert_eq!(app.errors(&host, "bookingNoShowReport", json!({ "id": booking["id"] })).await, ["STATE_CONFLICT id"]);
    app.advance(TimeDelta::minutes(15));
    app.finish().await;
}

#[tokio::test]
async fn an_alteration_cannot_cost_less_than_what_was_refunded() {
    let app = TestApp::new().await;
    let (host, guest, _, quote) = host_and_quote(&app).await;
    let staff = app.admin().await;
    let booking = app.book_quote(&guest, &quote, "ok").await;
    let shorter = json!({ "id": booking["id"], "stay": crate::scenarios::stay("2027-03-01", "2027-03-02") });
    let selection = "alteration { id state }";
    let requested = app.mutate_ok(&guest, "bookingAlterationRequest", shorter.clone(), selection).await;
    let refund = json!({
        "id": booking["id"], "amount": { "amount": 30_000, "currency": "USD" }, "reason": "A flood.",
    });
    app.mutate_ok(&staff, "bookingRefund", refund, "booking { id }").await;
    let given = json!({ "id": requested["alteration"]["id"] });
    assert_eq!(app.errors(&host, "bookingAlterationAccept", given.clone()).await, ["STATE_CONFLICT id"]);
    app.mutate_ok(&guest, "bookingAlterationWithdraw", given, "alteration { state }").await;
    assert_eq!(app.errors(&guest, "bookingAlterationRequest", shorter).await, ["INVALID stay"]);
    app.finish().await;
}

#[tokio::test]
async fn payments_and_refunds_name_their_booking_and_attempts_are_read_with_their_payment() {
    let app = TestApp::new().await;
    let (host, guest, _, quote) = host_and_quote(&app).await;
    let booking = app.book_quote(&guest, &quote, "ok").await;
    app.cancel(&guest, &booking).await;
    let query = "query($id: ID!) { booking(id: $id) { payment { id booking { id } refunds { id booking { id } } } } }";
    let node =
        "query($id: ID!) { node(id: $id) { ... on Payment { booking { id } } ... on Refund { booking { id } } } }";
    let wanted = json!({ "id": booking["id"] });
    for who in [&guest, &host] {
        let seen = app.gql(who, query, json!({ "id": booking["id"] })).await["booking"]["payment"].take();
        assert_eq!((&seen["booking"], &seen["refunds"][0]["booking"]), (&wanted, &wanted));
        for id in [&seen["id"], &seen["refunds"][0]["id"]] {
            assert_eq!(app.gql(who, node, json!({ "id": id })).await["node"]["booking"], wanted);
        }
    }
    let attempt: Uuid = app.value("SELECT id FROM payment_attempt LIMIT 1", []).await;
    let attempt = Id::new(Kind::PaymentAttempt, attempt).to_string();
    assert_eq!(app.gql(&guest, node, json!({ "id": attempt })).await["node"], Value::Null);
    app.finish().await;
}
