//! What Stripe tells: believed only when signed, read once, in any order, and never added up.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::fake::Fault;
use super::{SECRET, Scene, signature};
use crate::harness::{Person, TestApp};
use crate::scenes::{merged, text};

const CAPTURABLE: &str = "payment_intent.amount_capturable_updated";

/// The guest deals with the bank in the browser, and it goes well or not.
fn acts(scene: &Scene, intent: &str, well: bool) -> Value {
    let failed = json!({
        "status": "requires_payment_method",
        "last_payment_error": { "code": "payment_intent_authentication_failure" },
    });
    scene.fake.happens(intent, if well { json!({ "status": "requires_capture" }) } else { failed })
}

/// A booking that waits for its guest to deal with the bank.
async fn asked(scene: &Scene) -> (Person, Value, String) {
    let (guest, booking) = scene.booked("pm_3ds").await;
    let intent = scene.intent(&guest, &booking).await;
    assert_eq!(text(&booking, "/payment/clientSecret"), format!("{intent}_secret"));
    scene.stands(&guest, &booking, ["PENDING_PAYMENT", "REQUIRES_ACTION"], 0, 0).await;
    (guest, booking, intent)
}

#[tokio::test]
async fn a_guest_who_acted_in_the_browser_and_never_came_back_has_booked() {
    let scene = Scene::new().await;
    let (guest, booking, intent) = asked(&scene).await;
    let told = acts(&scene, &intent, true);
    scene.tells(CAPTURABLE, &told).await;
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    // The same without an event: the safety net asks.
    let (guest, booking, intent) = asked(&scene).await;
    acts(&scene, &intent, true);
    scene.app.advance(TimeDelta::seconds(31));
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    // And when the guest does come back.
    let (guest, booking, intent) = asked(&scene).await;
    let said = scene.app.said(&guest, "bookingPaymentConfirm", json!({ "id": booking["id"] })).await;
    assert_eq!(said, ["PAYMENT_ACTION_REQUIRED id"]);
    acts(&scene, &intent, true);
    assert_eq!(scene.app.step(&guest, "bookingPaymentConfirm", &booking).await["state"], "CONFIRMED");
    scene.finish().await;
}

#[tokio::test]
async fn a_hold_that_lapsed_is_no_failure_until_stripe_says_so() {
    let scene = Scene::new().await;
    let (guest, booking, intent) = asked(&scene).await;
    acts(&scene, &intent, true);
    scene.app.advance(TimeDelta::minutes(15));
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_guest_who_acts_too_late_pays_nothing() {
    let scene = Scene::new().await;
    let (guest, booking, intent) = asked(&scene).await;
    // The cancellation is lost on its way, and the guest acts before it is sent again.
    scene.fake.fault("cancel", Fault::LostRequest);
    scene.app.advance(TimeDelta::minutes(15));
    scene.app.drain().await;
    let told = acts(&scene, &intent, true);
    scene.tells(CAPTURABLE, &told).await;
    scene.settle().await;
    scene.stands(&guest, &booking, ["PAYMENT_EXPIRED", "CANCELLED"], 0, 0).await;
    scene.finish().await;
}

#[tokio::test]
async fn money_that_was_taken_after_the_booking_ended_is_given_back_in_full() {
    let scene = Scene::new().await;
    let (guest, booking, intent) = asked(&scene).await;
    scene.app.advance(TimeDelta::minutes(15));
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["PAYMENT_EXPIRED", "CANCELLED"], 0, 0).await;
    let told = scene.fake.happens(&intent, json!({ "status": "succeeded", "amount_received": 30_000 }));
    scene.tells("payment_intent.succeeded", &told).await;
    scene.tells("payment_intent.succeeded", &told).await;
    scene.settle().await;
    scene.stands(&guest, &booking, ["PAYMENT_EXPIRED", "SUCCEEDED"], 30_000, 30_000).await;
    assert_eq!(scene.fake.refunds_of(&intent).len(), 1);
    scene.finish().await;
}

