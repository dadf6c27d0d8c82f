//! Refunds beyond the policy: who may refund how much, when, and their effect on a later cancellation.

use serde_json::{Value, json};

use crate::accounting::{Q1, ledger_of};
use crate::client::error_codes;
use crate::harness::{Person, START, TestApp};
use crate::scenarios::number;

/// Makes a refund and returns its error codes, none if it was made.
async fn refund_errors(app: &TestApp, who: &Person, booking: &Value, minor: i64) -> Vec<String> {
    error_codes(app.refund(who, booking, minor).await["userErrors"].as_array().unwrap())
}

async fn refunded_total(app: &TestApp, who: &Person, booking: &Value) -> i64 {
    number(&app.booking(who, booking).await, "/payment/refunded/amount")
}

#[tokio::test]
async fn a_refund_is_sent_immediately() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    let payload = app.refund(&trip.host, &trip.booking, 10_000).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["refund"]["amount"]["amount"], 10_000);
    assert_eq!(
        (&payload["refund"]["state"], &payload["refund"]["note"]),
        (&json!("SUCCEEDED"), &json!("The heating."))
    );
    let booking = &payload["booking"];
    assert_eq!((&booking["state"], &booking["id"]), (&json!("CONFIRMED"), &trip.booking["id"]));
    assert_eq!(number(booking, "/price/total/amount"), Q1);
    assert_eq!(refunded_total(&app, &trip.guest, booking).await, 10_000);
    assert_eq!(app.payout_summaries(&trip.host, booking).await, [("SCHEDULED".to_owned(), 45_770, None)]);
    app.finish().await;
}

#[tokio::test]
async fn a_host_refunds_up_to_their_share_and_staff_up_to_the_remainder() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    let (host, staff, booking) = (&trip.host, &trip.staff, &trip.booking);
    let too_much = ["INVALID amount.amount"];
    for minor in [55_771, Q1 + 1, 9_007_199_254_740_991, 0, -1] {
        assert_eq!(refund_errors(&app, host, booking, minor).await, too_much, "{minor}");
    }
    assert_eq!(refund_errors(&app, staff, booking, Q1 + 1).await, too_much);
    for minor in [10_000, 5_000, 40_770] {
        assert_eq!(refund_errors(&app, host, booking, minor).await, Vec::<String>::new());
    }
    assert_eq!(refund_errors(&app, host, booking, 1).await, too_much);
    assert_eq!(
        app.payout_summaries(host, booking).await,
        [("SCHEDULED".to_owned(), 0, None)],
        "fees and taxes are still in escrow"
    );
    assert_eq!(refund_errors(&app, staff, booking, 16_689).await, too_much);
    assert_eq!(refund_errors(&app, staff, booking, 16_688).await, Vec::<String>::new());
    assert_eq!(refund_errors(&app, staff, booking, 1).await, too_much);
    assert_eq!(refunded_total(&app, &trip.guest, booking).await, Q1);
    assert_eq!(app.payout_summaries(host, booking).await, [("CANCELLED".to_owned(), 0, None)]);
    app.set("2027-03-09T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_refund_in_another_currency_or_by_the_guest_is_refused() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    let given = |currency: &str, reason: &str| json!({ "id": trip.booking["id"], "amount": { "amount": 100, "currency": currency }, "reason": reason });
    for (currency, code) in [("EUR", "CURRENCY_MISMATCH"), ("XTS", "INVALID")] {
        let errors = app.errors(&trip.host, "bookingRefund", given(currency, "Sorry.")).await;
        assert_eq!(errors, [format!("{code} amount.currency")], "{currency}");
    }
    assert_eq!(app.errors(&trip.host, "bookingRefund", given("USD", "")).await, ["REQUIRED reason"]);
    assert_eq!(app.errors(&trip.guest, "bookingRefund", given("USD", "Sorry.")).await, ["FORBIDDEN id"]);
    let stranger = app.host().await;
    assert_eq!(app.errors(&stranger, "bookingRefund", given("USD", "Sorry.")).await, ["NOT_FOUND id"]);
    assert_eq!(refunded_total(&app, &trip.guest, &trip.booking).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_refund_after_the_payout_is_owed_by_the_host() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set("2027-03-08T16:00:00Z");
    app.drain().await;
    assert_eq!(app.booking(&trip.guest, &trip.booking).await["state"], "COMPLETED");
    assert_eq!(refund_errors(&app, &trip.host, &trip.booking, 10_000).await, Vec::<String>::new());
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": -10_000 }));
    assert_eq!(refund_errors(&app, &trip.staff, &trip.booking, 50_000).await, Vec::<String>::new());
    assert_eq!(app.balance(&trip.host).await, json!({ "USD": -55_770 }));
    let ledger = app.ledger(&trip.staff, &trip.booking).await;
    let refunds = ledger_of(&[
        ("REFUND", &[("HOST_PAYABLE", 10_000), ("PSP_CLEARING", -10_000)]),
        (
            "REFUND",
            &[
                ("HOST_PAYABLE", 45_770),
                ("PSP_CLEARING", -45_770),
                ("PLATFORM_REVENUE", 4_230),
                ("PSP_CLEARING", -4_230),
            ],
        ),
    ]);
    assert_eq!(ledger[3..], refunds);
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("PAID".to_owned(), 55_770, Some(55_770))]);
    app.finish().await;
}

