//! The flows that move money: the scene of each, what is sent, and what must come of it.

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::harness::{Person, TestApp};
use crate::scenes::{stay, text};

/// What the process is doing that is killed.
pub enum Sent {
    /// Answering a mutation.
    Mutation { who: Person, mutation: &'static str, given: Value },
    /// Paying a host, whose payout is due.
    Payout,
}

/// A flow with the crashes on its way.
pub struct Flow {
    pub name: &'static str,
    pub prepare: for<'a> fn(&'a TestApp) -> BoxFuture<'a, Sent>,
    /// Settings besides those of all tests.
    pub flags: &'static [&'static str],
    /// It passes so many points at least: none is lost unseen.
    pub least: usize,
    /// The first point at which to crash, where what comes before is another flow's too.
    pub from: Option<&'static str>,
    /// What the processor has taken before the flow begins, in minor units.
    pub taken_before: i64,
    /// What the processor has taken and returned when all is done.
    pub moved: (i64, i64),
    /// What the answer refuses.
    pub said: &'static [&'static str],
    /// A mutation about the booking that follows, after the retry.
    pub then: Option<&'static str>,
}

const FLOW: Flow = Flow {
    name: "",
    prepare: |_| async { Sent::Payout }.boxed(),
    flags: &[],
    least: 1,
    from: None,
    taken_before: 0,
    moved: (0, 0),
    said: &[],
    then: None,
};

pub const FLOWS: &[Flow] = &[
    Flow { name: "create", prepare: |app| create(app, "INSTANT", "ok").boxed(), least: 35, moved: (30_000, 0), ..FLOW },
    Flow {
        name: "create, 3-D Secure",
        prepare: |app| create(app, "INSTANT", "3ds").boxed(),
        from: Some("create.reserved"),
        least: 20,
        moved: (30_000, 0),
        then: Some("bookingPaymentConfirm"),
        ..FLOW
    },
    Flow {
        name: "create, answer lost",
        prepare: |app| create(app, "INSTANT", "unknown").boxed(),
        from: Some("create.reserved"),
        least: 20,
        moved: (30_000, 0),
        ..FLOW
    },
    Flow {
        name: "create, declined",
        prepare: |app| create(app, "INSTANT", "declined").boxed(),
        from: Some("create.reserved"),
        least: 20,
        said: &["PAYMENT_DECLINED booking.paymentMethodToken"],
        ..FLOW
    },
    Flow {
        name: "create, request",
        prepare: |app| create(app, "REQUEST", "ok").boxed(),
        from: Some("create.reserved"),
        least: 20,
        ..FLOW
    },
    Flow { name: "confirm payment", prepare: |app| confirm(app).boxed(), least: 20, moved: (30_000, 0), ..FLOW },
    Flow {
        name: "accept",
        prepare: |app| accept(app).boxed(),
        flags: &["--request-blocks-calendar=off"],
        least: 20,
        moved: (30_000, 0),
        ..FLOW
    },
    Flow { name: "decline", prepare: |app| decline(app).boxed(), least: 10, ..FLOW },
    Flow {
        name: "cancel by guest",
        prepare: |app| cancel(app, By::Guest).boxed(),
        least: 20,
        taken_before: 60_000,
        moved: (60_000, 46_667),
        ..FLOW
    },
    Flow {
        name: "cancel by host",
        prepare: |app| cancel(app, By::Host).boxed(),
        least: 20,
        taken_before: 60_000,
        moved: (60_000, 60_000),
        ..FLOW
    },
    Flow {
        name: "refund",
        prepare: |app| refund(app).boxed(),
        least: 20,
        taken_before: 30_000,
        moved: (30_000, 5_000),
        ..FLOW
    },
    Flow {
        name: "ask for an alteration",
        prepare: |app| ask(app).boxed(),
        least: 8,
        taken_before: 30_000,
        moved: (30_000, 0),
        ..FLOW
    },
    Flow {
        name: "alter for more",
        prepare: |app| alter(app, "2027-03-05").boxed(),
        least: 35,
        taken_before: 30_000,
        moved: (54_000, 0),
        ..FLOW
    },
    Flow {
        name: "alter for less",
        prepare: |app| alter(app, "2027-03-02").boxed(),
        least: 20,
        taken_before: 30_000,
        moved: (30_000, 12_000),
        ..FLOW
    },
    Flow {
        name: "payout",
        prepare: |app| payout(app).boxed(),
        least: 15,
        taken_before: 30_000,
        moved: (30_000, 0),
        ..FLOW
    },
];

