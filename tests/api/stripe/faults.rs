//! What fails between here and Stripe: whatever it is, the guest is charged once or not at all, and both books agree.

use chrono::TimeDelta;
use roost::platform::gateway::{GatewayError, Transfer};
use serde_json::{Value, json};

use super::Scene;
use super::fake::Fault;
use crate::client::said;

/// Everything that can go wrong with one call without waiting for it.
const FAULTS: [Fault; 6] =
    [Fault::LostRequest, Fault::LostAnswer, Fault::Failure, Fault::LateFailure, Fault::Busy(409), Fault::Busy(429)];

#[tokio::test]
async fn a_payment_is_set_aside_taken_and_given_back() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    scene.app.cancel(&guest, &booking).await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    for call in ["create", "confirm", "capture", "refund"] {
        assert_eq!(scene.fake.calls(call), 1, "{call}");
    }
    scene.finish().await;
}

#[tokio::test]
async fn whatever_fails_on_the_way_the_guest_is_charged_once() {
    let scene = Scene::new().await;
    for call in ["create", "confirm", "capture"] {
        for fault in FAULTS {
            println!("{call}: {fault:?}");
            scene.fake.fault(call, fault);
            let (guest, booking) = scene.booked("pm_visa").await;
            let waits = if call == "capture" { "CONFIRMED" } else { "PENDING_PAYMENT" };
            assert_eq!(booking["state"], waits, "an answer that is not there is neither yes nor no");
            scene.settle().await;
            scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
        }
    }
    scene.finish().await;
}

#[tokio::test]
async fn two_failures_in_a_row_are_no_worse() {
    let scene = Scene::new().await;
    for (first, second) in [(Fault::Failure, Fault::LostAnswer), (Fault::LostAnswer, Fault::LateFailure)] {
        scene.fake.fault("confirm", first);
        scene.fake.fault(if first == Fault::Failure { "confirm" } else { "capture" }, second);
        let (guest, booking) = scene.booked("pm_visa").await;
        scene.settle().await;
        scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    }
    scene.finish().await;
}

#[tokio::test]
async fn whatever_fails_on_the_way_back_a_refund_is_paid_once() {
    let scene = Scene::new().await;
    for fault in FAULTS {
        println!("refund: {fault:?}");
        let (guest, booking) = scene.booked("pm_visa").await;
        scene.fake.fault("refund", fault);
        let cancelled = scene.app.cancel(&guest, &booking).await;
        assert_eq!(cancelled["refund"]["state"], "PENDING");
        scene.settle().await;
        scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
        let intent = scene.intent(&guest, &booking).await;
        assert_eq!(scene.fake.refunds_of(&intent).len(), 1);
    }
    scene.finish().await;
}

#[tokio::test]
async fn whatever_fails_a_request_that_comes_to_nothing_holds_no_money() {
    let scene = Scene::new().await;
    for fault in FAULTS {
        println!("cancel: {fault:?}");
        let (guest, quote) = scene.quoted(json!({ "bookingMode": "REQUEST" })).await;
        let booking = scene.app.pay(&guest, &quote, "pm_visa").await;
        scene.stands(&guest, &booking, ["REQUESTED", "REQUIRES_CAPTURE"], 0, 0).await;
        scene.fake.fault("cancel", fault);
        assert_eq!(scene.app.step(&guest, "bookingWithdraw", &booking).await["state"], "WITHDRAWN");
        scene.settle().await;
        scene.stands(&guest, &booking, ["WITHDRAWN", "CANCELLED"], 0, 0).await;
    }
    scene.finish().await;
}

#[tokio::test]
async fn silence_is_waited_for_only_so_long() {
    let scene = Scene::with(&["--stripe-timeout-ms=1500"]).await;
    for (call, fault) in [("confirm", Fault::SilentRequest), ("capture", Fault::SilentAnswer)] {
        scene.fake.fault(call, fault);
        let (guest, booking) = scene.booked("pm_visa").await;
        scene.settle().await;
        scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    }
    scene.finish().await;
}