#[tokio::test]
async fn a_later_cancellation_subtracts_earlier_refunds() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    assert_eq!(refund_errors(&app, &trip.host, &trip.booking, 10_000).await, Vec::<String>::new());
    app.set("2027-03-03T20:01:00Z");
    assert_eq!(app.cancellation_refund(&trip.guest, &trip.booking).await["amount"], 46_290);
    let payload = app.cancel(&trip.guest, &trip.booking).await;
    assert_eq!(number(&payload, "/refund/amount/amount"), 46_290);
    assert_eq!(refunded_total(&app, &trip.guest, &trip.booking).await, 56_290);
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 12_548, None)]);
    assert_eq!(refund_errors(&app, &trip.host, &trip.booking, 12_549).await, ["INVALID amount.amount"]);
    assert_eq!(refund_errors(&app, &trip.host, &trip.booking, 12_548).await, Vec::<String>::new());
    assert_eq!(refunded_total(&app, &trip.guest, &trip.booking).await, 68_838);
    app.finish().await;
}

#[tokio::test]
async fn refunds_above_the_policy_are_not_taken_back() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({ "cancellationPolicy": "LIMITED" })).await;
    assert_eq!(refund_errors(&app, &trip.host, &trip.booking, 55_770).await, Vec::<String>::new());
    app.set("2027-03-01T12:00:00Z");
    let payload = app.cancel(&trip.guest, &trip.booking).await;
    assert_eq!(payload["refund"], Value::Null, "the policy refunds 6.00, and 557.70 was refunded already");
    assert_eq!(refunded_total(&app, &trip.guest, &trip.booking).await, 55_770);
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 600, None)]);
    app.set("2027-03-09T00:00:00Z");
    app.drain().await;
    let release = ledger_of(&[(
        "RELEASE",
        &[
            ("GUEST_ESCROW", 600),
            ("HOST_PAYABLE", -600),
            ("GUEST_ESCROW", 10_230),
            ("PLATFORM_REVENUE", -10_230),
            ("GUEST_ESCROW", 5_858),
            ("TAX_PAYABLE", -5_858),
        ],
    )]);
    assert_eq!(app.ledger(&trip.staff, &trip.booking).await[2..3], release);
    app.finish().await;
}

