//! What must hold after any test: no job left, no night held in vain, no cent unaccounted for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use roost::kernel::local_time::instant;
use roost::platform::queue;
use uuid::Uuid;

use crate::harness::TestApp;

struct Booking {
    listing: Uuid,
    state: String,
    check_in: NaiveDate,
    check_out: NaiveDate,
    check_in_time: NaiveTime,
    zone: chrono_tz::Tz,
    total: i64,
    refunded: i64,
    holds: bool,
}

/// Panics at the first thing that does not hold.
pub async fn check(app: &TestApp) {
    app.drain().await;
    assert_eq!(queue::due(&app.db, &app.clock).await.unwrap(), 0, "jobs were left undone");
    let failed: i64 = app.count("job WHERE last_error IS NOT NULL", []).await;
    assert_eq!(failed, 0, "jobs have failed");
    let bookings = bookings(app).await;
    nights(app, &bookings).await;
    payments(app, &bookings).await;
    money(app).await;
    histories(app, &bookings).await;
}

async fn bookings(app: &TestApp) -> BTreeMap<Uuid, Booking> {
    let sql = "SELECT id, listing_id, state, check_in, check_out, check_in_time, time_zone, total_minor, \
               refunded_minor, holds_nights FROM booking";
    let rows = app.rows(sql, []).await;
    let booking = |row: &sea_orm::QueryResult| Booking {
        listing: row.try_get("", "listing_id").unwrap(),
        state: row.try_get("", "state").unwrap(),
        check_in: row.try_get("", "check_in").unwrap(),
        check_out: row.try_get("", "check_out").unwrap(),
        check_in_time: row.try_get("", "check_in_time").unwrap(),
        zone: row.try_get::<String>("", "time_zone").unwrap().parse().unwrap(),
        total: row.try_get("", "total_minor").unwrap(),
        refunded: row.try_get("", "refunded_minor").unwrap(),
        holds: row.try_get("", "holds_nights").unwrap(),
    };
    rows.iter().map(|row| (row.try_get("", "id").unwrap(), booking(row))).collect()
}

impl Booking {
    /// The kind of claim that a live booking has on its nights.
    fn claims(&self) -> Option<&'static str> {
        match self.state.as_str() {
            "PENDING_PAYMENT" | "REQUESTED" => self.holds.then_some("HOLD"),
            "CONFIRMED" | "CHECKED_IN" | "COMPLETED" => Some("STAY"),
            _ => None,
        }
    }

    /// Whether the night had begun by now, which a booking that was broken off may keep.
    fn begun(&self, night: NaiveDate, now: DateTime<Utc>) -> bool {
        self.check_in <= night && night < self.check_out && instant(night, self.check_in_time, self.zone) <= now
    }
}

/// Every live booking claims each of its nights; no claim is there for a booking that is over.
async fn nights(app: &TestApp, bookings: &BTreeMap<Uuid, Booking>) {
    let now = app.clock.now();
    let mut claimed: BTreeMap<Uuid, BTreeSet<NaiveDate>> = BTreeMap::new();
    let sql = "SELECT listing_id, night, kind, booking_id FROM claim WHERE booking_id IS NOT NULL";
    for row in app.rows(sql, []).await {
        let id: Uuid = row.try_get("", "booking_id").unwrap();
        let kind: String = row.try_get("", "kind").unwrap();
        let night: NaiveDate = row.try_get("", "night").unwrap();
        let booking = &bookings[&id];
        assert_eq!(row.try_get::<Uuid>("", "listing_id").unwrap(), booking.listing);
        match booking.claims() {
            Some(_) if kind == "PREPARATION" => assert!(night >= booking.check_out),
            Some(kind_of_state) => assert_eq!(kind, kind_of_state, "{night} of a booking that is {}", booking.state),
            None => {
                let kept =
                    (booking.state.starts_with("CANCELLED") || booking.state == "NO_SHOW") && booking.begun(night, now);
                assert!(kept, "{night} is claimed as {kind} by a booking that is {}", booking.state);
            }
        }
        if kind != "PREPARATION" {
            claimed.entry(id).or_default().insert(night);
        }
    }
    for (id, booking) in bookings.iter().filter(|(_, booking)| booking.claims().is_some()) {
        let wanted = booking.check_in.iter_days().take_while(|night| *night < booking.check_out).collect();
        let nights = claimed.remove(id).unwrap_or_default();
        assert_eq!(nights, wanted, "nights of a booking that is {}", booking.state);
    }
}

