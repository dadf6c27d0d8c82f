//! The flows that move money: the preparation of each, what is sent, and the required result.

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::harness::{Person, TestApp};
use crate::scenarios::{stay, text};

/// What the process does when it is killed.
pub enum Sent {
    /// It responds to a mutation.
    Mutation { who: Person, mutation: &'static str, given: Value },
    /// Its worker sends a payout that is due.
    Payout,
}

/// A flow that is crashed.
pub struct Flow {
    pub name: &'static str,
    pub prepare: for<'a> fn(&'a TestApp) -> BoxFuture<'a, Sent>,
    /// Settings in addition to those of all tests.
    pub flags: &'static [&'static str],
    /// The minimum number of points that the flow passes. A lower number means that fail points have been lost.
    pub min_points: usize,
    /// The first point at which to crash. Set where another flow crashes at all earlier points.
    pub first_point: Option<&'static str>,
    /// The amount that the processor has captured before the flow begins, in minor units.
    pub captured_before: i64,
    /// The amounts that the processor has captured and refunded at the end, in minor units.
    pub final_amounts: (i64, i64),
    /// The user errors of the response.
    pub expected_errors: &'static [&'static str],
    /// A mutation of the booking that is sent after the retry.
    pub next_mutation: Option<&'static str>,
}

const FLOW: Flow = Flow {
    name: "",
    prepare: |_| async { Sent::Payout }.boxed(),
    flags: &[],
    min_points: 1,
    first_point: None,
    captured_before: 0,
    final_amounts: (0, 0),
    expected_errors: &[],
    next_mutation: None,
};

pub const FLOWS: &[Flow] = &[
    Flow {
        name: "create",
        prepare: |app| create(app, "INSTANT", "ok").boxed(),
        min_points: 35,
        final_amounts: (30_000, 0),
        ..FLOW
    },
    Flow {
        name: "create, 3-D Secure",
        prepare: |app| create(app, "INSTANT", "3ds").boxed(),
        first_point: Some("create.reserved"),
        min_points: 20,
        final_amounts: (30_000, 0),
        next_mutation: Some("bookingPaymentConfirm"),
        ..FLOW
    },
    Flow {
        name: "create, answer lost",
        prepare: |app| create(app, "INSTANT", "unknown").boxed(),
        first_point: Some("create.reserved"),
        min_points: 20,
        final_amounts: (30_000, 0),
        ..FLOW
    },
    Flow {
        name: "create, declined",
        prepare: |app| create(app, "INSTANT", "declined").boxed(),
        first_point: Some("create.reserved"),
        min_points: 20,
        expected_errors: &["PAYMENT_DECLINED booking.paymentMethodToken"],
        ..FLOW
    },
    Flow {
        name: "create, request",
        prepare: |app| create(app, "REQUEST", "ok").boxed(),
        first_point: Some("create.reserved"),
        min_points: 20,
        ..FLOW
    },
    Flow {
        name: "confirm payment",
        prepare: |app| confirm(app).boxed(),
        min_points: 20,
        final_amounts: (30_000, 0),
        ..FLOW
    },
    Flow {
        name: "accept",
        prepare: |app| accept(app).boxed(),
        flags: &["--request-blocks-calendar=off"],
        min_points: 20,
        final_amounts: (30_000, 0),
        ..FLOW
    },
    Flow { name: "decline", prepare: |app| decline(app).boxed(), min_points: 10, ..FLOW },
    Flow {
        name: "cancel by guest",
        prepare: |app| cancel(app, CancelledBy::Guest).boxed(),
        min_points: 20,
        captured_before: 60_000,
        final_amounts: (60_000, 46_667),
        ..FLOW
    },
    Flow {
        name: "cancel by host",
        prepare: |app| cancel(app, CancelledBy::Host).boxed(),
        min_points: 20,
        captured_before: 60_000,
        final_amounts: (60_000, 60_000),
        ..FLOW
    },
    Flow {
        name: "refund",
        prepare: |app| refund(app).boxed(),
        min_points: 20,
        captured_before: 30_000,
        final_amounts: (30_000, 5_000),
        ..FLOW
    },
    Flow {
        name: "request an alteration",
        prepare: |app| request_alteration(app).boxed(),
        min_points: 8,
        captured_before: 30_000,
        final_amounts: (30_000, 0),
        ..FLOW
    },
    Flow {
        name: "alter for more",
        prepare: |app| alter(app, "2027-03-05").boxed(),
        min_points: 35,
        captured_before: 30_000,
        final_amounts: (54_000, 0),
        ..FLOW
    },
    Flow {
        name: "alter for less",
        prepare: |app| alter(app, "2027-03-02").boxed(),
        min_points: 20,
        captured_before: 30_000,
        final_amounts: (30_000, 12_000),
        ..FLOW
    },
    Flow {
        name: "decline an alteration",
        prepare: |app| close_alteration(app, Answer::Decline).boxed(),
        min_points: 6,
        captured_before: 30_000,
        final_amounts: (30_000, 0),
        ..FLOW
    },
    Flow {
        name: "withdraw an alteration",
        prepare: |app| close_alteration(app, Answer::Withdraw).boxed(),
        min_points: 6,
        captured_before: 30_000,
        final_amounts: (30_000, 0),
        ..FLOW
    },
    Flow {
        name: "payout",
        prepare: |app| payout(app).boxed(),
        min_points: 15,
        captured_before: 30_000,
        final_amounts: (30_000, 0),
        ..FLOW
    },
];

