//! Every state of a booking against every step: what it does not allow it refuses, and says what it does.

use serde_json::{Value, json};

use crate::books::Trip;
use crate::harness::{Person, START, TestApp};
use crate::scenes::stay;

/// The arrival is on the day on which tests begin, at 20:00 UTC.
const NIGHTS: (&str, &str) = ("2027-01-05", "2027-01-07");

pub struct Row {
    pub state: &'static str,
    /// How the booking gets there, step by step.
    pub way: &'static [&'static str],
    guest: &'static [&'static str],
    host: &'static [&'static str],
    staff: &'static [&'static str],
}

pub const ROWS: &[Row] = &[
    Row { state: "PENDING_PAYMENT", way: &["unpaid"], guest: &["CONFIRM_PAYMENT"], host: &[], staff: &[] },
    Row { state: "REQUESTED", way: &["request"], guest: &["WITHDRAW"], host: &["ACCEPT", "DECLINE"], staff: &[] },
    Row {
        state: "CONFIRMED",
        way: &["early"],
        guest: &["CANCEL", "REQUEST_ALTERATION"],
        host: &["CANCEL", "REQUEST_ALTERATION"],
        staff: &["CANCEL"],
    },
    Row {
        state: "CONFIRMED",
        way: &["book"],
        guest: &["CANCEL", "REQUEST_ALTERATION", "CHECK_IN"],
        host: &["CANCEL", "REQUEST_ALTERATION", "CHECK_IN"],
        staff: &["CANCEL"],
    },
    Row {
        state: "CONFIRMED",
        way: &["book", "wait until 2027-01-06T02:00:00Z"],
        guest: &["CANCEL", "REQUEST_ALTERATION", "CHECK_IN"],
        host: &["CANCEL", "REQUEST_ALTERATION", "CHECK_IN", "REPORT_NO_SHOW"],
        staff: &["CANCEL"],
    },
    Row {
        state: "CHECKED_IN",
        way: &["book", "bookingCheckIn", "wait until 2027-01-06T02:00:00Z"],
        guest: &["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"],
        host: &["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"],
        staff: &["CANCEL"],
    },
    Row {
        state: "CHECKED_IN",
        way: &["book", "run until 2027-01-06T02:00:00Z"],
        guest: &["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"],
        host: &["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT", "REPORT_NO_SHOW"],
        staff: &["CANCEL"],
    },
    Row { state: "COMPLETED", way: &["book", "bookingCheckIn", "bookingCheckOut"], guest: &[], host: &[], staff: &[] },
    Row {
        state: "PAYMENT_EXPIRED",
        way: &["unpaid", "run until 2027-01-05T12:15:00Z"],
        guest: &[],
        host: &[],
        staff: &[],
    },
    Row { state: "WITHDRAWN", way: &["request", "bookingWithdraw"], guest: &[], host: &[], staff: &[] },
    Row { state: "DECLINED", way: &["request", "bookingDecline"], guest: &[], host: &[], staff: &[] },
    Row {
        state: "REQUEST_EXPIRED",
        way: &["request", "run until 2027-01-06T12:00:00Z"],
        guest: &[],
        host: &[],
        staff: &[],
    },
    Row { state: "CANCELLED_BY_GUEST", way: &["book", "cancel as guest"], guest: &[], host: &[], staff: &[] },
    Row { state: "CANCELLED_BY_HOST", way: &["book", "cancel as host"], guest: &[], host: &[], staff: &[] },
    Row { state: "CANCELLED_BY_PLATFORM", way: &["book", "cancel as staff"], guest: &[], host: &[], staff: &[] },
    Row {
        state: "NO_SHOW",
        way: &["book", "run until 2027-01-06T02:00:00Z", "bookingNoShowReport"],
        guest: &[],
        host: &[],
        staff: &[],
    },
];

const GUESTS: &[(&str, &str)] = &[
    ("bookingPaymentConfirm", "CONFIRM_PAYMENT"),
    ("bookingWithdraw", "WITHDRAW"),
    ("bookingCancel", "CANCEL"),
    ("bookingAlterationRequest", "REQUEST_ALTERATION"),
    ("bookingCheckIn", "CHECK_IN"),
    ("bookingCheckOut", "CHECK_OUT"),
];
const HOSTS: &[(&str, &str)] = &[
    ("bookingAccept", "ACCEPT"),
    ("bookingDecline", "DECLINE"),
    ("bookingCancel", "CANCEL"),
    ("bookingAlterationRequest", "REQUEST_ALTERATION"),
    ("bookingCheckIn", "CHECK_IN"),
    ("bookingCheckOut", "CHECK_OUT"),
    ("bookingNoShowReport", "REPORT_NO_SHOW"),
];
const STAFFS: &[(&str, &str)] = &[("bookingCancel", "CANCEL")];