enum By {
    Guest,
    Host,
}

fn mutation(who: Person, mutation: &'static str, given: Value) -> Sent {
    Sent::Mutation { who, mutation, given }
}

async fn place(app: &TestApp, mode: &str) -> (Person, Person, String) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "bookingMode": mode })).await;
    (host, guest, listing)
}

async fn create(app: &TestApp, mode: &str, card: &str) -> Sent {
    let (_, guest, listing) = place(app, mode).await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    mutation(guest, "bookingCreate", json!({ "quoteToken": quote, "booking": { "paymentMethodToken": card } }))
}

async fn booked(app: &TestApp, mode: &str) -> (Person, Person, Value) {
    let (host, guest, listing) = place(app, mode).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    (host, guest, booking)
}

async fn confirm(app: &TestApp) -> Sent {
    let (_, guest, listing) = place(app, "INSTANT").await;
    let quote = app.quote(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let booking = app.pay(&guest, &quote, "3ds").await;
    mutation(guest, "bookingPaymentConfirm", json!({ "id": booking["id"] }))
}

/// Another guest wants one of the nights, and does not get it.
async fn accept(app: &TestApp) -> Sent {
    let (host, guest, listing) = place(app, "REQUEST").await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    app.book(&app.guest().await, &listing, "2027-03-02", "2027-03-04").await;
    assert_eq!(app.count("booking WHERE state = 'REQUESTED'", []).await, 2);
    mutation(host, "bookingAccept", json!({ "id": booking["id"] }))
}

async fn decline(app: &TestApp) -> Sent {
    let (host, _, booking) = booked(app, "REQUEST").await;
    mutation(host, "bookingDecline", json!({ "id": booking["id"], "reason": "The roof leaks." }))
}

/// A guest who cancels on the day before pays for the first night; a host who does owes a penalty.
async fn cancel(app: &TestApp, by: By) -> Sent {
    let (host, guest, listing) = place(app, "INSTANT").await;
    let booking = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    app.set("2027-03-03T21:00:00Z");
    let who = match by {
        By::Guest => guest,
        By::Host => host,
    };
    let refund = app.refund_now(&who, &booking).await;
    mutation(who, "bookingCancel", json!({ "id": booking["id"], "expectedRefund": refund }))
}

async fn refund(app: &TestApp) -> Sent {
    let (host, _, booking) = booked(app, "INSTANT").await;
    let amount = json!({ "amount": 5_000, "currency": "USD" });
    mutation(host, "bookingRefund", json!({ "id": booking["id"], "amount": amount, "reason": "No hot water." }))
}

async fn ask(app: &TestApp) -> Sent {
    let (_, guest, booking) = booked(app, "INSTANT").await;
    let wanted = json!({ "id": booking["id"], "stay": stay("2027-03-01", "2027-03-05") });
    mutation(guest, "bookingAlterationRequest", wanted)
}

async fn alter(app: &TestApp, check_out: &str) -> Sent {
    let (host, guest, booking) = booked(app, "INSTANT").await;
    let wanted = json!({ "id": booking["id"], "stay": stay("2027-03-01", check_out) });
    let asked = app.must(&guest, "bookingAlterationRequest", wanted, "alteration { id }").await;
    mutation(host, "bookingAlterationRespond", json!({ "id": text(&asked, "/alteration/id"), "accept": true }))
}

/// A day after check-in, when nothing but the payout is due.
async fn payout(app: &TestApp) -> Sent {
    booked(app, "INSTANT").await;
    app.set("2027-03-02T20:00:00Z");
    app.advance(TimeDelta::milliseconds(-1));
    app.drain().await;
    app.advance(TimeDelta::milliseconds(1));
    assert_eq!(app.count("payout WHERE state = 'SCHEDULED' AND amount_minor = 25350", []).await, 1);
    Sent::Payout
}
