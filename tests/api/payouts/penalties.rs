//! Penalties of hosts, deducted from later payouts.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{DUE, NIGHTS, single_payout};
use crate::accounting::BookedTrip;
use crate::harness::{START, TestApp};
use crate::scenarios::{merge, usd};

async fn book_another_stay(app: &TestApp, trip: &BookedTrip, changes: Value) -> Value {
    let plain =
        json!({ "pricing": { "base": usd(10_000), "weekend": null, "cleaningFee": null, "lengthOfStay": null } });
    let listing = app.published_listing(&trip.host, merge(plain, changes)).await;
    app.book(&app.guest().await, &listing, NIGHTS.0, NIGHTS.1).await
}

#[tokio::test]
async fn a_penalty_is_taken_from_the_next_payout_of_its_currency() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), NIGHTS).await;
    let euro = json!({ "currency": "EUR" });
    let in_euros = json!({ "pricing": { "currency": "EUR", "base": euro, "extraGuestFee": euro } });
    let euros = book_another_stay(&app, &trip, in_euros).await;
    let dollars = book_another_stay(&app, &trip, json!({})).await;
    app.cancel(&trip.host, &trip.booking).await;
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": -5_000, "EUR": 0 }));
    app.set(DUE);
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &dollars).await, single_payout("PAID", 16_900, Some(11_900)));
    assert_eq!(app.payout_summaries(&trip.host, &euros).await, single_payout("PAID", 16_900, Some(16_900)));
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": 0, "EUR": 0 }));
    app.finish().await;
}

#[tokio::test]
async fn a_penalty_larger_than_a_payout_is_carried_over() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-02-22T20:00:00Z");
    app.cancel(&trip.host, &trip.booking).await;
    let small = json!({ "pricing": { "base": usd(5_000) } });
    let stays =
        [book_another_stay(&app, &trip, small.clone()).await, book_another_stay(&app, &trip, small.clone()).await];
    let third = book_another_stay(&app, &trip, small).await;
    app.set(DUE);
    app.drain().await;
    let mut sent = Vec::new();
    for stay in stays.iter().chain([&third]) {
        let payouts = app.payout_summaries(&trip.host, stay).await;
        assert_eq!((payouts[0].0.as_str(), payouts[0].1), ("PAID", 8_450));
        sent.push(payouts[0].2.unwrap());
    }
    sent.sort_unstable();
    assert_eq!(sent, [0, 400, 8_450], "165.00 of 253.50 is deducted");
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": 0 }));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_releases_deduct_a_debt_once() {
    let app = TestApp::with_many_connections().await;
    let nodes = [app.second_node().await.0, app.second_node().await.0, app.second_node().await.0];
    for _ in 0..4 {
        app.set(START);
        let trip = app.plain_trip(json!({}), NIGHTS).await;
        let mut stays = Vec::new();
        for _ in 0..6 {
            stays.push(book_another_stay(&app, &trip, json!({})).await);
        }
        app.cancel(&trip.host, &trip.booking).await;
        app.set(DUE);
        let workers = nodes.iter().map(|node| {
            let node = node.clone();
            tokio::spawn(async move { roost::jobs::drain(&node).await.unwrap() })
        });
        for ran in join_all(workers.collect::<Vec<_>>()).await {
            assert!(ran.is_ok(), "a worker panicked");
        }
        let errors = app.count("job WHERE last_error IS NOT NULL", []).await;
        assert_eq!(errors, 0, "no job was retried");
        app.drain().await;
        let mut sent = 0;
        for stay in &stays {
            sent += app.payout_summaries(&trip.host, stay).await[0].2.unwrap();
        }
        assert_eq!(sent, 6 * 16_900 - 5_000);
        assert_eq!(app.balance(&trip.host).await, json!({ "USD": 0 }));
    }
    for node in nodes {
        node.db.close().await;
    }
    app.finish().await;
}