async fn walk(app: &TestApp, way: &[&str]) -> Trip {
    let host = app.host().await;
    let trip = book(app, host, way).await;
    go_on(app, &trip, way).await;
    trip
}

/// The first step of a way: a booking of a place of this host.
pub async fn book(app: &TestApp, host: Person, way: &[&str]) -> Trip {
    let (guest, staff) = (app.guest().await, app.admin().await);
    let mode = if way[0] == "request" { "REQUEST" } else { "INSTANT" };
    let listing = app.published_listing(&host, json!({ "bookingMode": mode })).await;
    let nights = if way[0] == "early" { ("2027-03-01", "2027-03-03") } else { NIGHTS };
    let quote = app.quote(&guest, &listing, nights.0, nights.1).await;
    let booking = app.pay(&guest, &quote, if way[0] == "unpaid" { "3ds" } else { "ok" }).await;
    Trip { host, guest, staff, listing, booking }
}

/// The other steps of a way.
pub async fn go_on(app: &TestApp, trip: &Trip, way: &[&str]) {
    for step in &way[1..] {
        match (*step, step.rsplit(' ').next().unwrap()) {
            ("cancel as guest", _) => drop(app.cancel(&trip.guest, &trip.booking).await),
            ("cancel as host", _) => drop(app.cancel(&trip.host, &trip.booking).await),
            ("cancel as staff", _) => drop(app.cancel(&trip.staff, &trip.booking).await),
            ("bookingDecline", _) => {
                let given = json!({ "id": trip.booking["id"], "reason": "No." });
                app.must(&trip.host, "bookingDecline", given, "__typename").await;
            }
            (step, until) if step.starts_with("run") => {
                app.set(until);
                app.drain().await;
            }
            (step, until) if step.starts_with("wait") => app.set(until),
            (step, _) => {
                let host = step == "bookingNoShowReport";
                app.step(if host { &trip.host } else { &trip.guest }, step, &trip.booking).await;
            }
        }
    }
}

fn arguments(mutation: &str, id: &Value) -> Value {
    match mutation {
        "bookingCancel" => json!({ "id": id, "expectedRefund": { "amount": 0, "currency": "USD" } }),
        "bookingDecline" => json!({ "id": id, "reason": "No." }),
        "bookingAlterationRequest" => json!({ "id": id, "stay": stay("2027-01-05", "2027-01-09") }),
        "bookingRefund" => json!({ "id": id, "amount": { "amount": 1, "currency": "USD" }, "reason": "Sorry." }),
        _ => json!({ "id": id }),
    }
}

async fn is_refused(app: &TestApp, who: &Person, mutation: &str, row: &Row, id: &Value, allowed: &[&str]) {
    let errors = app.refused(who, mutation, arguments(mutation, id)).await;
    let seen = (&errors[0]["code"], &errors[0]["__typename"], &errors[0]["state"], &errors[0]["allowed"]);
    let expected = (json!("STATE_CONFLICT"), json!("StateConflictError"), json!(row.state), json!(allowed));
    assert_eq!(seen, (&expected.0, &expected.1, &expected.2, &expected.3), "{mutation} after {:?}", row.way);
}

#[tokio::test]
async fn what_a_state_does_not_allow_is_refused_with_what_it_does() {
    let app = TestApp::new().await;
    for row in ROWS {
        app.set(START);
        let trip = walk(&app, row.way).await;
        let id = &trip.booking["id"];
        let sides = [(&trip.guest, row.guest, GUESTS), (&trip.host, row.host, HOSTS), (&trip.staff, row.staff, STAFFS)];
        for (who, allowed, mutations) in sides {
            for (mutation, _) in mutations.iter().filter(|(_, action)| !allowed.contains(action)) {
                is_refused(&app, who, mutation, row, id, allowed).await;
            }
            let seen = app.booking(who, &trip.booking).await;
            assert_eq!(seen["state"], row.state, "{:?}", row.way);
            let offered = seen["availableActions"].as_array().unwrap().iter().filter(|action| *action != "REVIEW");
            assert!(offered.eq(allowed.iter()), "{:?} {}", row.way, seen["availableActions"]);
        }
    }
    app.set("2027-03-05T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn what_was_never_charged_cannot_be_given_back() {
    let app = TestApp::new().await;
    let never = ["PENDING_PAYMENT", "REQUESTED", "PAYMENT_EXPIRED", "WITHDRAWN", "DECLINED", "REQUEST_EXPIRED"];
    for row in ROWS.iter().filter(|row| never.contains(&row.state)) {
        app.set(START);
        let trip = walk(&app, row.way).await;
        for (who, allowed) in [(&trip.host, row.host), (&trip.staff, row.staff)] {
            is_refused(&app, who, "bookingRefund", row, &trip.booking["id"], allowed).await;
        }
    }
    app.set("2027-01-09T00:00:00Z");
    app.finish().await;
}