/// Our books and the processor's say the same, and nobody keeps money for nothing.
async fn payments(app: &TestApp, bookings: &BTreeMap<Uuid, Booking>) {
    let sql = "SELECT p.booking_id, p.provider, p.state, p.alteration_id, p.amount_minor, p.captured_minor, \
               p.refunded_minor, COALESCE(i.captured_minor, 0) AS taken_minor, COALESCE(i.refunded_minor, 0) AS returned_minor, \
               CAST(COALESCE((SELECT sum(r.amount_minor) FROM refund r WHERE r.payment_id = p.id), 0) AS BIGINT) \
               AS refunds_minor, \
               CAST((SELECT count(*) FROM refund r WHERE r.payment_id = p.id AND r.state <> 'SUCCEEDED') AS BIGINT) \
               AS unsent FROM payment p LEFT JOIN sandbox_intent i ON i.reference = p.provider_reference";
    let mut paid = BTreeSet::new();
    let mut held: BTreeMap<Uuid, i64> = BTreeMap::new();
    for row in app.rows(sql, []).await {
        let id: Uuid = row.try_get("", "booking_id").unwrap();
        let booking = &bookings[&id];
        let minor = |column: &str| row.try_get::<i64>("", column).unwrap();
        let state: String = row.try_get("", "state").unwrap();
        let (captured, refunded) = (minor("captured_minor"), minor("refunded_minor"));
        let own = row.try_get::<Option<Uuid>>("", "alteration_id").unwrap().is_none();
        assert!(!own || paid.insert(id), "a booking has two payments");
        *held.entry(id).or_default() += captured - refunded;
        assert!((0..=captured).contains(&refunded), "{refunded} of {captured} were refunded");
        assert_eq!(minor("refunds_minor"), refunded, "the refunds do not sum to what was refunded");
        // The books of other processors are where their tests keep them.
        if row.try_get::<String>("", "provider").unwrap() == "sandbox" {
            assert_eq!(minor("unsent"), 0, "a refund was never sent");
            assert_eq!(minor("taken_minor"), captured, "the processor took another amount");
            assert_eq!(minor("returned_minor"), refunded, "the processor paid back another amount");
        }
        match booking.state.as_str() {
            "CONFIRMED" | "CHECKED_IN" | "COMPLETED" if own => assert_eq!(state, "SUCCEEDED"),
            "PAYMENT_EXPIRED" | "WITHDRAWN" | "DECLINED" | "REQUEST_EXPIRED" => {
                assert_eq!(captured, refunded, "money was kept for a booking that is {}", booking.state);
                assert!(["CANCELLED", "FAILED", "SUCCEEDED"].contains(&state.as_str()), "the payment is {state}");
            }
            "REQUESTED" => assert_eq!((state.as_str(), captured), ("REQUIRES_CAPTURE", 0)),
            _ => {}
        }
    }
    assert_eq!(paid, bookings.keys().copied().collect(), "a booking has no payment");
    for (id, booking) in bookings {
        if ["CONFIRMED", "CHECKED_IN", "COMPLETED"].contains(&booking.state.as_str()) {
            assert_eq!(held[id] + booking.refunded, booking.total, "the guest paid another amount than the price");
        }
    }
}

/// Whatever was taken, paid back and paid out is in the ledger, and nothing else; every host gets what they earned.
async fn money(app: &TestApp) {
    let ledger = |kind: &'static str, side: &'static str, account: &'static str| async move {
        let sql = format!(
            "SELECT CAST(COALESCE(sum(e.amount_minor), 0) AS BIGINT) FROM ledger_entry e JOIN ledger_transaction t ON \
             t.id = e.transaction_id WHERE t.kind = '{kind}' AND e.{side} = '{account}'"
        );
        app.value::<i64>(&sql, []).await
    };
    let of = |what: &str, from: &str| format!("SELECT CAST(COALESCE(sum({what}), 0) AS BIGINT) FROM {from}");
    let captured: i64 = app.value(&of("captured_minor", "payment"), []).await;
    assert_eq!(ledger("CAPTURE", "debit", "PSP_CLEARING").await, captured, "charges in the ledger");
    let refunded: i64 = app.value(&of("refunded_minor", "payment"), []).await;
    assert_eq!(ledger("REFUND", "credit", "PSP_CLEARING").await, refunded, "refunds in the ledger");
    let sent: i64 = app.value(&of("sent_minor", "payout WHERE state = 'PAID'"), []).await;
    assert_eq!(ledger("PAYOUT", "credit", "PSP_CLEARING").await, sent, "payouts in the ledger");
    let paid: i64 = app.value(&of("paid_minor", "escrow"), []).await;
    assert_eq!(paid, captured, "charges in escrow");
    if app.config.stripe.is_none() {
        let transfers: i64 = app.value(&of("amount_minor", "sandbox_transfer"), []).await;
        let unknown: i64 = app.value(&of("sent_minor", "payout WHERE state = 'PROCESSING'"), []).await;
        assert!((sent..=sent + unknown).contains(&transfers), "the processor sent {transfers}, our books say {sent}");
    }
    let sql = "SELECT count(*) FROM escrow e WHERE e.host_minor <> (SELECT COALESCE(sum(p.amount_minor), 0) FROM payout p \
               WHERE p.booking_id = e.booking_id AND p.released_at IS NULL AND p.state <> 'CANCELLED') + \
               e.host_released_minor";
    assert_eq!(app.value::<i64>(sql, []).await, 0, "a host is not scheduled to be paid what they earned");
}

/// The steps of every booking form one chain that ends where the booking stands.
async fn histories(app: &TestApp, bookings: &BTreeMap<Uuid, Booking>) {
    let mut stands: BTreeMap<Uuid, String> = BTreeMap::new();
    for row in app.rows("SELECT booking_id, from_state, to_state FROM booking_event ORDER BY id", []).await {
        let id: Uuid = row.try_get("", "booking_id").unwrap();
        let from: Option<String> = row.try_get("", "from_state").unwrap();
        assert_eq!(stands.get(&id), from.as_ref(), "a step is missing");
        stands.insert(id, row.try_get("", "to_state").unwrap());
    }
    for (id, booking) in bookings {
        assert_eq!(stands.get(id), Some(&booking.state), "the last step led elsewhere");
    }
}
