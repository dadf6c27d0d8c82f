//! Changes of a stay: asked for, answered, paid for or paid back, and everything that can come in between.

mod later;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::books::{Trip, told};
use crate::client::said;
use crate::harness::{Person, START, TestApp};
use crate::scenes::{merged, number, stay, text};

const NIGHTS: (&str, &str) = ("2027-03-01", "2027-03-03");
const BOOKED: [&str; 2] = ["BOOKED", "BOOKED"];

async fn trip(app: &TestApp) -> Trip {
    app.plain_trip(json!({}), NIGHTS).await
}

/// The guest asks for two nights more, 100.00 each, with a card.
async fn longer(app: &TestApp, trip: &Trip, card: &str) -> Value {
    let given =
        json!({ "id": trip.booking["id"], "stay": stay("2027-03-01", "2027-03-05"), "paymentMethodToken": card });
    let mut payload = app.must(&trip.guest, "bookingAlterationRequest", given, crate::books::CHANGE).await;
    payload["alteration"].take()
}

async fn nights(app: &TestApp, trip: &Trip) -> Vec<String> {
    app.nights(&trip.listing, "2027-03-01", "2027-03-05").await
}

/// The booking is as it was before anybody asked for a change, and its new nights are free.
async fn is_as_before(app: &TestApp, trip: &Trip) {
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!(seen["stay"], trip.booking["stay"]);
    assert_eq!(seen["price"], trip.booking["price"]);
    for part in ["amount", "authorized", "captured", "refunded"] {
        assert_eq!(seen["payment"][part], trip.booking["payment"][part], "{part}");
    }
    assert_eq!(nights(app, trip).await, [BOOKED, ["FREE", "FREE"]].concat());
    assert_eq!(app.paid(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 16_900, None)]);
}

async fn state(app: &TestApp, trip: &Trip) -> String {
    text(&app.change(&trip.guest, &trip.booking).await, "/state")
}

fn errors(payload: &Value) -> Vec<String> {
    said(payload["userErrors"].as_array().unwrap())
}

#[tokio::test]
async fn a_longer_stay_is_charged_and_swapped_when_the_other_side_agrees() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = longer(&app, &trip, "ok").await;
    assert_eq!((&change["state"], &change["isBeingPaid"]), (&json!("PENDING"), &json!(false)));
    assert_eq!(
        (number(&change, "/priceDifference/amount"), &change["expiresAt"]),
        (20_000, &json!("2027-01-06T12:00:00Z"))
    );
    assert_eq!(change["requestedBy"]["id"], trip.guest.id());
    is_as_before(&app, &trip).await;
    let payload = app.answered(&trip.host, &change, true, None).await;
    assert_eq!(payload["alteration"]["state"], "ACCEPTED");
    let booking = &payload["booking"];
    for same in ["id", "code", "state", "checkInAt"] {
        assert_eq!(booking[same], trip.booking[same], "{same}");
    }
    assert_eq!(booking["stay"], json!({ "checkIn": "2027-03-01", "checkOut": "2027-03-05", "nights": 4 }));
    assert_eq!(booking["checkOutAt"], "2027-03-05T16:00:00Z");
    assert_eq!(number(booking, "/price/total/amount"), 40_000);
    for part in ["amount", "authorized", "captured"] {
        assert_eq!(number(booking, &format!("/payment/{part}/amount")), 40_000, "{part}");
    }
    assert_eq!(nights(&app, &trip).await, [BOOKED, BOOKED].concat());
    assert_eq!(app.paid(&trip.host, booking).await, [("SCHEDULED".to_owned(), 33_800, None)]);
    let captures = told(&[
        ("CAPTURE", &[("PSP_CLEARING", 20_000), ("GUEST_ESCROW", -20_000)]),
        ("CAPTURE", &[("PSP_CLEARING", 20_000), ("GUEST_ESCROW", -20_000)]),
    ]);
    assert_eq!(app.ledger(&trip.staff, booking).await, captures);
    let payload = app.cancel(&trip.guest, booking).await;
    assert_eq!(number(&payload, "/booking/payment/refunded/amount"), 40_000, "from both charges");
    app.finish().await;
}

#[tokio::test]
async fn a_shorter_stay_is_paid_back_at_once() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-02", "2027-03-03")).await;
    assert_eq!(number(&change, "/priceDifference/amount"), -10_000);
    let payload = app.answered(&trip.host, &change, true, None).await;
    let booking = app.booking(&trip.guest, &payload["booking"]).await;
    assert_eq!(number(&booking, "/price/total/amount"), 10_000);
    assert_eq!(booking["payment"]["refunds"], json!([{ "amount": { "amount": 10_000 }, "state": "SUCCEEDED" }]));
    assert_eq!(nights(&app, &trip).await, ["FREE", "BOOKED", "FREE", "FREE"]);
    assert_eq!(app.payouts(&trip.host, &booking).await[0]["releaseAt"], "2027-03-03T20:00:00Z");
    assert_eq!(app.paid(&trip.host, &booking).await, [("SCHEDULED".to_owned(), 8_450, None)]);
    app.finish().await;
}

