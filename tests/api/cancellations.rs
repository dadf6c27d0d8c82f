//! Cancellations: the test vectors of every policy through the API, and the confirmation of the refund that was shown.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::error_codes;
use crate::harness::{Person, START, TestApp};
use crate::scenarios::{merge, number, stay, text, usd};
use crate::state_table::book;

/// Creates the booking of the first test vector under a policy: from 4 to 8 March for 724.58.
async fn first_vector(app: &TestApp, policy: &str) -> (Person, Person, Value) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.draft_listing(&host, json!({ "cancellationPolicy": policy })).await;
    app.set_taxes(&listing).await;
    app.mutate_ok(&host, "listingPublish", json!({ "id": listing }), "__typename").await;
    let three = merge(stay("2027-03-04", "2027-03-08"), json!({ "adults": 3 }));
    let quote = app.quote_for(&guest, &listing, three).await;
    let booking = app.book_quote(&guest, &text(&quote, "/token"), "ok").await;
    assert_eq!(number(&booking, "/price/total/amount"), 72_458);
    (host, guest, booking)
}

/// The amounts of a cancelled booking: refund, host, platform, tax.
async fn retained_amounts(app: &TestApp, who: &Person, booking: &Value) -> [i64; 4] {
    let query = "query($id: ID!) { booking(id: $id) { cancellation { refund { amount } hostKeeps { amount } \
                 platformKeeps { amount } taxKept { amount } } } }";
    let data = app.gql(who, query, json!({ "id": booking["id"] })).await;
    ["refund", "hostKeeps", "platformKeeps", "taxKept"]
        .map(|part| number(&data, &format!("/booking/cancellation/{part}/amount")))
}