#[tokio::test]
async fn staff_choose_the_refund_when_they_cancel_after_a_refund() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    assert_eq!(refund_errors(&app, &trip.host, &trip.booking, 10_000).await, Vec::<String>::new());
    let given =
        |minor: i64| json!({ "id": trip.booking["id"], "expectedRefund": { "amount": minor, "currency": "USD" } });
    let too_much = app.errors(&trip.staff, "bookingCancel", given(62_459)).await;
    assert_eq!(too_much, ["REFUND_CHANGED expectedRefund.amount"]);
    let payload = app.mutate_ok(&trip.staff, "bookingCancel", given(12_458), "refund { amount { amount } }").await;
    assert_eq!(payload["refund"]["amount"]["amount"], 12_458);
    assert_eq!(refunded_total(&app, &trip.guest, &trip.booking).await, 22_458);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_concurrent_refunds_that_exceed_the_remainder_one_is_made() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..5 {
        app.set(START);
        let trip = app.first_vector(json!({})).await;
        let other = app.admin().await;
        let (one, two) = tokio::join!(
            refund_errors(&app, &trip.staff, &trip.booking, 40_000),
            refund_errors(&app, &other, &trip.booking, 40_000)
        );
        let mut both = [one, two];
        both.sort();
        assert!(both[0].is_empty(), "{both:?}");
        assert!(both[1] == ["STATE_CONFLICT id"] || both[1] == ["INVALID amount.amount"], "{both:?}");
        assert_eq!(refunded_total(&app, &trip.guest, &trip.booking).await, 40_000);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_concurrent_refund_and_cancellation_refund_nothing_twice() {
    let app = TestApp::with_many_connections().await;
    for _ in 0..6 {
        app.set(START);
        let trip = app.first_vector(json!({})).await;
        let cancel = json!({ "id": trip.booking["id"], "expectedRefund": { "amount": Q1, "currency": "USD" } });
        let (given, cancelled) = tokio::join!(
            refund_errors(&app, &trip.host, &trip.booking, 10_000),
            app.mutate(&trip.guest, "bookingCancel", cancel, "refund { id }")
        );
        let cancelled = error_codes(cancelled["userErrors"].as_array().unwrap());
        match (given.is_empty(), cancelled.is_empty()) {
            (true, false) => assert_eq!(refunded_total(&app, &trip.guest, &trip.booking).await, 10_000),
            (false, true) => assert_eq!(refunded_total(&app, &trip.guest, &trip.booking).await, Q1),
            _ => panic!("{given:?} {cancelled:?}"),
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_refund_without_a_response_is_sent_once_after_the_outage() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    app.set_processor_available(false).await;
    let payload = app.refund(&trip.host, &trip.booking, 10_000).await;
    assert_eq!((&payload["userErrors"], &payload["refund"]["state"]), (&json!([]), &json!("PENDING")));
    app.set("2027-03-04T20:00:00Z");
    app.drain().await;
    assert_eq!(
        app.booking(&trip.guest, &trip.booking).await["state"],
        "CHECKED_IN",
        "a pending refund does not delay the check-in"
    );
    app.set_processor_available(true).await;
    app.advance(chrono::TimeDelta::hours(2));
    app.drain().await;
    let refunds = &app.booking(&trip.guest, &trip.booking).await["payment"]["refunds"];
    assert_eq!(refunds, &json!([{ "amount": { "amount": 10_000 }, "state": "SUCCEEDED" }]));
    app.finish().await;
}

#[tokio::test]
async fn a_charge_that_succeeds_after_the_nights_were_lost_is_refunded_once() {
    let app = TestApp::new().await;
    let (host, guest, staff) = (app.host().await, app.guest().await, app.admin().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let booking = app.book_quote(&guest, &quote, "3ds").await;
    app.execute("UPDATE sandbox_intent SET state = 'SUCCEEDED', captured_minor = amount_minor", []).await;
    app.advance(chrono::TimeDelta::minutes(15));
    app.book(&app.guest().await, &listing, "2027-03-02", "2027-03-04").await;
    app.drain().await;
    // The queue checks the payment again, and refunds nothing twice.
    app.advance(chrono::TimeDelta::minutes(1));
    app.drain().await;
    let seen = app.booking(&guest, &booking).await;
    assert_eq!((&seen["state"], number(&seen, "/payment/refunded/amount")), (&json!("PAYMENT_EXPIRED"), 30_000));
    let expected = ledger_of(&[
        ("CAPTURE", &[("PSP_CLEARING", 30_000), ("GUEST_ESCROW", -30_000)]),
        ("REFUND", &[("GUEST_ESCROW", 30_000), ("PSP_CLEARING", -30_000)]),
    ]);
    assert_eq!(app.ledger(&staff, &booking).await, expected);
    app.finish().await;
}
