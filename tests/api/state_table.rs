//! Every state of a booking with every action: an action that the state does not allow is refused, and the error lists
//! the allowed ones.

use serde_json::{Value, json};

use crate::accounting::BookedTrip;
use crate::harness::{Person, START, TestApp};
use crate::scenarios::stay;

/// Check-in is on the day the test clock starts, at 20:00 UTC.
const NIGHTS: (&str, &str) = ("2027-01-05", "2027-01-07");

pub struct Row {
    pub state: &'static str,
    /// The actions that lead to the state.
    pub path: &'static [&'static str],
    guest: &'static [&'static str],
    host: &'static [&'static str],
    staff: &'static [&'static str],
}

pub const ROWS: &[Row] = &[
    Row { state: "PENDING_PAYMENT", path: &["unpaid"], guest: &["CONFIRM_PAYMENT"], host: &[], staff: &[] },
    Row { state: "REQUESTED", path: &["request"], guest: &["WITHDRAW"], host: &["ACCEPT", "DECLINE"], staff: &[] },
    Row {
        state: "CONFIRMED",
        path: &["early"],
        guest: &["CANCEL", "REQUEST_ALTERATION"],
        host: &["CANCEL", "REQUEST_ALTERATION"],
        staff: &["CANCEL"],
    },
    Row {
        state: "CONFIRMED",
        path: &["book"],
        guest: &["CANCEL", "REQUEST_ALTERATION", "CHECK_IN"],
        host: &["CANCEL", "REQUEST_ALTERATION", "CHECK_IN"],
        staff: &["CANCEL"],
    },
    Row {
        state: "CONFIRMED",
        path: &["book", "wait until 2027-01-06T02:00:00Z"],
        guest: &["CANCEL", "REQUEST_ALTERATION", "CHECK_IN"],
        host: &["CANCEL", "REQUEST_ALTERATION", "CHECK_IN", "REPORT_NO_SHOW"],
        staff: &["CANCEL"],
    },
    Row {
        state: "CHECKED_IN",
        path: &["book", "bookingCheckIn", "wait until 2027-01-06T02:00:00Z"],
        guest: &["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"],
        host: &["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"],
        staff: &["CANCEL"],
    },
    Row {
        state: "CHECKED_IN",
        path: &["book", "run until 2027-01-06T02:00:00Z"],
        guest: &["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT"],
        host: &["CANCEL", "REQUEST_ALTERATION", "CHECK_OUT", "REPORT_NO_SHOW"],
        staff: &["CANCEL"],
    },
    Row { state: "COMPLETED", path: &["book", "bookingCheckIn", "bookingCheckOut"], guest: &[], host: &[], staff: &[] },
    Row {
        state: "PAYMENT_EXPIRED",
        path: &["unpaid", "run until 2027-01-05T12:15:00Z"],
        guest: &[],
        host: &[],
        staff: &[],
    },
    Row { state: "WITHDRAWN", path: &["request", "bookingWithdraw"], guest: &[], host: &[], staff: &[] },
    Row { state: "DECLINED", path: &["request", "bookingDecline"], guest: &[], host: &[], staff: &[] },
    Row {
        state: "REQUEST_EXPIRED",
        path: &["request", "run until 2027-01-06T12:00:00Z"],
        guest: &[],
        host: &[],
        staff: &[],
    },
    Row { state: "CANCELLED_BY_GUEST", path: &["book", "cancel as guest"], guest: &[], host: &[], staff: &[] },
    Row { state: "CANCELLED_BY_HOST", path: &["book", "cancel as host"], guest: &[], host: &[], staff: &[] },
    Row { state: "CANCELLED_BY_PLATFORM", path: &["book", "cancel as staff"], guest: &[], host: &[], staff: &[] },
    Row {
        state: "NO_SHOW",
        path: &["book", "run until 2027-01-06T02:00:00Z", "bookingNoShowReport"],
        guest: &[],
        host: &[],
        staff: &[],
    },
];

const GUEST_MUTATIONS: &[(&str, &str)] = &[
    ("bookingPaymentConfirm", "CONFIRM_PAYMENT"),
    ("bookingWithdraw", "WITHDRAW"),
    ("bookingCancel", "CANCEL"),
    ("bookingAlterationRequest", "REQUEST_ALTERATION"),
    ("bookingCheckIn", "CHECK_IN"),
    ("bookingCheckOut", "CHECK_OUT"),
];
const HOST_MUTATIONS: &[(&str, &str)] = &[
    ("bookingAccept", "ACCEPT"),
    ("bookingDecline", "DECLINE"),
    ("bookingCancel", "CANCEL"),
    ("bookingAlterationRequest", "REQUEST_ALTERATION"),
    ("bookingCheckIn", "CHECK_IN"),
    ("bookingCheckOut", "CHECK_OUT"),
    ("bookingNoShowReport", "REPORT_NO_SHOW"),
];
const STAFF_MUTATIONS: &[(&str, &str)] = &[("bookingCancel", "CANCEL")];

