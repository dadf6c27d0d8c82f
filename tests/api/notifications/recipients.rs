//! Who is notified of what: for every path of a booking, the notifications of the guest and of the host.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::accounting::BookedTrip;
use crate::client::Anonymous;
use crate::harness::{Person, START, TestApp};
use crate::scenarios::{merge, stay, text};

/// Check-in is on the day the test clock starts, at 20:00 UTC.
const NIGHTS: (&str, &str) = ("2027-01-05", "2027-01-07");
const AFTER_STAY: &str = "run until 2027-01-07T17:00:00Z";
/// The first payouts of a new host are delayed by thirty days.
const PAYOUT_DUE: &str = "run until 2027-02-04T12:00:00Z";

/// The actions of a path, and the notifications of the guest and of the host, oldest first.
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
    (&["pay with ok", AFTER_STAY], &[CONFIRMED, COMPLETED], &[CONFIRMED, COMPLETED]),
    (
        &["pay with ok", "run until 2027-01-06T02:00:00Z", "host bookingNoShowReport"],
        &[CONFIRMED, "BOOKING_NO_SHOW"],
        &[CONFIRMED],
    ),
    // A party agrees to a longer stay. The service applies it once it is paid.
    (
        &["pay with ok", "guest requests until 2027-01-08", "host accepts"],
        &[CONFIRMED, "ALTERATION_AGREED", ACCEPTED],
        &[CONFIRMED, ASKED, ACCEPTED],
    ),
    (&["pay with ok", "guest requests until 2027-01-06", "host accepts"], &[CONFIRMED, ACCEPTED], &[CONFIRMED, ASKED]),
    (
        &["pay with ok", "host requests until 2027-01-08", "guest declines"],
        &[CONFIRMED, ASKED],
        &[CONFIRMED, "ALTERATION_DECLINED"],
    ),
    (
        &["pay with ok", "guest requests until 2027-01-08", "guest declines"],
        &[CONFIRMED],
        &[CONFIRMED, ASKED, "ALTERATION_WITHDRAWN"],
    ),
    (
        &["pay with ok", "host requests until 2027-01-08", "guest accepts with declined"],
        &[CONFIRMED, ASKED, "ALTERATION_PAYMENT_FAILED"],
        &[CONFIRMED, "ALTERATION_AGREED", "ALTERATION_PAYMENT_FAILED"],
    ),
    (
        &["pay with ok", "guest requests until 2027-01-08", "run until 2027-01-05T20:00:00Z"],
        &[CONFIRMED, "ALTERATION_EXPIRED"],
        &[CONFIRMED, ASKED, "ALTERATION_EXPIRED"],
    ),
    // The cancellation notification covers the open alteration too.
    (
        &["pay with ok", "guest requests until 2027-01-08", "guest bookingCancel"],
        &[CONFIRMED],
        &[CONFIRMED, ASKED, CANCELLED],
    ),
    (
        &["pay with ok", AFTER_STAY, "guest reviewSubmit", "host reviewSubmit", "host reviewRespond"],
        &[CONFIRMED, COMPLETED, "REVIEW_PUBLISHED", "REVIEW_ANSWERED"],
        &[CONFIRMED, COMPLETED, "REVIEW_SUBMITTED"],
    ),
    (
        &["pay with ok", AFTER_STAY, "guest reviewSubmit", "run until 2027-01-23T12:00:00Z"],
        &[CONFIRMED, COMPLETED],
        &[CONFIRMED, COMPLETED, "REVIEW_SUBMITTED", "REVIEW_PUBLISHED"],
    ),
    (&["pay with ok", PAYOUT_DUE], &[CONFIRMED, COMPLETED], &[CONFIRMED, COMPLETED, "PAYOUT_SENT"]),
    (
        &["pay with ok", "host payoutAccountSet", PAYOUT_DUE],
        &[CONFIRMED, COMPLETED],
        &[CONFIRMED, COMPLETED, "PAYOUT_FAILED"],
    ),
    (&["pay with ok", "staff payoutHold"], &[CONFIRMED], &[CONFIRMED, "PAYOUT_HELD"]),
    (
        &["pay with ok", "host cancels another stay", PAYOUT_DUE],
        &[CONFIRMED, COMPLETED],
        &[CONFIRMED, CONFIRMED, COMPLETED, "PAYOUT_OFFSET"],
    ),
];

/// The kinds of a person's notifications, oldest first.
async fn kinds_of(app: &TestApp, who: &Person) -> Vec<String> {
    let data = app.gql(who, "{ viewer { notifications(first: 100) { nodes { kind } } } }", json!({})).await;
    let nodes = data["viewer"]["notifications"]["nodes"].as_array().unwrap();
    nodes.iter().rev().map(|node| text(node, "/kind")).collect()
}

async fn book(app: &TestApp, first: &str) -> BookedTrip {
    let (host, guest, staff) = (app.host().await, app.guest().await, app.admin().await);
    let mode = if first == "request" { "REQUEST" } else { "INSTANT" };
    let listing = app.published_listing(&host, json!({ "bookingMode": mode })).await;
    let quote = app.quote(&guest, &listing, NIGHTS.0, NIGHTS.1).await;
    let card = first.strip_prefix("pay with ").unwrap_or("ok");
    let given = json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } });
    let booking = app.mutate(&guest, "bookingCreate", given, "booking { id }").await["booking"].take();
    BookedTrip { host, guest, staff, listing, booking }
}

async fn payout(app: &TestApp, trip: &BookedTrip) -> Value {
    app.payouts(&trip.host, &trip.booking).await[0]["id"].clone()
}

