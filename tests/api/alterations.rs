//! Alterations: requests, responses, charges and refunds, and everything that can happen in between.

mod answers;
mod later_changes;
mod terms;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::accounting::{BookedTrip, ledger_of};
use crate::client::error_codes;
use crate::harness::{Person, START, TestApp};
use crate::scenarios::{merge, number, stay, text};

const NIGHTS: (&str, &str) = ("2027-03-01", "2027-03-03");
const BOOKED: [&str; 2] = ["BOOKED", "BOOKED"];

async fn book_trip(app: &TestApp) -> BookedTrip {
    app.plain_trip(json!({}), NIGHTS).await
}

/// The guest requests an alteration by two further nights of 100.00 each.
async fn request_longer_stay(app: &TestApp, trip: &BookedTrip, card: &str) -> Value {
    let given =
        json!({ "id": trip.booking["id"], "stay": stay("2027-03-01", "2027-03-05"), "paymentMethodToken": card });
    let mut payload =
        app.mutate_ok(&trip.guest, "bookingAlterationRequest", given, crate::accounting::ALTERATION).await;
    payload["alteration"].take()
}

async fn nights(app: &TestApp, trip: &BookedTrip) -> Vec<String> {
    app.nights(&trip.listing, "2027-03-01", "2027-03-05").await
}

/// Checks that the booking is as it was before the request, and that the requested nights are free.
async fn assert_unchanged(app: &TestApp, trip: &BookedTrip) {
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!(seen["stay"], trip.booking["stay"]);
    assert_eq!(seen["price"], trip.booking["price"]);
    for part in ["amount", "authorized", "captured", "refunded"] {
        assert_eq!(seen["payment"][part], trip.booking["payment"][part], "{part}");
    }
    assert_eq!(nights(app, trip).await, [BOOKED, ["FREE", "FREE"]].concat());
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 16_900, None)]);
}

async fn alteration_state(app: &TestApp, trip: &BookedTrip) -> String {
    text(&app.last_alteration(&trip.guest, &trip.booking).await, "/state")
}

fn errors(payload: &Value) -> Vec<String> {
    error_codes(payload["userErrors"].as_array().unwrap())
}

#[tokio::test]
async fn a_longer_stay_is_charged_and_applied_when_the_other_party_accepts() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "ok").await;
    assert_eq!((&change["state"], &change["isBeingPaid"]), (&json!("PENDING"), &json!(false)));
    assert_eq!(
        (number(&change, "/priceDifference/amount"), &change["expiresAt"]),
        (20_000, &json!("2027-01-06T12:00:00.000Z"))
    );
    assert_eq!(change["requestedBy"]["id"], trip.guest.id());
    assert_unchanged(&app, &trip).await;
    let payload = app.respond_ok(&trip.host, &change, true, None).await;
    assert_eq!(payload["alteration"]["state"], "ACCEPTED");
    let booking = &payload["booking"];
    for same in ["id", "code", "state", "checkInAt"] {
        assert_eq!(booking[same], trip.booking[same], "{same}");
    }
    assert_eq!(booking["stay"], json!({ "checkIn": "2027-03-01", "checkOut": "2027-03-05", "nights": 4 }));
    assert_eq!(booking["checkOutAt"], "2027-03-05T16:00:00.000Z");
    assert_eq!(number(booking, "/price/total/amount"), 40_000);
    for part in ["amount", "authorized", "captured"] {
        assert_eq!(number(booking, &format!("/payment/{part}/amount")), 40_000, "{part}");
    }
    assert_eq!(nights(&app, &trip).await, [BOOKED, BOOKED].concat());
    assert_eq!(app.payout_summaries(&trip.host, booking).await, [("SCHEDULED".to_owned(), 33_800, None)]);
    let captures = ledger_of(&[
        ("CAPTURE", &[("PSP_CLEARING", 20_000), ("GUEST_ESCROW", -20_000)]),
        ("CAPTURE", &[("PSP_CLEARING", 20_000), ("GUEST_ESCROW", -20_000)]),
    ]);
    assert_eq!(app.ledger(&trip.staff, booking).await, captures);
    let payload = app.cancel(&trip.guest, booking).await;
    assert_eq!(number(&payload, "/booking/payment/refunded/amount"), 40_000, "refunded from both charges");
    app.finish().await;
}

