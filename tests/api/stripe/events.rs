//! Stripe's events: accepted only when signed, stored once, handled in any order, and never summed up.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::fake::Fault;
use super::{Marketplace, SECRET, signature};
use crate::harness::{Person, TestApp};
use crate::scenarios::{merge, text};

const CAPTURABLE: &str = "payment_intent.amount_capturable_updated";

/// The guest completes 3-D Secure in the browser, successfully or not.
fn authenticate(market: &Marketplace, intent: &str, success: bool) -> Value {
    let failed = json!({
        "status": "requires_payment_method",
        "last_payment_error": { "code": "payment_intent_authentication_failure" },
    });
    market.fake.change_intent(intent, if success { json!({ "status": "requires_capture" }) } else { failed })
}

/// A booking that waits for 3-D Secure.
async fn booking_awaiting_3d_secure(market: &Marketplace) -> (Person, Value, String) {
    let (guest, booking) = market.guest_with_booking("pm_3ds").await;
    let intent = market.intent_id(&guest, &booking).await;
    assert_eq!(text(&booking, "/payment/clientSecret"), format!("{intent}_secret"));
    market.assert_payment(&guest, &booking, ["PENDING_PAYMENT", "REQUIRES_ACTION"], 0, 0).await;
    (guest, booking, intent)
}

#[tokio::test]
async fn a_guest_who_completes_3d_secure_and_never_returns_has_booked() {
    let market = Marketplace::new().await;
    let (guest, booking, intent) = booking_awaiting_3d_secure(&market).await;
    let intent_object = authenticate(&market, &intent, true);
    market.send_event(CAPTURABLE, &intent_object).await;
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    // Without an event, the queue reads the payment.
    let (guest, booking, intent) = booking_awaiting_3d_secure(&market).await;
    authenticate(&market, &intent, true);
    market.app.advance(TimeDelta::seconds(31));
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    // The guest may also return and confirm.
    let (guest, booking, intent) = booking_awaiting_3d_secure(&market).await;
    let errors = market.app.errors(&guest, "bookingPaymentConfirm", json!({ "id": booking["id"] })).await;
    assert_eq!(errors, ["PAYMENT_ACTION_REQUIRED id"]);
    authenticate(&market, &intent, true);
    assert_eq!(market.app.perform(&guest, "bookingPaymentConfirm", &booking).await["state"], "CONFIRMED");
    market.finish().await;
}

#[tokio::test]
async fn an_expired_hold_is_no_failure_until_stripe_confirms_it() {
    let market = Marketplace::new().await;
    let (guest, booking, intent) = booking_awaiting_3d_secure(&market).await;
    authenticate(&market, &intent, true);
    market.app.advance(TimeDelta::minutes(15));
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    market.finish().await;
}

#[tokio::test]
async fn a_guest_who_authenticates_too_late_pays_nothing() {
    let market = Marketplace::new().await;
    let (guest, booking, intent) = booking_awaiting_3d_secure(&market).await;
    // The request to cancel is lost, and the guest authenticates before it is retried.
    market.fake.inject("cancel", Fault::LostRequest);
    market.app.advance(TimeDelta::minutes(15));
    market.app.drain().await;
    let intent_object = authenticate(&market, &intent, true);
    market.send_event(CAPTURABLE, &intent_object).await;
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["PAYMENT_EXPIRED", "CANCELLED"], 0, 0).await;
    market.finish().await;
}

#[tokio::test]
async fn money_captured_after_the_booking_ended_is_refunded_in_full() {
    let market = Marketplace::new().await;
    let (guest, booking, intent) = booking_awaiting_3d_secure(&market).await;
    market.app.advance(TimeDelta::minutes(15));
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["PAYMENT_EXPIRED", "CANCELLED"], 0, 0).await;
    let intent_object = market.fake.change_intent(&intent, json!({ "status": "succeeded", "amount_received": 30_000 }));
    market.send_event("payment_intent.succeeded", &intent_object).await;
    market.send_event("payment_intent.succeeded", &intent_object).await;
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["PAYMENT_EXPIRED", "SUCCEEDED"], 30_000, 30_000).await;
    assert_eq!(market.fake.refunds_of(&intent).len(), 1);
    market.finish().await;
}

#[tokio::test]
async fn a_request_whose_authorization_is_lost_expires() {
    let market = Marketplace::new().await;
    let (guest, quote) = market.guest_with_quote(json!({ "bookingMode": "REQUEST" })).await;
    let booking = market.app.book_quote(&guest, &quote, "pm_visa").await;
    let intent = market.intent_id(&guest, &booking).await;
    let intent_object = market.fake.change_intent(&intent, json!({ "status": "canceled" }));
    market.send_event("payment_intent.canceled", &intent_object).await;
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["REQUEST_EXPIRED", "CANCELLED"], 0, 0).await;
    market.finish().await;
}