#[tokio::test]
async fn an_outage_that_outlasts_the_hold_ends_the_booking_and_holds_no_money() {
    let scene = Scene::new().await;
    // The confirmation took effect, but nobody here hears of it until the nights are free again.
    scene.fake.fault("confirm", Fault::LostAnswer);
    let (guest, booking) = scene.booked("pm_visa").await;
    // Two jobs are due by then, and may ask at the same time.
    scene.fake.fault("create", Fault::LostRequest);
    scene.fake.fault("create", Fault::LostRequest);
    scene.app.advance(TimeDelta::minutes(15));
    scene.app.drain().await;
    scene.settle().await;
    scene.stands(&guest, &booking, ["PAYMENT_EXPIRED", "CANCELLED"], 0, 0).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_decline_is_told_with_the_banks_reason_and_another_card_pays() {
    let scene = Scene::new().await;
    let (guest, quote) = scene.quoted(json!({})).await;
    let with = |card: &str| json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } });
    let errors = scene.app.refused(&guest, "bookingCreate", with("pm_declined")).await;
    assert_eq!(said(&errors), ["PAYMENT_DECLINED booking.paymentMethodToken"]);
    assert!(errors[0]["message"].as_str().unwrap().contains("insufficient_funds"), "{errors:?}");
    let errors = scene.app.refused(&guest, "bookingCreate", with("pm_nobody_knows")).await;
    assert_eq!(said(&errors), ["PAYMENT_DECLINED booking.paymentMethodToken"]);
    assert!(!errors[0]["message"].as_str().unwrap().contains("anybody's eyes"), "{errors:?}");
    let booking = scene.app.pay(&guest, &quote, "pm_visa").await;
    scene.stands(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    scene.finish().await;
}

#[tokio::test]
async fn a_decline_whose_answer_was_lost_is_still_a_decline() {
    let scene = Scene::new().await;
    for fault in [Fault::LostAnswer, Fault::LateFailure] {
        scene.fake.fault("confirm", fault);
        let (guest, booking) = scene.booked("pm_declined").await;
        assert_eq!(booking["state"], "PENDING_PAYMENT");
        scene.settle().await;
        scene.stands(&guest, &booking, ["PAYMENT_EXPIRED", "FAILED"], 0, 0).await;
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_currency_that_stripe_counts_otherwise_is_refused_before_anything_is_sent() {
    let scene = Scene::new().await;
    let (guest, quote) = scene.quoted(json!({ "pricing": { "currency": "ISK" } })).await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "pm_visa" } });
    let errors = scene.app.refused(&guest, "bookingCreate", given).await;
    assert!(errors[0]["message"].as_str().unwrap().contains("does not count ISK"), "{errors:?}");
    assert_eq!(scene.fake.calls("confirm"), 0);
    scene.finish().await;
}

#[tokio::test]
async fn a_transfer_is_made_once_whatever_fails() {
    let scene = Scene::new().await;
    let transfer = |key: &str| Transfer {
        idempotency_key: key.to_owned(),
        amount_minor: 25_350,
        currency: "USD".into(),
        destination: "acct_hana".into(),
    };
    for (n, fault) in FAULTS.into_iter().enumerate() {
        println!("transfer: {fault:?}");
        let key = format!("payout_{n}");
        scene.fake.fault("transfer", fault);
        let lost = scene.app.gateway.transfer(transfer(&key)).await;
        assert!(matches!(lost, Err(GatewayError::Unknown(_))), "{lost:?}");
        let made = scene.app.gateway.transfer(transfer(&key)).await.unwrap();
        assert_eq!(scene.app.gateway.transfer(transfer(&key)).await.unwrap(), made);
        let known: Vec<Value> = scene.fake.transfers().into_iter().filter(|it| it["transfer_group"] == key).collect();
        assert_eq!(known.len(), 1, "{known:#?}");
        assert_eq!((&known[0]["id"], &known[0]["amount"]), (&json!(made), &json!(25_350)));
        assert_eq!((&known[0]["destination"], &known[0]["currency"]), (&json!("acct_hana"), &json!("usd")));
        assert_eq!(known[0]["metadata"]["roost_key"], key);
    }
    let closed = Transfer { destination: "acct_closed".into(), ..transfer("payout_closed") };
    let refused = scene.app.gateway.transfer(closed).await;
    assert_eq!(refused, Err(GatewayError::Refused("account_invalid".into())));
    scene.finish().await;
}

#[tokio::test]
async fn a_host_is_paid_by_one_transfer_whatever_fails() {
    let scene = Scene::with(&["--new-host-hold-days=0"]).await;
    scene.app.must(&scene.host, "payoutAccountSet", json!({ "account": "acct_hana" }), "__typename").await;
    let (guest, booking) = scene.booked("pm_visa").await;
    scene.fake.fault("transfer", Fault::LateFailure);
    scene.fake.fault("transfer", Fault::LostAnswer);
    scene.app.set("2027-03-04T12:00:00Z");
    scene.settle().await;
    scene.stands(&guest, &booking, ["COMPLETED", "SUCCEEDED"], 30_000, 0).await;
    let transfers = scene.fake.transfers();
    assert_eq!(transfers.len(), 1, "{transfers:#?}");
    let earned: i64 = scene.app.value("SELECT host_minor FROM escrow", []).await;
    assert!(earned > 0);
    assert_eq!((&transfers[0]["amount"], &transfers[0]["destination"]), (&json!(earned), &json!("acct_hana")));
    let reference: String = scene.app.value("SELECT provider_reference FROM payout WHERE state = 'PAID'", []).await;
    assert_eq!(transfers[0]["id"], reference);
    scene.finish().await;
}
