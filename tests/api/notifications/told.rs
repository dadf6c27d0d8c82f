//! Who is told of what: every way of a booking, and what its two sides have heard at its end.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::books::Trip;
use crate::client::Nobody;
use crate::harness::{Person, START, TestApp};
use crate::scenes::{merged, stay, text};

/// The arrival is on the day on which tests begin, at 20:00 UTC.
const NIGHTS: (&str, &str) = ("2027-01-05", "2027-01-07");
const OVER: &str = "run until 2027-01-07T17:00:00Z";
/// The first money of a new host waits for thirty days.
const PAY_DAY: &str = "run until 2027-02-04T12:00:00Z";

/// A way, step by step, and what guest and host were told on it, oldest first.
type Row = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

const CONFIRMED: &str = "BOOKING_CONFIRMED";
const CANCELLED: &str = "BOOKING_CANCELLED";
const ARRIVED: &str = "BOOKING_CHECKED_IN";
const COMPLETED: &str = "BOOKING_COMPLETED";
const ASKED: &str = "ALTERATION_REQUESTED";
const ACCEPTED: &str = "ALTERATION_ACCEPTED";
const REQUESTED: &str = "BOOKING_REQUESTED";

const ROWS: &[Row] = &[
    (&["pay with ok"], &[CONFIRMED], &[CONFIRMED]),
    (&["pay with 3ds"], &[], &[]),
    (&["pay with 3ds", "guest bookingPaymentConfirm"], &[CONFIRMED], &[CONFIRMED]),
    (&["pay with 3ds", "run until 2027-01-05T12:15:00Z"], &["BOOKING_PAYMENT_FAILED"], &[]),
    (&["pay with declined"], &["BOOKING_PAYMENT_FAILED"], &[]),
    (&["request"], &[], &[REQUESTED]),
    (&["request", "guest bookingWithdraw"], &[], &[REQUESTED, "BOOKING_WITHDRAWN"]),
    (&["request", "host bookingDecline"], &["BOOKING_DECLINED"], &[REQUESTED]),
    (&["request", "host bookingAccept"], &[CONFIRMED], &[REQUESTED]),
    (
        &["request", "run until 2027-01-06T12:00:00Z"],
        &["BOOKING_REQUEST_EXPIRED"],
        &[REQUESTED, "BOOKING_REQUEST_EXPIRED"],
    ),
    (&["pay with ok", "guest bookingCancel"], &[CONFIRMED], &[CONFIRMED, CANCELLED]),
    (&["pay with ok", "host bookingCancel"], &[CONFIRMED, CANCELLED], &[CONFIRMED]),
    (&["pay with ok", "staff bookingCancel"], &[CONFIRMED, CANCELLED], &[CONFIRMED, CANCELLED]),
    (&["pay with ok", "host bookingRefund"], &[CONFIRMED, "BOOKING_REFUNDED"], &[CONFIRMED]),
    (&["pay with ok", "staff bookingRefund"], &[CONFIRMED, "BOOKING_REFUNDED"], &[CONFIRMED, "BOOKING_REFUNDED"]),
    (&["pay with ok", "guest bookingCheckIn"], &[CONFIRMED], &[CONFIRMED, ARRIVED]),
    (&["pay with ok", "host bookingCheckIn"], &[CONFIRMED, ARRIVED], &[CONFIRMED]),
    (&["pay with ok", "guest bookingCheckIn", "guest bookingCheckOut"], &[CONFIRMED], &[CONFIRMED, ARRIVED, COMPLETED]),
    (&["pay with ok", "host bookingCheckIn", "host bookingCheckOut"], &[CONFIRMED, ARRIVED, COMPLETED], &[CONFIRMED]),
    (&["pay with ok", "run until 2027-01-05T20:00:00Z"], &[CONFIRMED], &[CONFIRMED]),
    (&["pay with ok", OVER], &[CONFIRMED, COMPLETED], &[CONFIRMED, COMPLETED]),
    (
        &["pay with ok", "run until 2027-01-06T02:00:00Z", "host bookingNoShowReport"],
        &[CONFIRMED, "BOOKING_NO_SHOW"],
        &[CONFIRMED],
    ),
    // A longer stay is agreed to by one, and made by the service once it is paid.
    (
        &["pay with ok", "guest asks until 2027-01-08", "host agrees"],
        &[CONFIRMED, "ALTERATION_AGREED", ACCEPTED],
        &[CONFIRMED, ASKED, ACCEPTED],
    ),
    (&["pay with ok", "guest asks until 2027-01-06", "host agrees"], &[CONFIRMED, ACCEPTED], &[CONFIRMED, ASKED]),
    (
        &["pay with ok", "host asks until 2027-01-08", "guest refuses"],
        &[CONFIRMED, ASKED],
        &[CONFIRMED, "ALTERATION_DECLINED"],
    ),
    (
        &["pay with ok", "guest asks until 2027-01-08", "guest refuses"],
        &[CONFIRMED],
        &[CONFIRMED, ASKED, "ALTERATION_WITHDRAWN"],
    ),
    (
        &["pay with ok", "host asks until 2027-01-08", "guest agrees with declined"],
        &[CONFIRMED, ASKED, "ALTERATION_PAYMENT_FAILED"],
        &[CONFIRMED, "ALTERATION_AGREED", "ALTERATION_PAYMENT_FAILED"],
    ),
    (
        &["pay with ok", "guest asks until 2027-01-08", "run until 2027-01-05T20:00:00Z"],
        &[CONFIRMED, "ALTERATION_EXPIRED"],
        &[CONFIRMED, ASKED, "ALTERATION_EXPIRED"],
    ),
    // That the booking is over says that its change is.
    (
        &["pay with ok", "guest asks until 2027-01-08", "guest bookingCancel"],
        &[CONFIRMED],
        &[CONFIRMED, ASKED, CANCELLED],
    ),
    (
        &["pay with ok", OVER, "guest reviewSubmit", "host reviewSubmit", "host reviewRespond"],
        &[CONFIRMED, COMPLETED, "REVIEW_PUBLISHED", "REVIEW_ANSWERED"],
        &[CONFIRMED, COMPLETED, "REVIEW_SUBMITTED"],
    ),
    (
        &["pay with ok", OVER, "guest reviewSubmit", "run until 2027-01-23T12:00:00Z"],
        &[CONFIRMED, COMPLETED],
        &[CONFIRMED, COMPLETED, "REVIEW_SUBMITTED", "REVIEW_PUBLISHED"],
    ),
    (&["pay with ok", PAY_DAY], &[CONFIRMED, COMPLETED], &[CONFIRMED, COMPLETED, "PAYOUT_SENT"]),
    (
        &["pay with ok", "host payoutAccountSet", PAY_DAY],
        &[CONFIRMED, COMPLETED],
        &[CONFIRMED, COMPLETED, "PAYOUT_FAILED"],
    ),
    (&["pay with ok", "staff payoutHold"], &[CONFIRMED], &[CONFIRMED, "PAYOUT_HELD"]),
    (
        &["pay with ok", "host breaks another stay off", PAY_DAY],
        &[CONFIRMED, COMPLETED],
        &[CONFIRMED, CONFIRMED, COMPLETED, "PAYOUT_OFFSET"],
    ),
];

