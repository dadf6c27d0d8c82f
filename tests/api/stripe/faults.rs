//! Failing requests to Stripe: the guest is charged once or not at all, and our records agree with Stripe's.

use chrono::TimeDelta;
use roost::platform::gateway::{GatewayError, Transfer};
use serde_json::{Value, json};

use super::Marketplace;
use super::fake::Fault;
use crate::client::error_codes;
use crate::scenarios::prices_in;

/// All faults of a call that do not require waiting for a timeout.
const FAULTS: [Fault; 6] =
    [Fault::LostRequest, Fault::LostResponse, Fault::Failure, Fault::LateFailure, Fault::Busy(409), Fault::Busy(429)];

#[tokio::test]
async fn a_payment_is_authorized_captured_and_refunded() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    market.app.cancel(&guest, &booking).await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    for call in ["create", "confirm", "capture", "refund"] {
        assert_eq!(market.fake.count_calls(call), 1, "{call}");
    }
    market.finish().await;
}

#[tokio::test]
async fn whatever_request_fails_the_guest_is_charged_once() {
    let market = Marketplace::new().await;
    for call in ["create", "confirm", "capture"] {
        for fault in FAULTS {
            println!("{call}: {fault:?}");
            market.fake.inject(call, fault);
            let (guest, booking) = market.guest_with_booking("pm_visa").await;
            let state = if call == "capture" { "CONFIRMED" } else { "PENDING_PAYMENT" };
            assert_eq!(booking["state"], state, "a missing response is neither a success nor a decline");
            market.run_retries().await;
            market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
        }
    }
    market.finish().await;
}

#[tokio::test]
async fn two_failures_in_a_row_charge_once() {
    let market = Marketplace::new().await;
    for (first, second) in [(Fault::Failure, Fault::LostResponse), (Fault::LostResponse, Fault::LateFailure)] {
        market.fake.inject("confirm", first);
        market.fake.inject(if first == Fault::Failure { "confirm" } else { "capture" }, second);
        let (guest, booking) = market.guest_with_booking("pm_visa").await;
        market.run_retries().await;
        market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    }
    market.finish().await;
}

#[tokio::test]
async fn whatever_request_fails_a_refund_is_paid_once() {
    let market = Marketplace::new().await;
    for fault in FAULTS {
        println!("refund: {fault:?}");
        let (guest, booking) = market.guest_with_booking("pm_visa").await;
        market.fake.inject("refund", fault);
        let cancelled = market.app.cancel(&guest, &booking).await;
        assert_eq!(cancelled["refund"]["state"], "PENDING");
        market.run_retries().await;
        market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
        let intent = market.intent_id(&guest, &booking).await;
        assert_eq!(market.fake.refunds_of(&intent).len(), 1);
    }
    market.finish().await;
}

#[tokio::test]
async fn whatever_request_fails_a_closed_booking_holds_no_money() {
    let market = Marketplace::new().await;
    for fault in FAULTS {
        println!("cancel: {fault:?}");
        let (guest, quote) = market.guest_with_quote(json!({ "bookingMode": "REQUEST" })).await;
        let booking = market.app.book_quote(&guest, &quote, "pm_visa").await;
        market.assert_payment(&guest, &booking, ["REQUESTED", "REQUIRES_CAPTURE"], 0, 0).await;
        market.fake.inject("cancel", fault);
        assert_eq!(market.app.perform(&guest, "bookingWithdraw", &booking).await["state"], "WITHDRAWN");
        market.run_retries().await;
        market.assert_payment(&guest, &booking, ["WITHDRAWN", "CANCELLED"], 0, 0).await;
    }
    market.finish().await;
}

#[tokio::test]
async fn a_silent_processor_runs_into_the_timeout() {
    let market = Marketplace::with(&["--stripe-timeout-ms=1500"]).await;
    for (call, fault) in [("confirm", Fault::SilentRequest), ("capture", Fault::SilentResponse)] {
        market.fake.inject(call, fault);
        let (guest, booking) = market.guest_with_booking("pm_visa").await;
        market.run_retries().await;
        market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    }
    market.finish().await;
}

#[tokio::test]
async fn an_outage_longer_than_the_hold_ends_the_booking_and_holds_no_money() {
    let market = Marketplace::new().await;
    // The confirmation took effect, but its response is missing until the nights are free again.
    market.fake.inject("confirm", Fault::LostResponse);
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    // Two jobs are due by then, and may send the request concurrently.
    market.fake.inject("create", Fault::LostRequest);
    market.fake.inject("create", Fault::LostRequest);
    market.app.advance(TimeDelta::minutes(15));
    market.app.drain().await;
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["PAYMENT_EXPIRED", "CANCELLED"], 0, 0).await;
    market.finish().await;
}