enum CancelledBy {
    Guest,
    Host,
}

/// An answer to an alteration that leaves the stay as it is.
enum Answer {
    Decline,
    Withdraw,
}

fn mutation(who: Person, mutation: &'static str, given: Value) -> Sent {
    Sent::Mutation { who, mutation, given }
}

async fn publish(app: &TestApp, mode: &str) -> (Person, Person, String) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": mode })).await;
    (host, guest, listing)
}

async fn create(app: &TestApp, mode: &str, card: &str) -> Sent {
    let (_, guest, listing) = publish(app, mode).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    mutation(guest, "bookingCreate", json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } }))
}

async fn booked(app: &TestApp, mode: &str) -> (Person, Person, Value) {
    let (host, guest, listing) = publish(app, mode).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    (host, guest, booking)
}

async fn confirm(app: &TestApp) -> Sent {
    let (_, guest, listing) = publish(app, "INSTANT").await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let booking = app.book_quote(&guest, &quote, "3ds").await;
    mutation(guest, "bookingPaymentConfirm", json!({ "id": booking["id"] }))
}

/// A second request overlaps by one night. It is declined when the first is accepted.
async fn accept(app: &TestApp) -> Sent {
    let (host, guest, listing) = publish(app, "REQUEST").await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    app.book(&app.guest().await, &listing, "2027-03-02", "2027-03-04").await;
    assert_eq!(app.count("booking WHERE state = 'REQUESTED'", []).await, 2);
    mutation(host, "bookingAccept", json!({ "id": booking["id"] }))
}

async fn decline(app: &TestApp) -> Sent {
    let (host, _, booking) = booked(app, "REQUEST").await;
    mutation(host, "bookingDecline", json!({ "id": booking["id"], "reason": "The roof leaks." }))
}

/// The cancellation is on the day before check-in. A guest pays for the first night; a host owes a penalty.
async fn cancel(app: &TestApp, by: CancelledBy) -> Sent {
    let (host, guest, listing) = publish(app, "INSTANT").await;
    let booking = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    app.set("2027-03-03T21:00:00Z");
    let who = match by {
        CancelledBy::Guest => guest,
        CancelledBy::Host => host,
    };
    let refund = app.cancellation_refund(&who, &booking).await;
    mutation(who, "bookingCancel", json!({ "id": booking["id"], "expectedRefund": refund }))
}

async fn refund(app: &TestApp) -> Sent {
    let (host, _, booking) = booked(app, "INSTANT").await;
    let amount = json!({ "amount": 5_000, "currency": "USD" });
    mutation(host, "bookingRefund", json!({ "id": booking["id"], "amount": amount, "reason": "No hot water." }))
}

async fn request_alteration(app: &TestApp) -> Sent {
    let (_, guest, booking) = booked(app, "INSTANT").await;
    let wanted = json!({ "id": booking["id"], "stay": stay("2027-03-01", "2027-03-05") });
    mutation(guest, "bookingAlterationRequest", wanted)
}

async fn alter(app: &TestApp, check_out: &str) -> Sent {
    let (host, guest, booking) = booked(app, "INSTANT").await;
    let wanted = json!({ "id": booking["id"], "stay": stay("2027-03-01", check_out) });
    let requested = app.mutate_ok(&guest, "bookingAlterationRequest", wanted, "alteration { id }").await;
    mutation(host, "bookingAlterationAccept", json!({ "id": text(&requested, "/alteration/id") }))
}

async fn close_alteration(app: &TestApp, answer: Answer) -> Sent {
    let (host, guest, booking) = booked(app, "INSTANT").await;
    let wanted = json!({ "id": booking["id"], "stay": stay("2027-03-01", "2027-03-05") });
    let requested = app.mutate_ok(&guest, "bookingAlterationRequest", wanted, "alteration { id }").await;
    let id = text(&requested, "/alteration/id");
    match answer {
        Answer::Decline => mutation(host, "bookingAlterationDecline", json!({ "id": id, "reason": "The roof leaks." })),
        Answer::Withdraw => mutation(guest, "bookingAlterationWithdraw", json!({ "id": id })),
    }
}

/// One day after check-in, when the payout is the only job that is due.
async fn payout(app: &TestApp) -> Sent {
    booked(app, "INSTANT").await;
    app.set("2027-03-02T20:00:00Z");
    app.advance(TimeDelta::milliseconds(-1));
    app.drain().await;
    app.advance(TimeDelta::milliseconds(1));
    assert_eq!(app.count("payout WHERE state = 'SCHEDULED' AND amount_minor = 25350", []).await, 1);
    Sent::Payout
}