#[tokio::test]
async fn every_policy_refunds_to_the_cent() {
    let app = TestApp::new().await;
    let none = [72_458, 0, 0, 0];
    let all = [600, 55_770, 10_230, 5_858];
    let half = [36_529, 27_885, 5_115, 2_929];
    for (policy, moment, money) in [
        ("FLEXIBLE", "2027-03-03T20:00:00Z", none),
        ("FLEXIBLE", "2027-03-03T20:01:00Z", [56_290, 12_548, 2_302, 1_318]),
        ("FLEXIBLE", "2027-03-05T21:00:00Z", [16_468, 43_222, 7_928, 4_840]),
        ("MODERATE", "2027-02-27T20:00:00Z", none),
        ("MODERATE", "2027-03-02T20:00:00Z", [28_445, 34_159, 6_266, 3_588]),
        ("MODERATE", "2027-03-05T21:00:00Z", [8_384, 49_496, 9_079, 5_499]),
        ("LIMITED", "2027-02-18T20:00:00Z", none),
        ("LIMITED", "2027-02-22T20:00:00Z", half),
        ("LIMITED", "2027-03-01T12:00:00Z", all),
        ("FIRM", "2027-02-02T20:00:00Z", none),
        ("FIRM", "2027-02-22T20:00:00Z", half),
        ("FIRM", "2027-03-01T12:00:00Z", all),
        ("STRICT", "2027-02-22T20:00:00Z", half),
        ("STRICT", "2027-03-01T12:00:00Z", all),
        ("SUPER_STRICT_30", "2027-02-02T20:00:00Z", half),
        ("SUPER_STRICT_30", "2027-02-02T20:00:01Z", all),
        ("SUPER_STRICT_60", "2027-01-20T12:00:00Z", all),
        ("NON_REFUNDABLE", "2027-01-20T12:00:00Z", all),
        ("NON_REFUNDABLE", "2027-01-06T11:00:00Z", none),
        ("STRICT", "2027-01-06T12:00:00Z", none),
    ] {
        app.set(START);
        let (host, guest, booking) = first_vector(&app, policy).await;
        app.set(moment);
        let payload = app.cancel(&guest, &booking).await;
        let cancelled = &payload["booking"];
        assert_eq!(cancelled["state"], "CANCELLED_BY_GUEST", "{policy} {moment}");
        assert_eq!(number(&payload, "/refund/amount/amount"), money[0], "{policy} {moment}");
        assert_eq!(payload["refund"]["state"], "SUCCEEDED");
        assert_eq!(number(cancelled, "/payment/refunded/amount"), money[0]);
        assert_eq!(retained_amounts(&app, &host, &booking).await, money, "{policy} {moment}");
        assert_eq!(money.iter().sum::<i64>(), 72_458);
    }
    // Nights that were stayed remain claimed. The audit needs a clock that is after them.
    app.set("2027-03-09T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_host_who_cancels_refunds_everything_owes_a_penalty_and_has_the_nights_blocked() {
    let app = TestApp::new().await;
    let (host, guest, booking) = first_vector(&app, "STRICT").await;
    app.set("2027-02-22T20:00:00Z");
    let payload = app.cancel(&host, &booking).await;
    assert_eq!(payload["booking"]["state"], "CANCELLED_BY_HOST");
    assert_eq!(number(&payload, "/refund/amount/amount"), 72_458);
    assert_eq!(retained_amounts(&app, &guest, &booking).await, [72_458, 0, 0, 0]);
    let query = "query($id: ID!) { booking(id: $id) { cancellation { hostPenalty { amount } } \
                 listing { id calendar(from: \"2027-03-04\", to: \"2027-03-08\") { state } } } }";
    let data = app.gql(&host, query, json!({ "id": booking["id"] })).await;
    assert_eq!(number(&data, "/booking/cancellation/hostPenalty/amount"), 16_500);
    let states = json!([{ "state": "BLOCKED_BY_HOST" }]);
    let calendar = data["booking"]["listing"]["calendar"].as_array().unwrap();
    assert_eq!(calendar, &vec![states[0].clone(); 4]);
    let given = json!({ "listingId": data["booking"]["listing"]["id"], "stay": stay("2027-03-04", "2027-03-06") });
    assert_eq!(app.errors(&guest, "quoteCreate", given).await, ["NIGHTS_UNAVAILABLE stay"]);
    app.finish().await;
}

#[tokio::test]
async fn a_cancellation_shows_its_rule_who_cancelled_and_why() {
    let app = TestApp::new().await;
    let query = "query($id: ID!) { booking(id: $id) { cancellationPreview { rule hostPenalty { amount } } \
                 cancellation { at by rule note hostPenalty { amount } } } }";
    for (policy, moment, by, rule) in [
        ("FLEXIBLE", "2027-03-03T20:00:00Z", "GUEST", "FREE_PERIOD"),
        ("FLEXIBLE", "2027-03-03T20:01:00Z", "GUEST", "AFTER_DEADLINE"),
        ("FLEXIBLE", "2027-03-05T21:00:00Z", "GUEST", "STAY_BEGUN"),
        ("STRICT", "2027-01-06T12:00:00Z", "GUEST", "GRACE_PERIOD"),
        ("STRICT", "2027-02-22T20:00:00Z", "GUEST", "PARTIAL_REFUND_PERIOD"),
        ("STRICT", "2027-03-01T12:00:00Z", "GUEST", "AFTER_DEADLINE"),
        ("STRICT", "2027-02-22T20:00:00Z", "HOST", "BY_HOST"),
        ("STRICT", "2027-03-01T12:00:00Z", "PLATFORM", "BY_PLATFORM"),
    ] {
        app.set(START);
        let (host, guest, booking) = first_vector(&app, policy).await;
        let staff = app.admin().await;
        app.set(moment);
        let canceller = match by {
            "GUEST" => &guest,
            "HOST" => &host,
            _ => &staff,
        };
        let id = json!({ "id": booking["id"] });
        let at = moment.replace('Z', ".000Z");
        let penalty = if by == "HOST" { json!({ "amount": 16_500 }) } else { Value::Null };
        let before = app.gql(canceller, query, id.clone()).await;
        let preview = json!({ "rule": rule, "hostPenalty": penalty });
        assert_eq!(before["booking"], json!({ "cancellationPreview": preview, "cancellation": null }), "{rule}");
        let refund = app.cancellation_refund(canceller, &booking).await;
        let cancel = json!({ "id": booking["id"], "expectedRefund": refund, "reason": "A flood." });
        app.mutate_ok(canceller, "bookingCancel", cancel, "__typename").await;
        for (who, penalty) in [(&guest, Value::Null), (&host, penalty.clone()), (&staff, penalty)] {
            let after = app.gql(who, query, id.clone()).await;
            let cancellation = json!({ "at": at, "by": by, "rule": rule, "note": "A flood.", "hostPenalty": penalty });
            let expected = json!({ "cancellationPreview": null, "cancellation": cancellation });
            assert_eq!(after["booking"], expected, "{policy} {rule}");
        }
    }
    app.set("2027-03-09T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_booking_whose_charge_was_refused_is_cancelled_by_the_service() {
    let app = TestApp::new().await;
    let trip = book(&app, app.host().await, &["request"]).await;
    app.execute("UPDATE sandbox_intent SET state = 'CANCELLED'", []).await;
    app.perform(&trip.host, "bookingAccept", &trip.booking).await;
    let query = "query($id: ID!) { booking(id: $id) { state cancellationPreview { at } cancellation { by rule note \
                 explanation refund { amount } hostKeeps { amount } platformKeeps { amount } taxKept { amount } \
                 hostPenalty { amount } } } }";
    let nothing = json!({ "amount": 0 });
    let cancellation = json!({ "by": "SYSTEM", "rule": "CHARGE_REFUSED", "note": null,
        "explanation": "The charge was refused. Nothing was charged.", "refund": nothing, "hostKeeps": nothing,
        "platformKeeps": nothing, "taxKept": nothing, "hostPenalty": null });
    for who in [&trip.guest, &trip.host] {
        let seen = app.gql(who, query, json!({ "id": trip.booking["id"] })).await;
        let expected =
            json!({ "state": "CANCELLED_BY_PLATFORM", "cancellationPreview": null, "cancellation": cancellation });
        assert_eq!(seen["booking"], expected);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_cancellation_by_staff_refunds_everything() {
    let app = TestApp::new().await;
    let (_, guest, booking) = first_vector(&app, "NON_REFUNDABLE").await;
    let admin = app.admin().await;
    app.set("2027-03-01T12:00:00Z");
    let payload = app.cancel(&admin, &booking).await;
    assert_eq!(payload["booking"]["state"], "CANCELLED_BY_PLATFORM");
    assert_eq!(app.booking(&guest, &booking).await["payment"]["refunded"]["amount"], 72_458);
    app.finish().await;
}

#[tokio::test]
async fn long_stays_follow_the_long_term_policy() {
    let app = TestApp::new().await;
    for (policy, moment, refund) in [
        ("LONG_TERM_FIRM", "2027-02-28T20:00:00Z", 350_000),
        ("LONG_TERM_FIRM", "2027-03-10T20:00:00Z", 50_000),
        ("LONG_TERM_STRICT", "2027-01-07T12:00:00Z", 350_000),
        ("LONG_TERM_STRICT", "2027-01-07T12:00:01Z", 50_000),
    ] {
        app.set(START);
        let (host, guest) = (app.host().await, app.guest().await);
        let place = json!({ "longTermPolicy": policy, "cancellationPolicy": "FLEXIBLE",
            "pricing": { "base": usd(10_000), "weekend": null, "cleaningFee": null, "lengthOfStay": null } });
        let listing = app.published_listing(&host, place).await;
        let booking = app.book(&guest, &listing, "2027-04-01", "2027-05-06").await;
        assert_eq!(number(&booking, "/price/total/amount"), 350_000);
        app.set(moment);
        let payload = app.cancel(&guest, &booking).await;
        assert_eq!(number(&payload, "/refund/amount/amount"), refund, "{policy} {moment}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_refund_that_changed_since_the_preview_is_refused_with_the_new_amount() {
    let app = TestApp::new().await;
    let (_, guest, booking) = first_vector(&app, "FLEXIBLE").await;
    app.set("2027-03-03T20:00:00Z");
    let shown = app.cancellation_refund(&guest, &booking).await;
    app.advance(TimeDelta::seconds(1));
    let given = json!({ "id": booking["id"], "expectedRefund": shown });
    let errors = app.user_errors(&guest, "bookingCancel", given).await;
    assert_eq!(error_codes(&errors), ["REFUND_CHANGED expectedRefund.amount"]);
    assert_eq!(errors[0]["__typename"], "RefundChangedError");
    assert_eq!(errors[0]["actual"]["refund"], json!({ "amount": 56_290, "currency": "USD" }));
    assert_eq!(app.booking(&guest, &booking).await["state"], "CONFIRMED");
    let given = json!({ "id": booking["id"], "expectedRefund": errors[0]["actual"]["refund"] });
    app.mutate_ok(&guest, "bookingCancel", given, "__typename").await;
    app.finish().await;
}

#[tokio::test]
async fn a_refund_that_differs_from_the_preview_is_refused() {
    let app = TestApp::new().await;
    let (_, guest, booking) = first_vector(&app, "FLEXIBLE").await;
    for amount in [-72_458, -1, 0, 72_457, 72_459, 9_007_199_254_740_991_i64] {
        let given = json!({ "id": booking["id"], "expectedRefund": { "amount": amount, "currency": "USD" } });
        assert_eq!(app.errors(&guest, "bookingCancel", given).await, ["REFUND_CHANGED expectedRefund.amount"]);
    }
    assert_eq!(app.booking(&guest, &booking).await["payment"]["refunded"]["amount"], 0);
    app.finish().await;
}

#[tokio::test]
async fn a_refund_in_another_currency_is_refused() {
    let app = TestApp::new().await;
    let (_, guest, booking) = first_vector(&app, "FLEXIBLE").await;
    for (currency, code) in [("EUR", "CURRENCY_MISMATCH"), ("XTS", "INVALID")] {
        let given = json!({ "id": booking["id"], "expectedRefund": { "amount": 72_458, "currency": currency } });
        let codes = app.errors(&guest, "bookingCancel", given).await;
        assert_eq!(codes, [format!("{code} expectedRefund.currency")], "{currency}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_booking_is_cancelled_once_and_its_nights_become_available() {
    let app = TestApp::new().await;
    let (_, guest, booking) = first_vector(&app, "FLEXIBLE").await;
    let expected = app.cancellation_refund(&guest, &booking).await;
    app.cancel(&guest, &booking).await;
    let given = json!({ "id": booking["id"], "expectedRefund": expected });
    let errors = app.user_errors(&guest, "bookingCancel", given).await;
    assert_eq!(error_codes(&errors), ["STATE_CONFLICT id"]);
    assert_eq!((&errors[0]["state"], &errors[0]["allowed"]), (&json!("CANCELLED_BY_GUEST"), &json!([])));
    let listing = text(&booking, "/listing/id");
    app.book(&app.guest().await, &listing, "2027-03-04", "2027-03-08").await;
    app.finish().await;
}

#[tokio::test]
async fn a_request_is_withdrawn_and_not_cancelled() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": "REQUEST" })).await;
    let booking = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    assert_eq!(app.cancellation_refund(&guest, &booking).await, Value::Null);
    let given = json!({ "id": booking["id"], "expectedRefund": { "amount": 0, "currency": "USD" } });
    assert_eq!(app.errors(&guest, "bookingCancel", given).await, ["STATE_CONFLICT id"]);
    app.finish().await;
}

#[tokio::test]
async fn the_refund_equals_the_refund_schedule() {
    let app = TestApp::new().await;
    for policy in ["FLEXIBLE", "MODERATE", "LIMITED", "FIRM", "STRICT", "SUPER_STRICT_30", "NON_REFUNDABLE"] {
        app.set(START);
        let (_, guest, booking) = first_vector(&app, policy).await;
        let query = "query($id: ID!) { booking(id: $id) { cancellationSchedule { until refund { amount } } } }";
        let data = app.gql(&guest, query, json!({ "id": booking["id"] })).await;
        let tiers = data["booking"]["cancellationSchedule"].as_array().unwrap();
        assert_eq!(number(&tiers[0], "/refund/amount"), 72_458, "{policy}: full refund on the first day");
        let mut last = i64::MAX;
        for tier in tiers {
            app.set(tier["until"].as_str().unwrap());
            let refund = number(tier, "/refund/amount");
            assert!(refund < last, "{policy}: {tiers:?}");
            if app.clock.now() < crate::harness::instant("2027-03-08T16:00:00Z") {
                assert_eq!(
                    number(&app.cancellation_refund(&guest, &booking).await, "/amount"),
                    refund,
                    "{policy}: {tier}"
                );
            }
            last = refund;
        }
    }
    app.finish().await;
}