#[tokio::test]
async fn a_shorter_stay_is_refunded_immediately() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-02", "2027-03-03")).await;
    assert_eq!(number(&change, "/priceDifference/amount"), -10_000);
    let payload = app.respond_ok(&trip.host, &change, true, None).await;
    let booking = app.booking(&trip.guest, &payload["booking"]).await;
    assert_eq!(number(&booking, "/price/total/amount"), 10_000);
    assert_eq!(booking["payment"]["refunds"], json!([{ "amount": { "amount": 10_000 }, "state": "SUCCEEDED" }]));
    assert_eq!(nights(&app, &trip).await, ["FREE", "BOOKED", "FREE", "FREE"]);
    assert_eq!(app.payouts(&trip.host, &booking).await[0]["releaseAt"], "2027-03-03T20:00:00.000Z");
    assert_eq!(app.payout_summaries(&trip.host, &booking).await, [("SCHEDULED".to_owned(), 8_450, None)]);
    app.finish().await;
}

#[tokio::test]
async fn new_dates_may_overlap_the_old_ones_and_a_daylight_saving_change() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "stayRules": { "preparationNights": 1 } }), ("2027-03-12", "2027-03-14")).await;
    let change = app.request_alteration_ok(&trip.host, &trip.booking, stay("2027-03-13", "2027-03-15")).await;
    assert_eq!((number(&change, "/priceDifference/amount"), text(&change, "/requestedBy/id")), (0, trip.host.id()));
    let payload = app.respond_ok(&trip.guest, &change, true, None).await;
    let booking = &payload["booking"];
    assert_eq!(
        (&booking["checkInAt"], &booking["checkOutAt"]),
        (&json!("2027-03-13T20:00:00.000Z"), &json!("2027-03-15T15:00:00.000Z"))
    );
    let nights = app.nights(&trip.listing, "2027-03-12", "2027-03-17").await;
    assert_eq!(nights, ["FREE", "BOOKED", "BOOKED", "PREPARATION", "FREE"]);
    assert_eq!(app.payouts(&trip.host, booking).await[0]["releaseAt"], "2027-03-14T20:00:00.000Z");
    app.finish().await;
}

#[tokio::test]
async fn the_new_stay_needs_free_preparation_nights_too() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "stayRules": { "preparationNights": 1 } }), NIGHTS).await;
    app.book(&app.guest().await, &trip.listing, "2027-03-05", "2027-03-07").await;
    let payload = app.request_alteration(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-05")).await;
    assert_eq!(errors(&payload), ["NIGHTS_UNAVAILABLE stay"]);
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.respond_ok(&trip.host, &change, true, None).await;
    assert_eq!(nights(&app, &trip).await, ["BOOKED", "BOOKED", "BOOKED", "PREPARATION"]);
    app.finish().await;
}

#[tokio::test]
async fn the_guests_may_change_without_the_dates() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    let four = merge(stay("2027-03-04", "2027-03-08"), json!({ "adults": 4 }));
    let same = app.request_alteration(&trip.guest, &trip.booking, merge(four.clone(), json!({ "adults": 3 }))).await;
    assert_eq!(errors(&same), ["INVALID stay"]);
    let many = app.request_alteration(&trip.guest, &trip.booking, merge(four.clone(), json!({ "adults": 5 }))).await;
    assert_eq!(errors(&many), ["STAY_RULE_VIOLATED stay"]);
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, four).await;
    // 60.00 for the fourth guest, and taxes of 63.90 on 720.00 instead of 58.58 on 660.00.
    assert_eq!((number(&change, "/priceDifference/amount"), number(&change, "/guests/adults")), (6_532, 4));
    let payload = app.respond_ok(&trip.host, &change, true, None).await;
    assert_eq!(number(&payload, "/booking/payment/captured/amount"), 72_458 + 6_532);
    // 720.00 for nights, extra guests and cleaning, minus the fee of 15.5 %.
    assert_eq!(app.payout_summaries(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 60_840, None)]);
    app.finish().await;
}

#[tokio::test]
async fn a_declined_withdrawn_or_expired_alteration_changes_nothing() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "ok").await;
    assert_eq!(errors(&app.respond(&trip.guest, &change, true, None).await), ["FORBIDDEN id"]);
    app.respond_ok(&trip.host, &change, false, None).await;
    assert_eq!(alteration_state(&app, &trip).await, "DECLINED");
    for accept in [true, false] {
        assert_eq!(errors(&app.respond(&trip.host, &change, accept, None).await), ["STATE_CONFLICT id"]);
    }
    let change = request_longer_stay(&app, &trip, "ok").await;
    app.respond_ok(&trip.guest, &change, false, None).await;
    assert_eq!(alteration_state(&app, &trip).await, "WITHDRAWN");
    let change = request_longer_stay(&app, &trip, "ok").await;
    app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    app.drain().await;
    assert_eq!(alteration_state(&app, &trip).await, "PENDING");
    app.advance(TimeDelta::seconds(1));
    assert_eq!(errors(&app.respond(&trip.host, &change, true, None).await), ["STATE_CONFLICT id"]);
    app.drain().await;
    assert_eq!(alteration_state(&app, &trip).await, "EXPIRED");
    assert_unchanged(&app, &trip).await;
    app.finish().await;
}