#[tokio::test]
async fn a_request_whose_money_is_gone_ends() {
    let scene = Scene::new().await;
    let (guest, quote) = scene.quoted(json!({ "bookingMode": "REQUEST" })).await;
    let booking = scene.app.pay(&guest, &quote, "pm_visa").await;
    let intent = scene.intent(&guest, &booking).await;
    let told = scene.fake.happens(&intent, json!({ "status": "canceled" }));
    scene.tells("payment_intent.canceled", &told).await;
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["REQUEST_EXPIRED", "CANCELLED"], 0, 0).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_charge_that_is_refused_ends_the_booking_and_keeps_nothing() {
    let scene = Scene::new().await;
    let (guest, quote) = scene.quoted(json!({ "bookingMode": "REQUEST" })).await;
    let booking = scene.app.pay(&guest, &quote, "pm_visa").await;
    let intent = scene.intent(&guest, &booking).await;
    let told = scene.fake.happens(&intent, json!({ "status": "canceled" }));
    // Nobody has told yet when the host accepts.
    let accepted = scene.app.step(&scene.host, "bookingAccept", &booking).await;
    assert_eq!(accepted["state"], "CANCELLED_BY_PLATFORM");
    scene.tells("payment_intent.canceled", &told).await;
    scene.settle().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_PLATFORM", "CANCELLED"], 0, 0).await;
    let told = scene.fake.happens(&intent, json!({ "status": "succeeded", "amount_received": 30_000 }));
    scene.tells("payment_intent.succeeded", &told).await;
    scene.settle().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_PLATFORM", "SUCCEEDED"], 30_000, 30_000).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_guest_who_failed_at_the_bank_cannot_pay_with_the_old_form() {
    let scene = Scene::new().await;
    let (guest, booking, intent) = asked(&scene).await;
    let told = acts(&scene, &intent, false);
    scene.tells("payment_intent.payment_failed", &told).await;
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["PAYMENT_EXPIRED", "FAILED"], 0, 0).await;
    // Another card in the old form: set aside at Stripe, for nothing.
    let told = acts(&scene, &intent, true);
    scene.tells(CAPTURABLE, &told).await;
    scene.app.drain().await;
    assert_eq!(scene.books(&guest, &booking).await.statuses, ["canceled"]);
    assert_eq!(scene.app.booking(&guest, &booking).await["state"], "PAYMENT_EXPIRED");
    scene.finish().await;
}

#[tokio::test]
async fn an_event_that_is_faster_than_the_answer_settles_the_booking() {
    let scene = Scene::new().await;
    scene.fake.fault("confirm", Fault::LostAnswer);
    let (guest, booking) = scene.booked("pm_visa").await;
    assert_eq!(booking["payment"]["state"], "PROCESSING");
    let intent = scene.fake.happens(&scene.intent(&guest, &booking).await, json!({}));
    scene.tells(CAPTURABLE, &intent).await;
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    scene.finish().await;
}

#[tokio::test]
async fn events_in_any_order_and_number_lead_to_the_same_end() {
    let scene = Scene::new().await;
    let (guest, booking, id) = asked(&scene).await;
    let asked = scene.fake.happens(&id, json!({}));
    let held = acts(&scene, &id, true);
    let taken = not_so(&held);
    for (kind, object) in [
        ("payment_intent.succeeded", &taken),
        (CAPTURABLE, &held),
        ("payment_intent.canceled", &held),
        ("payment_intent.requires_action", &asked),
        ("payment_intent.payment_failed", &asked),
        ("payment_intent.processing", &asked),
    ] {
        scene.tells(kind, object).await;
        scene.tells(kind, object).await;
        scene.app.drain().await;
    }
    scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    scene.finish().await;
}

/// An event may tell what is not the case, no longer or not yet.
fn not_so(held: &Value) -> Value {
    merged(held.clone(), json!({ "status": "succeeded", "amount_received": 99_999_999 }))
}

#[tokio::test]
async fn an_event_is_written_down_once_however_often_it_comes() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    scene.app.drain().await;
    let intent = scene.fake.happens(&scene.intent(&guest, &booking).await, json!({}));
    let event = scene.fake.event("payment_intent.succeeded", scene.app.clock.now().timestamp(), &intent);
    let before = scene.app.count("job", []).await;
    let answers = futures_util::future::join_all((0..8).map(|_| scene.deliver(&event))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(scene.app.count("provider_event", []).await, 1);
    assert_eq!(scene.app.count("job", []).await, before + 1);
    let reads = scene.fake.calls("read");
    scene.app.drain().await;
    assert_eq!(scene.fake.calls("read"), reads + 1);
    assert_eq!(scene.deliver(&event).await.status, 200, "also once it is done");
    assert_eq!(scene.app.drain().await, 0);
    scene.finish().await;
}