#[tokio::test]
async fn dates_may_move_over_the_old_ones_and_over_the_change_of_clocks() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "stayRules": { "preparationNights": 1 } }), ("2027-03-12", "2027-03-14")).await;
    let change = app.asked(&trip.host, &trip.booking, stay("2027-03-13", "2027-03-15")).await;
    assert_eq!((number(&change, "/priceDifference/amount"), text(&change, "/requestedBy/id")), (0, trip.host.id()));
    let payload = app.answered(&trip.guest, &change, true, None).await;
    let booking = &payload["booking"];
    assert_eq!(
        (&booking["checkInAt"], &booking["checkOutAt"]),
        (&json!("2027-03-13T20:00:00Z"), &json!("2027-03-15T15:00:00Z"))
    );
    let nights = app.nights(&trip.listing, "2027-03-12", "2027-03-17").await;
    assert_eq!(nights, ["FREE", "BOOKED", "BOOKED", "PREPARATION", "FREE"]);
    assert_eq!(app.payouts(&trip.host, booking).await[0]["releaseAt"], "2027-03-14T20:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn preparation_after_the_new_stay_is_needed_too() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({ "stayRules": { "preparationNights": 1 } }), NIGHTS).await;
    app.book(&app.guest().await, &trip.listing, "2027-03-05", "2027-03-07").await;
    let payload = app.ask(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-05")).await;
    assert_eq!(errors(&payload), ["NIGHTS_UNAVAILABLE stay"]);
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.answered(&trip.host, &change, true, None).await;
    assert_eq!(nights(&app, &trip).await, ["BOOKED", "BOOKED", "BOOKED", "PREPARATION"]);
    app.finish().await;
}

#[tokio::test]
async fn who_comes_may_change_alone() {
    let app = TestApp::new().await;
    let trip = app.first_vector(json!({})).await;
    let four = merged(stay("2027-03-04", "2027-03-08"), json!({ "adults": 4 }));
    let same = app.ask(&trip.guest, &trip.booking, merged(four.clone(), json!({ "adults": 3 }))).await;
    assert_eq!(errors(&same), ["INVALID stay"]);
    let many = app.ask(&trip.guest, &trip.booking, merged(four.clone(), json!({ "adults": 5 }))).await;
    assert_eq!(errors(&many), ["STAY_RULE_VIOLATED stay"]);
    let change = app.asked(&trip.guest, &trip.booking, four).await;
    // 60.00 more for the fourth guest; taxes of 63.90 on 720.00 in place of 58.58 on 660.00.
    assert_eq!((number(&change, "/priceDifference/amount"), number(&change, "/guests/adults")), (6_532, 4));
    let payload = app.answered(&trip.host, &change, true, None).await;
    assert_eq!(number(&payload, "/booking/payment/captured/amount"), 72_458 + 6_532);
    // 720.00 of nights, guests and cleaning, less 15.5 %.
    assert_eq!(app.paid(&trip.host, &trip.booking).await, [("SCHEDULED".to_owned(), 60_840, None)]);
    app.finish().await;
}

#[tokio::test]
async fn a_change_is_declined_withdrawn_or_expires_and_nothing_has_happened() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = longer(&app, &trip, "ok").await;
    assert_eq!(errors(&app.answer(&trip.guest, &change, true, None).await), ["FORBIDDEN id"]);
    app.answered(&trip.host, &change, false, None).await;
    assert_eq!(state(&app, &trip).await, "DECLINED");
    for accept in [true, false] {
        assert_eq!(errors(&app.answer(&trip.host, &change, accept, None).await), ["STATE_CONFLICT id"]);
    }
    let change = longer(&app, &trip, "ok").await;
    app.answered(&trip.guest, &change, false, None).await;
    assert_eq!(state(&app, &trip).await, "WITHDRAWN");
    let change = longer(&app, &trip, "ok").await;
    app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    app.drain().await;
    assert_eq!(state(&app, &trip).await, "PENDING");
    app.advance(TimeDelta::seconds(1));
    assert_eq!(errors(&app.answer(&trip.host, &change, true, None).await), ["STATE_CONFLICT id"]);
    app.drain().await;
    assert_eq!(state(&app, &trip).await, "EXPIRED");
    is_as_before(&app, &trip).await;
    app.finish().await;
}