#[tokio::test]
async fn a_declined_card_for_the_difference_changes_nothing() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    for card in ["declined", "insufficient_funds", "no such card"] {
        let change = request_longer_stay(&app, &trip, card).await;
        let answer = app.respond(&trip.host, &change, true, None).await;
        assert_eq!(errors(&answer), ["PAYMENT_DECLINED paymentMethodToken"], "{card}");
        assert_eq!(alteration_state(&app, &trip).await, "DECLINED");
        assert_unchanged(&app, &trip).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn the_accepting_guest_may_pay_with_another_card() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = app.request_alteration_ok(&trip.host, &trip.booking, stay("2027-03-01", "2027-03-05")).await;
    let answer = app.respond(&trip.guest, &change, true, Some("declined")).await;
    assert_eq!(errors(&answer), ["PAYMENT_DECLINED paymentMethodToken"]);
    assert_unchanged(&app, &trip).await;
    let change = app.request_alteration_ok(&trip.host, &trip.booking, stay("2027-03-01", "2027-03-05")).await;
    let answer = app.respond_ok(&trip.guest, &change, true, Some("slow")).await;
    assert_eq!(number(&answer, "/booking/payment/captured/amount"), 40_000);
    let methods: i64 = app.count("sandbox_intent WHERE method = 'slow' AND state = 'SUCCEEDED'", []).await;
    assert_eq!(methods, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_difference_that_needs_3d_secure_is_confirmed_afterwards() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "3ds").await;
    let answer = app.respond_ok(&trip.host, &change, true, None).await;
    assert_eq!(
        (&answer["alteration"]["state"], &answer["alteration"]["isBeingPaid"]),
        (&json!("PENDING"), &json!(true))
    );
    assert_eq!(answer["booking"]["stay"], trip.booking["stay"]);
    assert_eq!(nights(&app, &trip).await, [BOOKED, ["HELD", "HELD"]].concat());
    let waiting = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!(waiting["payment"]["state"], "REQUIRES_ACTION");
    assert!(text(&waiting, "/payment/clientSecret").starts_with("sbx_"));
    assert_eq!(app.booking(&trip.host, &trip.booking).await["payment"]["clientSecret"], Value::Null);
    for accept in [true, false] {
        assert_eq!(errors(&app.respond(&trip.host, &change, accept, None).await), ["STATE_CONFLICT id"]);
    }
    let paid = app.perform(&trip.guest, "bookingPaymentConfirm", &trip.booking).await;
    assert_eq!((number(&paid, "/stay/nights"), number(&paid, "/payment/captured/amount")), (4, 40_000));
    assert_eq!(alteration_state(&app, &trip).await, "ACCEPTED");
    app.finish().await;
}

#[tokio::test]
async fn failed_3d_secure_is_reported_and_the_old_stay_remains() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "3ds_fails").await;
    app.respond_ok(&trip.host, &change, true, None).await;
    let codes = app.errors(&trip.guest, "bookingPaymentConfirm", json!({ "id": trip.booking["id"] })).await;
    assert_eq!(codes, ["PAYMENT_DECLINED id"]);
    assert_eq!(alteration_state(&app, &trip).await, "DECLINED");
    assert_unchanged(&app, &trip).await;
    app.finish().await;
}

#[tokio::test]
async fn a_lost_processor_response_is_recovered_and_the_alteration_applied() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "unknown").await;
    let answer = app.respond_ok(&trip.host, &change, true, None).await;
    assert_eq!(answer["alteration"]["isBeingPaid"], true);
    app.advance(TimeDelta::minutes(2));
    app.drain().await;
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!((number(&seen, "/stay/nights"), number(&seen, "/payment/captured/amount")), (4, 40_000));
    app.finish().await;
}

#[tokio::test]
async fn an_unpaid_difference_releases_the_extra_nights() {
    let app = TestApp::new().await;
    for card in ["3ds", "lost"] {
        app.set(START);
        let trip = book_trip(&app).await;
        let change = request_longer_stay(&app, &trip, card).await;
        app.respond_ok(&trip.host, &change, true, None).await;
        app.advance(TimeDelta::minutes(14));
        app.drain().await;
        assert_eq!(app.last_alteration(&trip.guest, &trip.booking).await["isBeingPaid"], true);
        app.advance(TimeDelta::minutes(1));
        assert_eq!(nights(&app, &trip).await, [BOOKED, ["FREE", "FREE"]].concat(), "free even before a job runs");
        app.advance(TimeDelta::hours(2));
        app.drain().await;
        assert_eq!(alteration_state(&app, &trip).await, "EXPIRED", "{card}");
        assert_unchanged(&app, &trip).await;
        app.advance(TimeDelta::hours(2));
        app.drain().await;
    }
    app.finish().await;
}

