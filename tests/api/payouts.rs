//! Payouts: when they are due, what is sent, how the host's account affects them, and who sees them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::accounting::{BookedTrip, ledger_of};
use crate::client::Anonymous;
use crate::harness::{START, TestApp};
use crate::scenarios::{number, text};

mod penalties;

const NIGHTS: (&str, &str) = ("2027-03-01", "2027-03-03");
const DUE: &str = "2027-03-02T20:00:00.000Z";

fn single_payout(state: &str, amount: i64, sent: Option<i64>) -> [(String, i64, Option<i64>); 1] {
    [(state.to_owned(), amount, sent)]
}

async fn set_account(app: &TestApp, trip: &BookedTrip, name: &str) {
    app.mutate_ok(&trip.host, "payoutAccountSet", json!({ "account": name }), "__typename").await;
}

async fn only_payout(app: &TestApp, trip: &BookedTrip) -> Value {
    let mut payouts = app.payouts(&trip.host, &trip.booking).await;
    assert_eq!(payouts.len(), 1);
    payouts.remove(0)
}

#[tokio::test]
async fn a_host_is_paid_24_hours_after_check_in_also_on_a_23_hour_day() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-13", "2027-03-15")).await;
    let payout = only_payout(&app, &trip).await;
    assert_eq!(payout["releaseAt"], "2027-03-14T20:00:00.000Z", "24 hours after 15:00 in winter time");
    assert_eq!((&payout["installment"], &payout["installments"]), (&json!(1), &json!(1)));
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("SCHEDULED", 16_900, None));
    app.set("2027-03-14T19:59:59Z");
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("SCHEDULED", 16_900, None));
    app.set("2027-03-14T20:00:00Z");
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("PAID", 16_900, Some(16_900)));
    assert_eq!(only_payout(&app, &trip).await["paidAt"], "2027-03-14T20:00:00.000Z");
    app.finish().await;
}

#[tokio::test]
async fn the_first_payouts_of_a_new_host_wait_for_30_days() {
    for (flags, release) in
        [(&[][..], "2027-02-04T12:00:00.000Z"), (&["--new-host-hold-days=0"][..], "2027-01-11T20:00:00.000Z")]
    {
        let app = TestApp::with(flags).await;
        let trip = app.plain_trip(json!({}), ("2027-01-10", "2027-01-12")).await;
        assert_eq!(only_payout(&app, &trip).await["releaseAt"], release, "{flags:?}");
        app.finish().await;
    }
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-02-10", "2027-02-12")).await;
    assert_eq!(
        only_payout(&app, &trip).await["releaseAt"],
        "2027-02-11T20:00:00.000Z",
        "the stay begins after the delay"
    );
    app.set("2027-01-20T12:00:00Z");
    let second = app.book(&app.guest().await, &trip.listing, "2027-01-25", "2027-01-27").await;
    let payouts = app.payouts(&trip.host, &second).await;
    assert_eq!(payouts[0]["releaseAt"], "2027-02-04T12:00:00.000Z", "the delay starts at the first booking");
    app.finish().await;
}

#[tokio::test]
async fn a_stay_of_45_nights_is_paid_in_two_installments() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-04-15")).await;
    let payouts = app.payouts(&trip.host, &trip.booking).await;
    let seen: Vec<_> =
        payouts.iter().map(|payout| (text(payout, "/releaseAt"), number(payout, "/amount/amount"))).collect();
    assert_eq!(seen, [(DUE.to_owned(), 253_500), ("2027-04-01T19:00:00.000Z".to_owned(), 126_750)]);
    assert_eq!(payouts[1]["installment"], 2);
    app.set(DUE);
    app.drain().await;
    let first = [("PAID".to_owned(), 253_500, Some(253_500)), ("SCHEDULED".to_owned(), 126_750, None)];
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, first);
    app.set("2027-04-01T19:00:00Z");
    app.drain().await;
    let both = [("PAID".to_owned(), 253_500, Some(253_500)), ("PAID".to_owned(), 126_750, Some(126_750))];
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, both);
    let expected = ledger_of(&[
        ("CAPTURE", &[("PSP_CLEARING", 450_000), ("GUEST_ESCROW", -450_000)]),
        (
            "RELEASE",
            &[
                ("GUEST_ESCROW", 253_500),
                ("HOST_PAYABLE", -253_500),
                ("GUEST_ESCROW", 46_500),
                ("PLATFORM_REVENUE", -46_500),
            ],
        ),
        ("PAYOUT", &[("HOST_PAYABLE", 253_500), ("PSP_CLEARING", -253_500)]),
        (
            "RELEASE",
            &[
                ("GUEST_ESCROW", 126_750),
                ("HOST_PAYABLE", -126_750),
                ("GUEST_ESCROW", 23_250),
                ("PLATFORM_REVENUE", -23_250),
            ],
        ),
        ("PAYOUT", &[("HOST_PAYABLE", 126_750), ("PSP_CLEARING", -126_750)]),
    ]);
    assert_eq!(app.ledger(&trip.staff, &trip.booking).await, expected);
    app.finish().await;
}

