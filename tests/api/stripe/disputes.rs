//! Disputes, fees and refunds that come back: what banks and Stripe take is in the ledger, and nothing is lost.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::Scene;
use crate::client::said;
use crate::harness::Person;

/// Each transaction of a booking by kind, as account and amount.
async fn ledger(scene: &Scene, booking: &Value, kind: &str) -> Vec<Value> {
    let query = "query($id: ID!) { booking(id: $id) { ledger { kind entries { account amount { amount } } } } }";
    let data = scene.app.gql(&scene.app.admin().await, query, json!({ "id": booking["id"] })).await;
    let all = data["booking"]["ledger"].as_array().unwrap().clone();
    let of_kind = all.into_iter().filter(|transaction| transaction["kind"] == kind);
    of_kind
        .map(|transaction| {
            let entries = transaction["entries"].as_array().unwrap().iter();
            entries.map(|entry| json!([entry["account"], entry["amount"]["amount"]])).collect()
        })
        .collect()
}

async fn payouts(scene: &Scene, booking: &Value) -> Value {
    let query = "query($id: ID!) { booking(id: $id) { payouts { state failureReason amount { amount } } } }";
    scene.app.gql(&scene.host, query, json!({ "id": booking["id"] })).await["booking"]["payouts"].take()
}

async fn disputed(scene: &Scene, guest: &Person, booking: &Value) -> Value {
    let query = "query($id: ID!) { booking(id: $id) { payment { disputed { amount } } } }";
    let data = scene.app.gql(guest, query, json!({ "id": booking["id"] })).await;
    data["booking"]["payment"]["disputed"]["amount"].clone()
}

#[tokio::test]
async fn a_dispute_holds_the_payout_and_one_that_is_won_lets_it_go() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    let intent = scene.intent(&guest, &booking).await;
    let opened = scene.fake.dispute("dp_1", &intent, 30_000, "needs_response");
    scene.tells("charge.dispute.created", &opened).await;
    scene.tells("charge.dispute.updated", &opened).await;
    scene.app.drain().await;
    let taken = json!([["DISPUTE_SUSPENSE", 30_000], ["PSP_CLEARING", -30_000]]);
    assert_eq!(ledger(&scene, &booking, "CHARGEBACK").await, [taken]);
    assert_eq!(disputed(&scene, &guest, &booking).await, 30_000);
    let held = json!([{ "state": "ON_HOLD", "failureReason": "a payment of the booking is disputed",
        "amount": { "amount": 25_350 } }]);
    assert_eq!(payouts(&scene, &booking).await, held);
    let won = scene.fake.dispute("dp_1", &intent, 30_000, "won");
    scene.tells("charge.dispute.closed", &won).await;
    scene.tells("charge.dispute.created", &opened).await;
    scene.app.drain().await;
    let back = json!([["PSP_CLEARING", 30_000], ["DISPUTE_SUSPENSE", -30_000]]);
    assert_eq!(ledger(&scene, &booking, "CHARGEBACK_REVERSAL").await, [back]);
    assert_eq!(disputed(&scene, &guest, &booking).await, 0);
    assert_eq!(payouts(&scene, &booking).await[0]["state"], "SCHEDULED");
    scene.finish().await;
}

#[tokio::test]
async fn a_dispute_whose_end_is_told_first_and_lost_stays_in_suspense() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    let intent = scene.intent(&guest, &booking).await;
    let inquiry = scene.fake.dispute("dp_2", &intent, 10_000, "warning_needs_response");
    scene.tells("charge.dispute.created", &inquiry).await;
    scene.app.drain().await;
    assert_eq!(ledger(&scene, &booking, "CHARGEBACK").await, Vec::<Value>::new());
    let lost = scene.fake.dispute("dp_2", &intent, 10_000, "lost");
    scene.tells("charge.dispute.closed", &lost).await;
    scene.tells("charge.dispute.updated", &lost).await;
    scene.app.drain().await;
    let taken = json!([["DISPUTE_SUSPENSE", 10_000], ["PSP_CLEARING", -10_000]]);
    assert_eq!(ledger(&scene, &booking, "CHARGEBACK").await, [taken]);
    assert_eq!(ledger(&scene, &booking, "CHARGEBACK_REVERSAL").await, Vec::<Value>::new());
    assert_eq!(disputed(&scene, &guest, &booking).await, 10_000);
    assert_eq!(payouts(&scene, &booking).await[0]["state"], "ON_HOLD");
    scene.finish().await;
}

#[tokio::test]
async fn what_stripe_keeps_is_a_cost_once_it_says_so() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    let intent = scene.intent(&guest, &booking).await;
    scene.app.advance(TimeDelta::hours(1));
    scene.app.drain().await;
    assert_eq!(ledger(&scene, &booking, "PROVIDER_FEE").await, Vec::<Value>::new());
    let charge = json!({ "balance_transaction": { "fee": 900, "currency": "usd" } });
    scene.fake.happens(&intent, json!({ "latest_charge": charge }));
    scene.app.advance(TimeDelta::days(1));
    scene.app.drain().await;
    let kept = json!([["PLATFORM_COST", 900], ["PSP_CLEARING", -900]]);
    assert_eq!(ledger(&scene, &booking, "PROVIDER_FEE").await, [kept]);
    scene.app.advance(TimeDelta::days(1));
    scene.finish().await;
}

#[tokio::test]
async fn a_refund_that_came_back_is_sent_again_by_staff() {
    let scene = Scene::new().await;
    let (guest, booking) = scene.booked("pm_visa").await;
    let intent = scene.intent(&guest, &booking).await;
    scene.app.cancel(&guest, &booking).await;
    let refund = scene.fake.refunds_of(&intent).remove(0);
    let failed = scene.fake.happens_to_refund(refund["id"].as_str().unwrap(), json!({ "status": "failed" }));
    scene.tells("refund.failed", &failed).await;
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 0).await;
    let query = "query($id: ID!) { booking(id: $id) { payment { refunds { id state } } } }";
    let seen = scene.app.gql(&guest, query, json!({ "id": booking["id"] })).await;
    let mine = &seen["booking"]["payment"]["refunds"][0];
    assert_eq!(mine["state"], "FAILED");
    let given = json!({ "id": mine["id"] });
    assert_eq!(said(&scene.app.refused(&guest, "refundRetry", given.clone()).await), ["NOT_FOUND id"]);
    let staff = scene.app.admin().await;
    let again = scene.app.must(&staff, "refundRetry", given.clone(), "refund { state }").await;
    assert_eq!(again["refund"]["state"], "PENDING");
    scene.app.drain().await;
    scene.stands(&guest, &booking, ["CANCELLED_BY_GUEST", "SUCCEEDED"], 30_000, 30_000).await;
    assert_eq!(said(&scene.app.refused(&staff, "refundRetry", given).await), ["STATE_CONFLICT id"]);
    scene.finish().await;
}