#[tokio::test]
async fn nights_lost_during_3d_secure_are_not_charged() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "3ds").await;
    app.respond_ok(&trip.host, &change, true, None).await;
    app.advance(TimeDelta::minutes(15));
    app.book(&app.guest().await, &trip.listing, "2027-03-04", "2027-03-06").await;
    app.mutate(&trip.guest, "bookingPaymentConfirm", json!({ "id": trip.booking["id"] }), "__typename").await;
    app.drain().await;
    assert_eq!(alteration_state(&app, &trip).await, "EXPIRED");
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!((number(&seen, "/stay/nights"), number(&seen, "/payment/captured/amount")), (2, 20_000));
    assert_eq!(nights(&app, &trip).await, ["BOOKED", "BOOKED", "FREE", "BOOKED"]);
    app.finish().await;
}

#[tokio::test]
async fn accepting_an_alteration_whose_nights_are_taken_is_refused() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    let change = request_longer_stay(&app, &trip, "ok").await;
    app.book(&app.guest().await, &trip.listing, "2027-03-04", "2027-03-06").await;
    let answer = app.respond(&trip.host, &change, true, None).await;
    assert_eq!(errors(&answer), ["NIGHTS_UNAVAILABLE id"]);
    assert_eq!(alteration_state(&app, &trip).await, "PENDING");
    assert_eq!(app.booking(&trip.guest, &trip.booking).await["payment"]["amount"]["amount"], 20_000);
    app.finish().await;
}

#[tokio::test]
async fn cancelling_while_the_difference_is_paid_releases_everything() {
    let app = TestApp::new().await;
    for by_host in [false, true] {
        app.set(START);
        let trip = book_trip(&app).await;
        let change = request_longer_stay(&app, &trip, "3ds").await;
        app.respond_ok(&trip.host, &change, true, None).await;
        let who = if by_host { &trip.host } else { &trip.guest };
        let payload = app.cancel(who, &trip.booking).await;
        assert_eq!(number(&payload, "/refund/amount/amount"), 20_000);
        assert_eq!(alteration_state(&app, &trip).await, "EXPIRED");
        let old = if by_host { ["BLOCKED_BY_HOST"; 2] } else { ["FREE"; 2] };
        assert_eq!(nights(&app, &trip).await, [old, ["FREE", "FREE"]].concat());
        let codes = app.errors(&trip.guest, "bookingPaymentConfirm", json!({ "id": trip.booking["id"] })).await;
        assert_eq!(codes, ["STATE_CONFLICT id"]);
        let open = app.count("sandbox_intent WHERE state NOT IN ('CANCELLED', 'SUCCEEDED')", []).await;
        assert_eq!(open, 0, "no intent is left open");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_booking_has_one_pending_alteration_at_a_time() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    request_longer_stay(&app, &trip, "ok").await;
    for who in [&trip.guest, &trip.host] {
        let payload = app.request_alteration(who, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
        assert_eq!(errors(&payload), ["STATE_CONFLICT id"]);
    }
    assert_eq!(
        errors(&app.request_alteration(&trip.staff, &trip.booking, stay("2027-03-01", "2027-03-04")).await),
        ["FORBIDDEN id"]
    );
    let stranger = app.guest().await;
    assert_eq!(
        errors(&app.request_alteration(&stranger, &trip.booking, stay("2027-03-01", "2027-03-04")).await),
        ["NOT_FOUND id"]
    );
    app.finish().await;
}

#[tokio::test]
async fn during_the_stay_only_the_check_out_date_may_change() {
    let app = TestApp::new().await;
    let trip = book_trip(&app).await;
    app.set("2027-03-01T20:00:00Z");
    app.drain().await;
    let payload = app.request_alteration(&trip.guest, &trip.booking, stay("2027-03-02", "2027-03-04")).await;
    assert_eq!(errors(&payload), ["INVALID stay.checkIn"]);
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.set("2027-03-02T20:00:00Z");
    app.drain().await;
    assert_eq!(alteration_state(&app, &trip).await, "EXPIRED", "the first night is over");
    let payload = app.request_alteration(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-02")).await;
    assert_eq!(errors(&payload), ["INVALID stay.checkOut"], "{change}");
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.respond_ok(&trip.host, &change, true, None).await;
    app.drain().await;
    let both = [("PAID".to_owned(), 16_900, Some(16_900)), ("PAID".to_owned(), 8_450, Some(8_450))];
    assert_eq!(
        app.payout_summaries(&trip.host, &trip.booking).await,
        both,
        "the first payout was released before, the second is due"
    );
    app.set("2027-03-04T16:00:00Z");
    app.drain().await;
    assert_eq!(app.booking(&trip.guest, &trip.booking).await["state"], "COMPLETED");
    app.finish().await;
}