#[tokio::test]
async fn a_card_that_is_declined_for_the_difference_changes_nothing() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    for card in ["declined", "insufficient_funds", "no such card"] {
        let change = longer(&app, &trip, card).await;
        let answer = app.answer(&trip.host, &change, true, None).await;
        assert_eq!(errors(&answer), ["PAYMENT_DECLINED paymentMethodToken"], "{card}");
        assert_eq!(state(&app, &trip).await, "DECLINED");
        is_as_before(&app, &trip).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn a_guest_who_is_asked_pays_with_another_card() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = app.asked(&trip.host, &trip.booking, stay("2027-03-01", "2027-03-05")).await;
    let answer = app.answer(&trip.guest, &change, true, Some("declined")).await;
    assert_eq!(errors(&answer), ["PAYMENT_DECLINED paymentMethodToken"]);
    is_as_before(&app, &trip).await;
    let change = app.asked(&trip.host, &trip.booking, stay("2027-03-01", "2027-03-05")).await;
    let answer = app.answered(&trip.guest, &change, true, Some("slow")).await;
    assert_eq!(number(&answer, "/booking/payment/captured/amount"), 40_000);
    let methods: i64 = app.count("sandbox_intent WHERE method = 'slow' AND state = 'SUCCEEDED'", []).await;
    assert_eq!(methods, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_difference_that_needs_the_guest_is_confirmed_afterwards() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = longer(&app, &trip, "3ds").await;
    let answer = app.answered(&trip.host, &change, true, None).await;
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
        assert_eq!(errors(&app.answer(&trip.host, &change, accept, None).await), ["STATE_CONFLICT id"]);
    }
    let paid = app.step(&trip.guest, "bookingPaymentConfirm", &trip.booking).await;
    assert_eq!((number(&paid, "/stay/nights"), number(&paid, "/payment/captured/amount")), (4, 40_000));
    assert_eq!(state(&app, &trip).await, "ACCEPTED");
    app.finish().await;
}

#[tokio::test]
async fn a_guest_who_fails_at_the_bank_is_told_and_keeps_the_old_stay() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = longer(&app, &trip, "3ds_fails").await;
    app.answered(&trip.host, &change, true, None).await;
    let said = app.said(&trip.guest, "bookingPaymentConfirm", json!({ "id": trip.booking["id"] })).await;
    assert_eq!(said, ["PAYMENT_DECLINED id"]);
    assert_eq!(state(&app, &trip).await, "DECLINED");
    is_as_before(&app, &trip).await;
    app.finish().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_on_its_way_is_found_and_the_stay_is_swapped() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = longer(&app, &trip, "unknown").await;
    let answer = app.answered(&trip.host, &change, true, None).await;
    assert_eq!(answer["alteration"]["isBeingPaid"], true);
    app.advance(TimeDelta::minutes(2));
    app.drain().await;
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!((number(&seen, "/stay/nights"), number(&seen, "/payment/captured/amount")), (4, 40_000));
    app.finish().await;
}

#[tokio::test]
async fn a_difference_that_is_never_paid_lets_the_nights_go() {
    let app = TestApp::new().await;
    for card in ["3ds", "lost"] {
        app.set(START);
        let trip = trip(&app).await;
        let change = longer(&app, &trip, card).await;
        app.answered(&trip.host, &change, true, None).await;
        app.advance(TimeDelta::minutes(14));
        app.drain().await;
        assert_eq!(app.change(&trip.guest, &trip.booking).await["isBeingPaid"], true);
        app.advance(TimeDelta::minutes(1));
        assert_eq!(nights(&app, &trip).await, [BOOKED, ["FREE", "FREE"]].concat(), "before any job has run");
        app.advance(TimeDelta::hours(2));
        app.drain().await;
        assert_eq!(state(&app, &trip).await, "EXPIRED", "{card}");
        is_as_before(&app, &trip).await;
        app.advance(TimeDelta::hours(2));
        app.drain().await;
    }
    app.finish().await;
}

#[tokio::test]
async fn nights_that_went_to_another_while_the_guest_was_at_the_bank_are_not_paid_for() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = longer(&app, &trip, "3ds").await;
    app.answered(&trip.host, &change, true, None).await;
    app.advance(TimeDelta::minutes(15));
    app.book(&app.guest().await, &trip.listing, "2027-03-04", "2027-03-06").await;
    app.mutate(&trip.guest, "bookingPaymentConfirm", json!({ "id": trip.booking["id"] }), "__typename").await;
    app.drain().await;
    assert_eq!(state(&app, &trip).await, "EXPIRED");
    let seen = app.booking(&trip.guest, &trip.booking).await;
    assert_eq!((number(&seen, "/stay/nights"), number(&seen, "/payment/captured/amount")), (2, 20_000));
    assert_eq!(nights(&app, &trip).await, ["BOOKED", "BOOKED", "FREE", "BOOKED"]);
    app.finish().await;
}