/// What somebody was told, oldest first.
async fn heard(app: &TestApp, who: &Person) -> Vec<String> {
    let data = app.gql(who, "{ viewer { notifications(first: 100) { nodes { kind } } } }", json!({})).await;
    let nodes = data["viewer"]["notifications"]["nodes"].as_array().unwrap();
    nodes.iter().rev().map(|node| text(node, "/kind")).collect()
}

async fn begin(app: &TestApp, first: &str) -> Trip {
    let (host, guest, staff) = (app.host().await, app.guest().await, app.admin().await);
    let mode = if first == "request" { "REQUEST" } else { "INSTANT" };
    let listing = app.published_listing(&host, json!({ "bookingMode": mode })).await;
    let quote = app.quote(&guest, &listing, NIGHTS.0, NIGHTS.1).await;
    let card = first.strip_prefix("pay with ").unwrap_or("ok");
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } });
    let booking = app.mutate(&guest, "bookingCreate", given, "booking { id }").await["booking"].take();
    Trip { host, guest, staff, listing, booking }
}

async fn payout(app: &TestApp, trip: &Trip) -> Value {
    app.payouts(&trip.host, &trip.booking).await[0]["id"].clone()
}

async fn arguments(app: &TestApp, trip: &Trip, who: &Person, mutation: &str) -> Value {
    let about = json!({ "id": trip.booking["id"] });
    match mutation {
        "bookingDecline" => merged(about, json!({ "reason": "The roof leaks." })),
        "bookingCancel" => {
            let shown = app.refund_now(who, &trip.booking).await;
            merged(about, json!({ "expectedRefund": shown, "reason": "A flood." }))
        }
        "bookingRefund" => {
            merged(about, json!({ "amount": { "amount": 100, "currency": "USD" }, "reason": "No hot water." }))
        }
        "payoutAccountSet" => json!({ "account": "closed" }),
        "payoutHold" => json!({ "id": payout(app, trip).await, "reason": "A complaint." }),
        "reviewSubmit" => json!({ "bookingId": trip.booking["id"], "review": { "overall": 5, "text": "Good." } }),
        "reviewRespond" => {
            let query = "query($id: ID!) { booking(id: $id) { guestReview { id } } }";
            let data = app.gql(who, query, about).await;
            json!({ "id": data["booking"]["guestReview"]["id"], "text": "Thanks." })
        }
        _ => about,
    }
}