#[tokio::test]
async fn a_refused_capture_ends_the_booking_and_keeps_no_money() {
    let market = Marketplace::new().await;
    let (guest, quote) = market.guest_with_quote(json!({ "bookingMode": "REQUEST" })).await;
    let booking = market.app.book_quote(&guest, &quote, "pm_visa").await;
    let intent = market.intent_id(&guest, &booking).await;
    let intent_object = market.fake.change_intent(&intent, json!({ "status": "canceled" }));
    // The host accepts before an event has arrived.
    let accepted = market.app.perform(&market.host, "bookingAccept", &booking).await;
    assert_eq!(accepted["state"], "CANCELLED_BY_PLATFORM");
    market.send_event("payment_intent.canceled", &intent_object).await;
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_PLATFORM", "CANCELLED"], 0, 0).await;
    let intent_object = market.fake.change_intent(&intent, json!({ "status": "succeeded", "amount_received": 30_000 }));
    market.send_event("payment_intent.succeeded", &intent_object).await;
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_PLATFORM", "SUCCEEDED"], 30_000, 30_000).await;
    market.finish().await;
}

#[tokio::test]
async fn after_failed_3d_secure_the_old_client_secret_cannot_pay() {
    let market = Marketplace::new().await;
    let (guest, booking, intent) = booking_awaiting_3d_secure(&market).await;
    let intent_object = authenticate(&market, &intent, false);
    market.send_event("payment_intent.payment_failed", &intent_object).await;
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["PAYMENT_EXPIRED", "FAILED"], 0, 0).await;
    // The guest pays with another card in the old form: Stripe authorizes it, and the authorization is cancelled.
    let intent_object = authenticate(&market, &intent, true);
    market.send_event(CAPTURABLE, &intent_object).await;
    market.app.drain().await;
    assert_eq!(market.stripe_payment(&guest, &booking).await.statuses, ["canceled"]);
    assert_eq!(market.app.booking(&guest, &booking).await["state"], "PAYMENT_EXPIRED");
    market.finish().await;
}

#[tokio::test]
async fn an_event_that_arrives_before_the_response_settles_the_booking() {
    let market = Marketplace::new().await;
    market.fake.inject("confirm", Fault::LostResponse);
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    assert_eq!(booking["payment"]["state"], "PROCESSING");
    let intent = market.fake.change_intent(&market.intent_id(&guest, &booking).await, json!({}));
    market.send_event(CAPTURABLE, &intent).await;
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    market.finish().await;
}

#[tokio::test]
async fn events_in_any_order_and_number_lead_to_the_same_result() {
    let market = Marketplace::new().await;
    let (guest, booking, id) = booking_awaiting_3d_secure(&market).await;
    let unpaid = market.fake.change_intent(&id, json!({}));
    let authorized = authenticate(&market, &id, true);
    let contradicting = contradicting_intent(&authorized);
    for (kind, object) in [
        ("payment_intent.succeeded", &contradicting),
        (CAPTURABLE, &authorized),
        ("payment_intent.canceled", &authorized),
        ("payment_intent.requires_action", &unpaid),
        ("payment_intent.payment_failed", &unpaid),
        ("payment_intent.processing", &unpaid),
    ] {
        market.send_event(kind, object).await;
        market.send_event(kind, object).await;
        market.app.drain().await;
    }
    market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    market.finish().await;
}

/// An intent that does not match the stored one, as in an event that is out of date.
fn contradicting_intent(authorized: &Value) -> Value {
    merge(authorized.clone(), json!({ "status": "succeeded", "amount_received": 99_999_999 }))
}

#[tokio::test]
async fn an_event_is_stored_once_however_often_it_arrives() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    market.app.drain().await;
    let intent = market.fake.change_intent(&market.intent_id(&guest, &booking).await, json!({}));
    let event = market.fake.event("payment_intent.succeeded", market.app.clock.now().timestamp(), &intent);
    let before = market.app.count("job", []).await;
    let answers = futures_util::future::join_all((0..8).map(|_| market.deliver(&event))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(market.app.count("provider_event", []).await, 1);
    assert_eq!(market.app.count("job", []).await, before + 1);
    let reads = market.fake.count_calls("read");
    market.app.drain().await;
    assert_eq!(market.fake.count_calls("read"), reads + 1);
    assert_eq!(market.deliver(&event).await.status, 200, "also after it was handled");
    assert_eq!(market.app.drain().await, 0);
    market.finish().await;
}

#[tokio::test]
async fn events_with_a_wrong_signature_are_refused_and_not_stored() {
    let market = Marketplace::with(&["--stripe-webhook-secret=whsec_next,whsec_of_these_tests"]).await;
    let body = market.fake.event("customer.created", 1, &json!({ "id": "cus_1" })).to_string();
    let now = market.app.clock.now().timestamp();
    let valid = signature(SECRET, now, body.as_bytes());
    for (header, body) in [
        (String::new(), body.clone()),
        (signature("whsec_strangers", now, body.as_bytes()), body.clone()),
        (signature(SECRET, now - 301, body.as_bytes()), body.clone()),
        (signature(SECRET, now + 301, body.as_bytes()), body.clone()),
        (valid.clone(), body.replace("cus_1", "cus_2")),
        (valid.clone(), format!("{body} ")),
        (signature(SECRET, now, b"not an event"), "not an event".into()),
        (signature(SECRET, now, b"{\"id\":\"evt_1\"}"), "{\"id\":\"evt_1\"}".into()),
    ] {
        let answer = market.deliver_as(&header, body).await;
        assert_eq!(answer.status, 400, "{header}");
    }
    let long = " ".repeat(300 * 1024);
    assert_eq!(market.deliver_as(&signature(SECRET, now, long.as_bytes()), long.clone()).await.status, 413);
    assert_eq!(market.app.count("provider_event", []).await, 0);
    assert_eq!(market.app.count("job", []).await, 0);
    assert_eq!(market.deliver_as(&valid, body.clone()).await.status, 200);
    assert_eq!(market.deliver_as(&signature("whsec_next", now, body.as_bytes()), body).await.status, 200);
    assert_eq!(market.app.count("provider_event", []).await, 1);
    market.finish().await;
}