async fn book_and_perform(app: &TestApp, path: &[&str]) -> BookedTrip {
    let host = app.host().await;
    let trip = book(app, host, path).await;
    perform_actions(app, &trip, path).await;
    trip
}

/// Performs the first action of a path: a booking at a new listing of the host.
pub async fn book(app: &TestApp, host: Person, path: &[&str]) -> BookedTrip {
    let (guest, staff) = (app.guest().await, app.admin().await);
    let mode = if path[0] == "request" { "REQUEST" } else { "INSTANT" };
    let listing = app.published_listing(&host, json!({ "bookingMode": mode })).await;
    let nights = if path[0] == "early" { ("2027-03-01", "2027-03-03") } else { NIGHTS };
    let quote = app.quote(&guest, &listing, nights.0, nights.1).await;
    let booking = app.book_quote(&guest, &quote, if path[0] == "unpaid" { "3ds" } else { "ok" }).await;
    BookedTrip { host, guest, staff, listing, booking }
}

/// Performs the other actions of a path.
pub async fn perform_actions(app: &TestApp, trip: &BookedTrip, path: &[&str]) {
    for action in &path[1..] {
        match (*action, action.rsplit(' ').next().unwrap()) {
            ("cancel as guest", _) => drop(app.cancel(&trip.guest, &trip.booking).await),
            ("cancel as host", _) => drop(app.cancel(&trip.host, &trip.booking).await),
            ("cancel as staff", _) => drop(app.cancel(&trip.staff, &trip.booking).await),
            ("bookingDecline", _) => {
                let given = json!({ "id": trip.booking["id"], "reason": "No." });
                app.mutate_ok(&trip.host, "bookingDecline", given, "__typename").await;
            }
            (action, until) if action.starts_with("run") => {
                app.set(until);
                app.drain().await;
            }
            (action, until) if action.starts_with("wait") => app.set(until),
            (action, _) => {
                let host = action == "bookingNoShowReport";
                app.perform(if host { &trip.host } else { &trip.guest }, action, &trip.booking).await;
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

async fn assert_refused(app: &TestApp, who: &Person, mutation: &str, row: &Row, id: &Value, allowed: &[&str]) {
    let errors = app.user_errors(who, mutation, arguments(mutation, id)).await;
    let seen = (&errors[0]["code"], &errors[0]["__typename"], &errors[0]["state"], &errors[0]["allowed"]);
    let expected = (json!("STATE_CONFLICT"), json!("StateConflictError"), json!(row.state), json!(allowed));
    assert_eq!(seen, (&expected.0, &expected.1, &expected.2, &expected.3), "{mutation} after {:?}", row.path);
}

#[tokio::test]
async fn an_action_that_a_state_does_not_allow_is_refused_with_the_allowed_ones() {
    let app = TestApp::new().await;
    for row in ROWS {
        app.set(START);
        let trip = book_and_perform(&app, row.path).await;
        let id = &trip.booking["id"];
        let sides = [
            (&trip.guest, row.guest, GUEST_MUTATIONS),
            (&trip.host, row.host, HOST_MUTATIONS),
            (&trip.staff, row.staff, STAFF_MUTATIONS),
        ];
        for (who, allowed, mutations) in sides {
            for (mutation, _) in mutations.iter().filter(|(_, action)| !allowed.contains(action)) {
                assert_refused(&app, who, mutation, row, id, allowed).await;
            }
            let seen = app.booking(who, &trip.booking).await;
            assert_eq!(seen["state"], row.state, "{:?}", row.path);
            let offered = seen["availableActions"].as_array().unwrap().iter().filter(|action| *action != "REVIEW");
            assert!(offered.eq(allowed.iter()), "{:?} {}", row.path, seen["availableActions"]);
        }
    }
    app.set("2027-03-05T00:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn a_booking_that_was_never_charged_cannot_be_refunded() {
    let app = TestApp::new().await;
    let uncharged = ["PENDING_PAYMENT", "REQUESTED", "PAYMENT_EXPIRED", "WITHDRAWN", "DECLINED", "REQUEST_EXPIRED"];
    for row in ROWS.iter().filter(|row| uncharged.contains(&row.state)) {
        app.set(START);
        let trip = book_and_perform(&app, row.path).await;
        for (who, allowed) in [(&trip.host, row.host), (&trip.staff, row.staff)] {
            assert_refused(&app, who, "bookingRefund", row, &trip.booking["id"], allowed).await;
        }
    }
    app.set("2027-01-09T00:00:00Z");
    app.finish().await;
}