#[tokio::test]
async fn a_long_stay_that_is_cancelled_midway_keeps_its_first_installment() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "longTermPolicy": "LONG_TERM_FIRM" }), ("2027-03-01", "2027-04-15")).await;
    app.set(DUE);
    app.drain().await;
    // Ten nights have begun. Those and the next thirty are charged.
    app.set("2027-03-10T21:00:00Z");
    let payload = app.cancel(&trip.guest, &trip.booking).await;
    assert_eq!(number(&payload, "/refund/amount/amount"), 50_000);
    let left = [("PAID".to_owned(), 253_500, Some(253_500)), ("SCHEDULED".to_owned(), 84_500, None)];
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, left);
    app.set("2027-04-01T19:00:00Z");
    app.drain().await;
    let paid = [("PAID".to_owned(), 253_500, Some(253_500)), ("PAID".to_owned(), 84_500, Some(84_500))];
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, paid);
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": 0 }));
    app.set("2027-04-16T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_payout_to_a_closed_account_is_tried_five_times_and_then_held_for_staff() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), NIGHTS).await;
    set_account(&app, &trip, "closed").await;
    app.set(DUE);
    for hours in [6, 12, 24, 48] {
        app.drain().await;
        let payout = only_payout(&app, &trip).await;
        assert_eq!((&payout["state"], &payout["failureReason"]), (&json!("FAILED"), &json!("account_closed")));
        let retry_at = app.clock.now() + TimeDelta::hours(hours);
        assert_eq!(crate::harness::instant(&text(&payout, "/releaseAt")), retry_at);
        app.advance(TimeDelta::hours(hours) - TimeDelta::seconds(1));
        app.drain().await;
        assert_eq!(
            crate::harness::instant(&text(&only_payout(&app, &trip).await, "/releaseAt")),
            retry_at,
            "not retried early"
        );
        app.advance(TimeDelta::seconds(1));
    }
    app.drain().await;
    let payout = only_payout(&app, &trip).await;
    assert_eq!((&payout["state"], &payout["failureReason"]), (&json!("ON_HOLD"), &json!("account_closed")));
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": 16_900 }));
    set_account(&app, &trip, "acct_1").await;
    app.advance(TimeDelta::days(30));
    app.drain().await;
    assert_eq!(only_payout(&app, &trip).await["state"], "ON_HOLD");
    app.mutate_ok(&trip.staff, "payoutRelease", json!({ "id": payout["id"] }), "payout { state }").await;
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("PAID", 16_900, Some(16_900)));
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": 0 }));
    assert_eq!(app.count("sandbox_transfer WHERE destination = 'acct_1'", []).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_transfer_without_a_response_is_sent_once() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), NIGHTS).await;
    set_account(&app, &trip, "unknown").await;
    app.set(DUE);
    app.drain().await;
    assert_eq!(
        app.payout_summaries(&trip.host, &trip.booking).await,
        single_payout("PROCESSING", 16_900, Some(16_900))
    );
    app.advance(TimeDelta::minutes(2));
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("PAID", 16_900, Some(16_900)));
    assert_eq!(app.count("sandbox_transfer", []).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_transfer_that_never_arrived_is_retried_until_it_does() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), NIGHTS).await;
    set_account(&app, &trip, "lost").await;
    app.set(DUE);
    for _ in 0..4 {
        app.drain().await;
        assert_eq!(
            app.payout_summaries(&trip.host, &trip.booking).await,
            single_payout("PROCESSING", 16_900, Some(16_900))
        );
        app.advance(TimeDelta::hours(1));
    }
    assert_eq!(app.count("sandbox_transfer", []).await, 0);
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": 16_900 }));
    // A new account applies to other payouts only: the transfer to the old one may have arrived.
    set_account(&app, &trip, "found").await;
    app.advance(TimeDelta::hours(2));
    app.drain().await;
    assert_eq!(
        app.payout_summaries(&trip.host, &trip.booking).await,
        single_payout("PROCESSING", 16_900, Some(16_900))
    );
    // The processor is available again.
    app.execute("UPDATE payout SET destination = 'acct_back'", []).await;
    app.advance(TimeDelta::hours(2));
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("PAID", 16_900, Some(16_900)));
    app.finish().await;
}