async fn arguments(app: &TestApp, trip: &BookedTrip, who: &Person, mutation: &str) -> Value {
    let id = json!({ "id": trip.booking["id"] });
    match mutation {
        "bookingDecline" => merge(id, json!({ "reason": "The roof leaks." })),
        "bookingCancel" => {
            let refund = app.cancellation_refund(who, &trip.booking).await;
            merge(id, json!({ "expectedRefund": refund, "reason": "A flood." }))
        }
        "bookingRefund" => {
            merge(id, json!({ "amount": { "amount": 100, "currency": "USD" }, "reason": "No hot water." }))
        }
        "payoutAccountSet" => json!({ "account": "closed" }),
        "payoutHold" => json!({ "id": payout(app, trip).await, "reason": "A complaint." }),
        "reviewSubmit" => json!({ "bookingId": trip.booking["id"], "review": { "overall": 5, "text": "Good." } }),
        "reviewRespond" => {
            let query = "query($id: ID!) { booking(id: $id) { guestReview { id } } }";
            let data = app.gql(who, query, id).await;
            json!({ "id": data["booking"]["guestReview"]["id"], "text": "Thanks." })
        }
        _ => id,
    }
}

async fn perform(app: &TestApp, trip: &BookedTrip, action: &str) {
    if let Some(until) = action.strip_prefix("run until ") {
        app.set(until);
        app.drain().await;
        return;
    }
    let (who, verb) = action.split_once(' ').unwrap();
    let who = match who {
        "guest" => &trip.guest,
        "host" => &trip.host,
        _ => &trip.staff,
    };
    match verb.split(' ').collect::<Vec<_>>()[..] {
        ["requests", _, until] => drop(app.request_alteration_ok(who, &trip.booking, stay(NIGHTS.0, until)).await),
        ["accepts"] => drop(app.respond_ok(who, &app.last_alteration(who, &trip.booking).await, true, None).await),
        ["accepts", _, card] => {
            drop(app.respond(who, &app.last_alteration(who, &trip.booking).await, true, Some(card)).await)
        }
        ["declines"] => drop(app.respond_ok(who, &app.last_alteration(who, &trip.booking).await, false, None).await),
        ["cancels", ..] => {
            let other = app.book(&app.guest().await, &trip.listing, "2027-01-10", "2027-01-24").await;
            app.cancel(who, &other).await;
        }
        [mutation] => {
            let given = arguments(app, trip, who, mutation).await;
            app.mutate_ok(who, mutation, given, "__typename").await;
        }
        _ => panic!("unknown action: {action}"),
    }
}

#[tokio::test]
async fn each_party_is_notified_only_of_what_it_did_not_do_itself() {
    let app = TestApp::new().await;
    for (path, guest, host) in ROWS {
        app.set(START);
        let trip = book(&app, path[0]).await;
        for action in &path[1..] {
            perform(&app, &trip, action).await;
        }
        assert_eq!(kinds_of(&app, &trip.guest).await, *guest, "the guest after {path:?}");
        assert_eq!(kinds_of(&app, &trip.host).await, *host, "the host after {path:?}");
        assert_eq!(kinds_of(&app, &trip.staff).await, [""; 0], "staff after {path:?}");
    }
    app.set("2027-03-01T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn an_alteration_without_approval_notifies_the_host_only() {
    let app = TestApp::new().await;
    let trip = app.plain_trip(json!({}), ("2027-03-01", "2027-04-15")).await;
    let change = app.request_alteration_ok(&trip.guest, &trip.booking, stay("2027-03-01", "2027-04-10")).await;
    assert_eq!(change["state"], "ACCEPTED");
    assert_eq!(kinds_of(&app, &trip.guest).await, [CONFIRMED]);
    assert_eq!(kinds_of(&app, &trip.host).await, [CONFIRMED, ACCEPTED]);
    app.finish().await;
}

#[tokio::test]
async fn a_guest_who_lost_the_nights_while_paying_is_notified() {
    let app = TestApp::new().await;
    let (host, guest, competitor) = (app.host().await, app.guest().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let quote = app.quote(&guest, &listing, NIGHTS.0, NIGHTS.1).await;
    let booking = app.book_quote(&guest, &quote, "3ds").await;
    app.advance(chrono::TimeDelta::minutes(16));
    app.book(&competitor, &listing, NIGHTS.0, NIGHTS.1).await;
    app.mutate(&guest, "bookingPaymentConfirm", json!({ "id": booking["id"] }), "__typename").await;
    let query = "{ viewer { notifications(first: 1) { nodes { kind title body } } } }";
    let data = app.gql(&guest, query, json!({})).await;
    let code = text(&booking, "/code");
    let expected = json!({
        "kind": "BOOKING_DECLINED", "title": "Your booking could not be made",
        "body": format!("It was not possible to confirm booking {code} (5 January 2027 to 7 January 2027). You pay \
                         nothing: any amount that was authorized or charged is returned. Reason: somebody \
                         else booked the nights in the meantime."),
    });
    assert_eq!(data["viewer"]["notifications"]["nodes"], json!([expected]));
    app.finish().await;
}

#[tokio::test]
async fn every_kind_of_notification_is_sent_by_one_of_these_flows() {
    let app = TestApp::new().await;
    let query = "{ __type(name: \"NotificationKind\") { enumValues { name } } }";
    let data = app.gql(&Anonymous, query, json!({})).await;
    let served = data["__type"]["enumValues"].as_array().unwrap().iter().map(|value| text(value, "/name"));
    let sent = ROWS.iter().flat_map(|(_, guest, host)| guest.iter().chain(*host)).map(|kind| (*kind).to_owned());
    assert_eq!(served.collect::<BTreeSet<_>>(), sent.collect());
    app.finish().await;
}