#[tokio::test]
async fn the_sandbox_accepts_no_events() {
    let app = TestApp::new().await;
    let request = axum::http::Request::post("/webhooks/stripe").body("{}".into()).unwrap();
    assert_eq!(app.send(request).await.status, 404);
    app.finish().await;
}

#[tokio::test]
async fn events_about_unknown_objects_are_stored_and_change_nothing() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    let intent = market.intent_id(&guest, &booking).await;
    let dispute = json!({ "id": "dp_1", "payment_intent": intent, "amount": 30_000, "currency": "usd",
        "reason": "fraudulent", "status": "needs_response", "evidence": { "customer_name": "Gil" } });
    for (kind, object) in [
        ("customer.created", json!({ "id": "cus_1", "email": "gil@example.com" })),
        ("payment_intent.succeeded", json!({ "id": "pi_of_another_shop", "metadata": {} })),
        ("charge.refunded", json!({ "id": "ch_1", "payment_intent": "pi_of_another_shop" })),
        ("charge.dispute.created", dispute),
        ("payout.failed", json!({ "id": "po_1", "failure_code": "account_closed" })),
        ("transfer.reversed", json!({ "id": "tr_1" })),
    ] {
        market.send_event(kind, &object).await;
    }
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    assert_eq!(market.app.count("provider_event WHERE handled_at IS NOT NULL", []).await, 6);
    let facts: Value = market.app.value("SELECT facts FROM provider_event WHERE about = 'DISPUTE'", []).await;
    let expected = json!({ "status": "needs_response", "amount": 30_000, "currency": "usd", "reason": "fraudulent" });
    assert_eq!(facts, expected);
    market.finish().await;
}

#[tokio::test]
async fn a_pending_refund_is_settled_by_its_event() {
    let market = Marketplace::new().await;
    market.fake.set_refund_status("pending");
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    assert_eq!(market.app.cancel(&guest, &booking).await["refund"]["state"], "PENDING");
    let intent = market.intent_id(&guest, &booking).await;
    let refund = text(&market.fake.refunds_of(&intent)[0], "/id");
    let succeeded = market.fake.change_refund(&refund, json!({ "status": "succeeded" }));
    market.send_event("refund.updated", &succeeded).await;
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    // Without an event, the queue reads the refund a day later.
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    market.app.cancel(&guest, &booking).await;
    let refund = text(&market.fake.refunds_of(&market.intent_id(&guest, &booking).await)[0], "/id");
    market.fake.change_refund(&refund, json!({ "status": "succeeded" }));
    market.app.advance(TimeDelta::days(1));
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    market.finish().await;
}

#[tokio::test]
async fn an_event_that_arrives_before_the_response_settles_the_refund_once() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    market.fake.inject("refund", Fault::LostResponse);
    assert_eq!(market.app.cancel(&guest, &booking).await["refund"]["state"], "PENDING");
    let intent = market.intent_id(&guest, &booking).await;
    market
        .send_event("charge.refunded", &json!({ "id": "ch_1", "payment_intent": intent, "amount_refunded": 1 }))
        .await;
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    assert_eq!(market.fake.refunds_of(&intent).len(), 1);
    market.finish().await;
}

#[tokio::test]
async fn a_refund_that_fails_later_is_recorded_as_failed() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    market.app.cancel(&guest, &booking).await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    let intent = market.intent_id(&guest, &booking).await;
    let refund = text(&market.fake.refunds_of(&intent)[0], "/id");
    let before = market.fake.refunds_of(&intent)[0].clone();
    let failed = market.fake.change_refund(&refund, json!({ "status": "failed", "failure_reason": "lost_card" }));
    market.send_event("charge.refund.updated", &failed).await;
    // An event with the earlier state arrives late.
    market.send_event("refund.created", &before).await;
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 0).await;
    let seen = market.app.booking(&guest, &booking).await;
    assert_eq!(seen["payment"]["refunds"][0]["state"], "FAILED");
    // The refund is still owed, which the audit reports, until staff retry it.
    let query = "query($id: ID!) { booking(id: $id) { payment { refunds { id } } } }";
    let seen = market.app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    let given = json!({ "id": seen["booking"]["payment"]["refunds"][0]["id"] });
    market.app.mutate_ok(&market.app.admin().await, "refundRetry", given, "refund { state }").await;
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    market.finish().await;
}