#[tokio::test]
async fn nights_that_went_to_another_before_the_answer_are_refused() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    let change = longer(&app, &trip, "ok").await;
    app.book(&app.guest().await, &trip.listing, "2027-03-04", "2027-03-06").await;
    let answer = app.answer(&trip.host, &change, true, None).await;
    assert_eq!(errors(&answer), ["NIGHTS_UNAVAILABLE id"]);
    assert_eq!(state(&app, &trip).await, "PENDING");
    assert_eq!(app.booking(&trip.guest, &trip.booking).await["payment"]["amount"]["amount"], 20_000);
    app.finish().await;
}

#[tokio::test]
async fn a_booking_that_is_cancelled_while_the_difference_is_paid_lets_go_of_all() {
    let app = TestApp::new().await;
    for by_host in [false, true] {
        app.set(START);
        let trip = trip(&app).await;
        let change = longer(&app, &trip, "3ds").await;
        app.answered(&trip.host, &change, true, None).await;
        let who = if by_host { &trip.host } else { &trip.guest };
        let payload = app.cancel(who, &trip.booking).await;
        assert_eq!(number(&payload, "/refund/amount/amount"), 20_000);
        assert_eq!(state(&app, &trip).await, "EXPIRED");
        let old = if by_host { ["BLOCKED_BY_HOST"; 2] } else { ["FREE"; 2] };
        assert_eq!(nights(&app, &trip).await, [old, ["FREE", "FREE"]].concat());
        let said = app.said(&trip.guest, "bookingPaymentConfirm", json!({ "id": trip.booking["id"] })).await;
        assert_eq!(said, ["STATE_CONFLICT id"]);
        let open = app.count("sandbox_intent WHERE state NOT IN ('CANCELLED', 'SUCCEEDED')", []).await;
        assert_eq!(open, 0, "the bank waits for nobody");
    }
    app.finish().await;
}

#[tokio::test]
async fn one_change_waits_at_a_time() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    longer(&app, &trip, "ok").await;
    for who in [&trip.guest, &trip.host] {
        let payload = app.ask(who, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
        assert_eq!(errors(&payload), ["STATE_CONFLICT id"]);
    }
    assert_eq!(errors(&app.ask(&trip.staff, &trip.booking, stay("2027-03-01", "2027-03-04")).await), ["FORBIDDEN id"]);
    let stranger = app.guest().await;
    assert_eq!(errors(&app.ask(&stranger, &trip.booking, stay("2027-03-01", "2027-03-04")).await), ["NOT_FOUND id"]);
    app.finish().await;
}

#[tokio::test]
async fn the_quote_of_a_change_is_no_quote_for_a_booking() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    // Another stay altogether, which guest and host may agree on; nobody has agreed.
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-10", "2027-03-11")).await;
    let given = json!({ "quoteToken": change["quote"]["token"], "booking": { "paymentMethodToken": "ok" } });
    assert_eq!(app.said(&trip.guest, "bookingCreate", given.clone()).await, ["QUOTE_CONSUMED quoteToken"]);
    app.answered(&trip.host, &change, true, None).await;
    assert_eq!(app.said(&trip.guest, "bookingCreate", given).await, ["QUOTE_CONSUMED quoteToken"]);
    app.finish().await;
}

#[tokio::test]
async fn during_the_stay_its_end_may_change_and_its_beginning_not() {
    let app = TestApp::new().await;
    let trip = trip(&app).await;
    app.set("2027-03-01T20:00:00Z");
    app.drain().await;
    let payload = app.ask(&trip.guest, &trip.booking, stay("2027-03-02", "2027-03-04")).await;
    assert_eq!(errors(&payload), ["INVALID stay.checkIn"]);
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.set("2027-03-02T20:00:00Z");
    app.drain().await;
    assert_eq!(state(&app, &trip).await, "EXPIRED", "a day is over");
    let payload = app.ask(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-02")).await;
    assert_eq!(errors(&payload), ["INVALID stay.checkOut"], "{change}");
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-03-04")).await;
    app.answered(&trip.host, &change, true, None).await;
    app.drain().await;
    let both = [("PAID".to_owned(), 16_900, Some(16_900)), ("PAID".to_owned(), 8_450, Some(8_450))];
    assert_eq!(app.paid(&trip.host, &trip.booking).await, both, "the first was released, the other is due");
    app.set("2027-03-04T16:00:00Z");
    app.drain().await;
    assert_eq!(app.booking(&trip.guest, &trip.booking).await["state"], "COMPLETED");
    app.finish().await;
}
