//! Disputes, Stripe's fees and failed refunds: all of them are recorded in the ledger.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Marketplace;
use crate::client::error_codes;
use crate::harness::Person;

/// The entries of the booking's transactions of one kind, as account and amount.
async fn ledger(market: &Marketplace, booking: &Value, kind: &str) -> Vec<Value> {
    let query = "query($id: ID!) { booking(id: $id) { ledger { kind entries { account amount { amount } } } } }";
    let data = market.app.gql(&market.app.admin().await, query, json!({ "id": booking["id"] })).await;
    let all = data["booking"]["ledger"].as_array().unwrap().clone();
    let selected = all.into_iter().filter(|transaction| transaction["kind"] == kind);
    selected
        .map(|transaction| {
            let entries = transaction["entries"].as_array().unwrap().iter();
            entries.map(|entry| json!([entry["account"], entry["amount"]["amount"]])).collect()
        })
        .collect()
}

async fn payouts(market: &Marketplace, booking: &Value) -> Value {
    let query = "query($id: ID!) { booking(id: $id) { payouts { state failureReason amount { amount } } } }";
    market.app.gql(&market.host, query, json!({ "id": booking["id"] })).await["booking"]["payouts"].take()
}

async fn disputed_amount(market: &Marketplace, guest: &Person, booking: &Value) -> Value {
    let query = "query($id: ID!) { booking(id: $id) { payment { disputed { amount } } } }";
    let data = market.app.gql(guest, query, json!({ "id": booking["id"] })).await;
    data["booking"]["payment"]["disputed"]["amount"].clone()
}

#[tokio::test]
async fn a_dispute_holds_the_payout_until_it_is_won() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    let intent = market.intent_id(&guest, &booking).await;
    let opened = market.fake.set_dispute("dp_1", &intent, 30_000, "needs_response");
    market.send_event("charge.dispute.created", &opened).await;
    market.send_event("charge.dispute.updated", &opened).await;
    market.app.drain().await;
    let taken = json!([["DISPUTE_SUSPENSE", 30_000], ["PSP_CLEARING", -30_000]]);
    assert_eq!(ledger(&market, &booking, "CHARGEBACK").await, [taken]);
    assert_eq!(disputed_amount(&market, &guest, &booking).await, 30_000);
    let held = json!([{ "state": "ON_HOLD", "failureReason": "a payment of the booking is disputed",
        "amount": { "amount": 25_350 } }]);
    assert_eq!(payouts(&market, &booking).await, held);
    let won = market.fake.set_dispute("dp_1", &intent, 30_000, "won");
    market.send_event("charge.dispute.closed", &won).await;
    market.send_event("charge.dispute.created", &opened).await;
    market.app.drain().await;
    let back = json!([["PSP_CLEARING", 30_000], ["DISPUTE_SUSPENSE", -30_000]]);
    assert_eq!(ledger(&market, &booking, "CHARGEBACK_REVERSAL").await, [back]);
    assert_eq!(disputed_amount(&market, &guest, &booking).await, 0);
    assert_eq!(payouts(&market, &booking).await[0]["state"], "SCHEDULED");
    market.finish().await;
}

#[tokio::test]
async fn a_lost_dispute_reported_by_its_last_event_first_stays_in_suspense() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    let intent = market.intent_id(&guest, &booking).await;
    let inquiry = market.fake.set_dispute("dp_2", &intent, 10_000, "warning_needs_response");
    market.send_event("charge.dispute.created", &inquiry).await;
    market.app.drain().await;
    assert_eq!(ledger(&market, &booking, "CHARGEBACK").await, Vec::<Value>::new());
    let lost = market.fake.set_dispute("dp_2", &intent, 10_000, "lost");
    market.send_event("charge.dispute.closed", &lost).await;
    market.send_event("charge.dispute.updated", &lost).await;
    market.app.drain().await;
    let taken = json!([["DISPUTE_SUSPENSE", 10_000], ["PSP_CLEARING", -10_000]]);
    assert_eq!(ledger(&market, &booking, "CHARGEBACK").await, [taken]);
    assert_eq!(ledger(&market, &booking, "CHARGEBACK_REVERSAL").await, Vec::<Value>::new());
    assert_eq!(disputed_amount(&market, &guest, &booking).await, 10_000);
    assert_eq!(payouts(&market, &booking).await[0]["state"], "ON_HOLD");
    market.finish().await;
}

#[tokio::test]
async fn stripes_fee_is_recorded_once_it_is_known() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    let intent = market.intent_id(&guest, &booking).await;
    market.app.advance(TimeDelta::hours(1));
    market.app.drain().await;
    assert_eq!(ledger(&market, &booking, "PROVIDER_FEE").await, Vec::<Value>::new());
    let charge = json!({ "balance_transaction": { "fee": 900, "currency": "usd" } });
    market.fake.change_intent(&intent, json!({ "latest_charge": charge }));
    market.app.advance(TimeDelta::days(1));
    market.app.drain().await;
    let fee = json!([["PLATFORM_COST", 900], ["PSP_CLEARING", -900]]);
    assert_eq!(ledger(&market, &booking, "PROVIDER_FEE").await, [fee]);
    market.app.advance(TimeDelta::days(1));
    market.finish().await;
}

#[tokio::test]
async fn staff_can_retry_a_failed_refund() {
    let market = Marketplace::new().await;
    let (guest, booking) = market.guest_with_booking("pm_visa").await;
    let intent = market.intent_id(&guest, &booking).await;
    market.app.cancel(&guest, &booking).await;
    let refund = market.fake.refunds_of(&intent).remove(0);
    let failed = market.fake.change_refund(refund["id"].as_str().unwrap(), json!({ "status": "failed" }));
    market.send_event("refund.failed", &failed).await;
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 0).await;
    let query = "query($id: ID!) { booking(id: $id) { payment { refunds { id state } } } }";
    let seen = market.app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    let refund = &seen["booking"]["payment"]["refunds"][0];
    assert_eq!(refund["state"], "FAILED");
    let given = json!({ "id": refund["id"] });
    assert_eq!(error_codes(&market.app.user_errors(&guest, "refundRetry", given.clone()).await), ["NOT_FOUND id"]);
    let staff = market.app.admin().await;
    let retried = market.app.mutate_ok(&staff, "refundRetry", given.clone(), "refund { state }").await;
    assert_eq!(retried["refund"]["state"], "PENDING");
    market.app.drain().await;
    market.assert_payment(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    assert_eq!(error_codes(&market.app.user_errors(&staff, "refundRetry", given).await), ["STATE_CONFLICT id"]);
    market.finish().await;
}