#[tokio::test]
async fn a_decline_returns_the_banks_reason_and_another_card_pays() {
    let market = Marketplace::new().await;
    let (guest, quote) = market.guest_with_quote(json!({})).await;
    let with = |card: &str| json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } });
    let errors = market.app.user_errors(&guest, "bookingCreate", with("pm_declined")).await;
    assert_eq!(error_codes(&errors), ["PAYMENT_DECLINED booking.paymentMethodToken"]);
    assert!(errors[0]["message"].as_str().unwrap().contains("insufficient_funds"), "{errors:?}");
    let errors = market.app.user_errors(&guest, "bookingCreate", with("pm_nobody_knows")).await;
    assert_eq!(error_codes(&errors), ["PAYMENT_DECLINED booking.paymentMethodToken"]);
    assert!(!errors[0]["message"].as_str().unwrap().contains("internal detail"), "{errors:?}");
    let booking = market.app.book_quote(&guest, &quote, "pm_visa").await;
    market.assert_payment(&guest, &booking, ["CONFIRMED", "SUCCEEDED"], 30_000, 0).await;
    market.finish().await;
}

#[tokio::test]
async fn a_decline_whose_response_was_lost_is_still_a_decline() {
    let market = Marketplace::new().await;
    for fault in [Fault::LostResponse, Fault::LateFailure] {
        market.fake.inject("confirm", fault);
        let (guest, booking) = market.guest_with_booking("pm_declined").await;
        assert_eq!(booking["state"], "PENDING_PAYMENT");
        market.run_retries().await;
        market.assert_payment(&guest, &booking, ["PAYMENT_EXPIRED", "FAILED"], 0, 0).await;
    }
    market.finish().await;
}

#[tokio::test]
async fn a_currency_with_other_minor_units_at_stripe_is_refused_before_any_request() {
    let market = Marketplace::new().await;
    let (guest, quote) = market.guest_with_quote(prices_in("ISK")).await;
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": "pm_visa" } });
    let errors = market.app.user_errors(&guest, "bookingCreate", given).await;
    assert!(
        errors[0]["message"].as_str().unwrap().contains("does not use the minor units of ISO 4217 for ISK"),
        "{errors:?}"
    );
    assert_eq!(market.fake.count_calls("confirm"), 0);
    market.finish().await;
}

#[tokio::test]
async fn whatever_request_fails_a_transfer_is_made_once() {
    let market = Marketplace::new().await;
    let transfer = |key: &str| Transfer {
        idempotency_key: key.to_owned(),
        amount_minor: 25_350,
        currency: "USD".into(),
        destination: "acct_hana".into(),
    };
    for (n, fault) in FAULTS.into_iter().enumerate() {
        println!("transfer: {fault:?}");
        let key = format!("payout_{n}");
        market.fake.inject("transfer", fault);
        let lost = market.app.gateway.transfer(transfer(&key)).await;
        assert!(matches!(lost, Err(GatewayError::Unknown(_))), "{lost:?}");
        let made = market.app.gateway.transfer(transfer(&key)).await.unwrap();
        assert_eq!(market.app.gateway.transfer(transfer(&key)).await.unwrap(), made);
        let transfers: Vec<Value> =
            market.fake.transfers().into_iter().filter(|it| it["transfer_group"] == key).collect();
        assert_eq!(transfers.len(), 1, "{transfers:#?}");
        assert_eq!((&transfers[0]["id"], &transfers[0]["amount"]), (&json!(made), &json!(25_350)));
        assert_eq!((&transfers[0]["destination"], &transfers[0]["currency"]), (&json!("acct_hana"), &json!("usd")));
        assert_eq!(transfers[0]["metadata"]["roost_key"], key);
    }
    let closed = Transfer { destination: "acct_closed".into(), ..transfer("payout_closed") };
    let refused = market.app.gateway.transfer(closed).await;
    assert_eq!(refused, Err(GatewayError::Refused("account_invalid".into())));
    market.finish().await;
}

#[tokio::test]
async fn whatever_request_fails_a_host_is_paid_by_one_transfer() {
    let market = Marketplace::with(&["--new-host-hold-days=0"]).await;
    market.app.mutate_ok(&market.host, "payoutAccountSet", json!({ "account": "acct_hana" }), "__typename").await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    market.fake.inject("transfer", Fault::LateFailure);
    market.fake.inject("transfer", Fault::LostResponse);
    market.app.set("2027-03-04T12:00:00Z");
    market.run_retries().await;
    market.assert_payment(&guest, &booking, ["COMPLETED", "SUCCEEDED"], 30_000, 0).await;
    let transfers = market.fake.transfers();
    assert_eq!(transfers.len(), 1, "{transfers:#?}");
    let earned: i64 = market.app.value("SELECT host_minor FROM escrow", []).await;
    assert!(earned > 0);
    assert_eq!((&transfers[0]["amount"], &transfers[0]["destination"]), (&json!(earned), &json!("acct_hana")));
    let reference: String = market.app.value("SELECT provider_reference FROM payout WHERE state = 'PAID'", []).await;
    assert_eq!(transfers[0]["id"], reference);
    market.finish().await;
}