#[tokio::test]
async fn staff_hold_and_release_a_payout() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), NIGHTS).await;
    let id = only_payout(&app, &trip).await["id"].clone();
    let hold = json!({ "id": id, "reason": "A complaint." });
    for (who, error) in [(&trip.host, "FORBIDDEN id"), (&trip.guest, "NOT_FOUND id")] {
        assert_eq!(app.errors(who, "payoutHold", hold.clone()).await, [error]);
        assert_eq!(app.errors(who, "payoutRelease", json!({ "id": id })).await, [error]);
    }
    assert_eq!(app.errors(&trip.staff, "payoutRelease", json!({ "id": id })).await, ["STATE_CONFLICT id"]);
    app.mutate_ok(&trip.staff, "payoutHold", hold.clone(), "payout { state }").await;
    assert_eq!(app.errors(&trip.staff, "payoutHold", hold.clone()).await, ["STATE_CONFLICT id"]);
    let held = only_payout(&app, &trip).await;
    assert_eq!((&held["state"], &held["failureReason"]), (&json!("ON_HOLD"), &json!("A complaint.")));
    app.set("2027-03-10T12:00:00Z");
    app.drain().await;
    assert_eq!(only_payout(&app, &trip).await["state"], "ON_HOLD");
    app.mutate_ok(&trip.staff, "payoutRelease", json!({ "id": id }), "payout { state }").await;
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("PAID", 16_900, Some(16_900)));
    assert_eq!(app.errors(&trip.staff, "payoutHold", hold).await, ["STATE_CONFLICT id"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_hold_and_release_of_a_payout_succeed_once() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..8 {
        app.set(START);
        let trip = app.plain_trip(json!({}), NIGHTS).await;
        let id = only_payout(&app, &trip).await["id"].clone();
        app.set(DUE);
        let hold = json!({ "id": id, "reason": "A complaint." });
        let (_, held) = tokio::join!(app.drain(), app.mutate(&trip.staff, "payoutHold", hold, "payout { state }"));
        app.drain().await;
        let kinds: Vec<_> = app.ledger(&trip.staff, &trip.booking).await.into_iter().map(|(kind, _)| kind).collect();
        if held["payout"].is_null() {
            assert_eq!(kinds, ["CAPTURE", "RELEASE", "PAYOUT"]);
        } else {
            assert_eq!(kinds, ["CAPTURE"], "no money left the escrow");
            app.mutate_ok(&trip.staff, "payoutRelease", json!({ "id": id }), "__typename").await;
            app.drain().await;
        }
        assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("PAID", 16_900, Some(16_900)));
    }
    app.finish().await;
}

#[tokio::test]
async fn money_refunded_before_the_release_is_not_paid_out() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-03T20:01:00Z");
    app.cancel(&trip.guest, &trip.booking).await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("SCHEDULED", 12_548, None));
    app.set("2027-03-05T20:00:00Z");
    app.drain().await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("PAID", 12_548, Some(12_548)));
    app.set(START);
    let trip = app.first_vector(json!({})).await;
    app.cancel(&trip.guest, &trip.booking).await;
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, single_payout("CANCELLED", 0, None));
    app.set("2027-03-09T20:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_held_payout_keeps_its_reason_after_an_alteration() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), NIGHTS).await;
    let hold = json!({ "id": only_payout(&app, &trip).await["id"], "reason": "A complaint." });
    app.mutate_ok(&trip.staff, "payoutHold", hold, "__typename").await;
    let change =
        app.request_alteration_ok(&trip.guest, &trip.booking, crate::scenarios::stay("2027-03-01", "2027-03-04")).await;
    app.respond_ok(&trip.host, &change, true, None).await;
    let held = only_payout(&app, &trip).await;
    assert_eq!((&held["state"], &held["failureReason"]), (&json!("ON_HOLD"), &json!("A complaint.")));
    assert_eq!(number(&held, "/amount/amount"), 25_350);
    app.finish().await;
}

#[tokio::test]
async fn only_the_host_and_staff_see_payouts_and_balances() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), NIGHTS).await;
    let id = only_payout(&app, &trip).await["id"].clone();
    assert_eq!(app.payouts(&trip.staff, &trip.booking).await.len(), 1);
    assert_eq!(app.payouts(&trip.guest, &trip.booking).await, Vec::<Value>::new());
    let own = "{ viewer { payouts { totalCount nodes { id state } } balance { amount currency } } }";
    let seen = app.gql(&trip.host, own, json!({})).await;
    let expected = json!({ "payouts": { "totalCount": 1, "nodes": [{ "id": id, "state": "SCHEDULED" }] },
        "balance": [{ "amount": 0, "currency": "USD" }] });
    assert_eq!(seen["viewer"], expected);
    for who in [&trip.guest, &app.host().await, &trip.staff] {
        let seen = app.gql(who, own, json!({})).await;
        assert_eq!(seen["viewer"], json!({ "payouts": { "totalCount": 0, "nodes": [] }, "balance": [] }));
    }
    let some = "query($states: [PayoutState!]) { viewer { payouts(state: $states) { totalCount } } }";
    for (states, count) in [(json!(["SCHEDULED"]), 1), (json!(["PAID", "FAILED"]), 0)] {
        let seen = app.gql(&trip.host, some, json!({ "states": states })).await;
        assert_eq!(seen["viewer"]["payouts"]["totalCount"], count);
    }
    let node = "query($id: ID!) { node(id: $id) { id } }";
    for (who, sees) in [(&trip.host, true), (&trip.staff, true), (&trip.guest, false), (&app.host().await, false)] {
        let seen = app.gql(who, node, json!({ "id": id })).await;
        assert_eq!(seen["node"].is_object(), sees);
    }
    assert_eq!(app.gql(&Anonymous, node, json!({ "id": id })).await["node"], Value::Null);
    app.finish().await;
}