#[tokio::test]
async fn what_is_not_signed_as_agreed_is_refused_and_leaves_nothing() {
    let scene = Scene::with(&["--stripe-webhook-secret=whsec_next,whsec_of_these_tests"]).await;
    let body = scene.fake.event("customer.created", 1, &json!({ "id": "cus_1" })).to_string();
    let now = scene.app.clock.now().timestamp();
    let right = signature(SECRET, now, body.as_bytes());
    for (header, body) in [
        (String::new(), body.clone()),
        (signature("whsec_strangers", now, body.as_bytes()), body.clone()),
        (signature(SECRET, now - 301, body.as_bytes()), body.clone()),
        (signature(SECRET, now + 301, body.as_bytes()), body.clone()),
        (right.clone(), body.replace("cus_1", "cus_2")),
        (right.clone(), format!("{body} ")),
        (signature(SECRET, now, b"not an event"), "not an event".into()),
        (signature(SECRET, now, b"{\"id\":\"evt_1\"}"), "{\"id\":\"evt_1\"}".into()),
    ] {
        let answer = scene.deliver_as(&header, body).await;
        assert_eq!(answer.status, 400, "{header}");
    }
    let long = " ".repeat(300 * 1024);
    assert_eq!(scene.deliver_as(&signature(SECRET, now, long.as_bytes()), long.clone()).await.status, 413);
    assert_eq!(scene.app.count("provider_event", []).await, 0);
    assert_eq!(scene.app.count("job", []).await, 0);
    assert_eq!(scene.deliver_as(&right, body.clone()).await.status, 200);
    assert_eq!(scene.deliver_as(&signature("whsec_next", now, body.as_bytes()), body).await.status, 200);
    assert_eq!(scene.app.count("provider_event", []).await, 1);
    scene.finish().await;
}

#[tokio::test]
async fn the_sandbox_has_no_events() {
    let app = TestApp::new().await;
    let request = axum::http::Request::post("/webhooks/stripe").body("{}".into()).unwrap();
    assert_eq!(app.send(request).await.status, 404);
    app.finish().await;
}

#[tokio::test]
async fn events_that_concern_nobody_here_are_kept_and_change_nothing() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    let intent = scene.intent(&guest, &booking).await;
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
        scene.tells(kind, &object).await;
    }
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    assert_eq!(scene.app.count("provider_event WHERE handled_at IS NOT NULL", []).await, 6);
    let facts: Value = scene.app.value("SELECT facts FROM provider_event WHERE about = 'DISPUTE'", []).await;
    let kept = json!({ "status": "needs_response", "amount": 30_000, "currency": "usd", "reason": "fraudulent" });
    assert_eq!(facts, kept);
    scene.finish().await;
}

#[tokio::test]
async fn a_refund_on_its_way_is_settled_by_its_event() {
    let scene = Scene::new().await;
    scene.fake.refunds_begin("pending");
    let (guest, booking) = scene.booked("pm_visa").await;
    assert_eq!(scene.app.cancel(&guest, &booking).await["refund"]["state"], "PENDING");
    let intent = scene.intent(&guest, &booking).await;
    let refund = text(&scene.fake.refunds_of(&intent)[0], "/id");
    let paid = scene.fake.happens_to_refund(&refund, json!({ "status": "succeeded" }));
    scene.tells("refund.updated", &paid).await;
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    // The same without an event: the queue asks a day later.
    let (guest, booking) = scene.booked("pm_visa").await;
    scene.app.cancel(&guest, &booking).await;
    let refund = text(&scene.fake.refunds_of(&scene.intent(&guest, &booking).await)[0], "/id");
    scene.fake.happens_to_refund(&refund, json!({ "status": "succeeded" }));
    scene.app.advance(TimeDelta::days(1));
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    scene.finish().await;
}

#[tokio::test]
async fn an_event_that_is_faster_than_the_answer_settles_the_refund_once() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    scene.fake.fault("refund", Fault::LostAnswer);
    assert_eq!(scene.app.cancel(&guest, &booking).await["refund"]["state"], "PENDING");
    let intent = scene.intent(&guest, &booking).await;
    scene.tells("charge.refunded", &json!({ "id": "ch_1", "payment_intent": intent, "amount_refunded": 1 })).await;
    scene.settle().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    assert_eq!(scene.fake.refunds_of(&intent).len(), 1);
    scene.finish().await;
}

#[tokio::test]
async fn a_refund_that_comes_back_later_is_no_refund() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    scene.app.cancel(&guest, &booking).await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    let intent = scene.intent(&guest, &booking).await;
    let refund = text(&scene.fake.refunds_of(&intent)[0], "/id");
    let before = scene.fake.refunds_of(&intent)[0].clone();
    let failed = scene.fake.happens_to_refund(&refund, json!({ "status": "failed", "failure_reason": "lost_card" }));
    scene.tells("charge.refund.updated", &failed).await;
    // What was true before comes late.
    scene.tells("refund.created", &before).await;
    scene.settle().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 0).await;
    let seen = scene.app.booking(&guest, &booking).await;
    assert_eq!(seen["payment"]["refunds"][0]["state"], "FAILED");
    // It stays owed, and the audit says so, until staff have it sent again.
    let query = "query($id: ID!) { booking(id: $id) { payment { refunds { id } } } }";
    let seen = scene.app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    let given = json!({ "id": seen["booking"]["payment"]["refunds"][0]["id"] });
    scene.app.must(&scene.app.admin().await, "refundRetry", given, "refund { state }").await;
    scene.settle().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    scene.finish().await;
}