async fn take(app: &TestApp, trip: &Trip, step: &str) {
    if let Some(until) = step.strip_prefix("run until ") {
        app.set(until);
        app.drain().await;
        return;
    }
    let (who, deed) = step.split_once(' ').unwrap();
    let who = match who {
        "guest" => &trip.guest,
        "host" => &trip.host,
        _ => &trip.staff,
    };
    match deed.split(' ').collect::<Vec<_>>()[..] {
        ["asks", _, until] => drop(app.asked(who, &trip.booking, stay(NIGHTS.0, until)).await),
        ["agrees"] => drop(app.answered(who, &app.change(who, &trip.booking).await, true, None).await),
        ["agrees", _, card] => drop(app.answer(who, &app.change(who, &trip.booking).await, true, Some(card)).await),
        ["refuses"] => drop(app.answered(who, &app.change(who, &trip.booking).await, false, None).await),
        ["breaks", ..] => {
            let other = app.book(&app.guest().await, &trip.listing, "2027-01-10", "2027-01-24").await;
            app.cancel(who, &other).await;
        }
        [mutation] => {
            let given = arguments(app, trip, who, mutation).await;
            app.must(who, mutation, given, "__typename").await;
        }
        _ => panic!("{step} is no step"),
    }
}

#[tokio::test]
async fn each_side_is_told_of_what_it_did_not_do_itself_and_of_nothing_else() {
    let app = TestApp::new().await;
    for (way, guest, host) in ROWS {
        app.set(START);
        let trip = begin(&app, way[0]).await;
        for step in &way[1..] {
            take(&app, &trip, step).await;
        }
        assert_eq!(heard(&app, &trip.guest).await, *guest, "the guest after {way:?}");
        assert_eq!(heard(&app, &trip.host).await, *host, "the host after {way:?}");
        assert_eq!(heard(&app, &trip.staff).await, [""; 0], "staff after {way:?}");
    }
    app.set("2027-03-01T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_change_that_needs_no_answer_is_told_to_the_host_alone_and_asks_for_nothing() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-04-15")).await;
    let change = app.asked(&trip.guest, &trip.booking, stay("2027-03-01", "2027-04-10")).await;
    assert_eq!(change["state"], "ACCEPTED");
    assert_eq!(heard(&app, &trip.guest).await, [CONFIRMED]);
    assert_eq!(heard(&app, &trip.host).await, [CONFIRMED, ACCEPTED]);
    app.finish().await;
}

#[tokio::test]
async fn a_guest_who_lost_the_nights_while_paying_is_told_so() {
    let app = TestApp::new().await;
    let (host, guest, rival) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, NIGHTS.0, NIGHTS.1).await;
    let booking = app.pay(&guest, &quote, "3ds").await;
    app.advance(chrono::TimeDelta::minutes(16));
    app.book(&rival, &listing, NIGHTS.0, NIGHTS.1).await;
    app.mutate(&guest, "bookingPaymentConfirm", json!({ "id": booking["id"] }), "__typename").await;
    let query = "{ viewer { notifications(first: 1) { nodes { kind title body } } } }";
    let data = app.gql(&guest, query, json!({})).await;
    let code = text(&booking, "/code");
    let expected = json!({
        "kind": "BOOKING_DECLINED", "title": "Your booking came to nothing",
        "body": format!("You did not get booking {code} (5 January 2027 to 7 January 2027). You pay nothing: what was \
                         set aside or taken for it comes back. The reason: the nights went to somebody else meanwhile."),
    });
    assert_eq!(data["viewer"]["notifications"]["nodes"], json!([expected]));
    app.finish().await;
}

#[tokio::test]
async fn every_kind_of_notification_comes_to_somebody_on_one_of_these_ways() {
    let app = TestApp::new().await;
    let query = "{ __type(name: \"NotificationKind\") { enumValues { name } } }";
    let data = app.gql(&Nobody, query, json!({})).await;
    let served = data["__type"]["enumValues"].as_array().unwrap().iter().map(|value| text(value, "/name"));
    let told = ROWS.iter().flat_map(|(_, guest, host)| guest.iter().chain(*host)).map(|kind| (*kind).to_owned());
    assert_eq!(served.collect::<BTreeSet<_>>(), told.collect());
    app.finish().await;
}
