//! Each corruption of the database that a check looks for. The audit must report it, and nothing else.

use std::collections::BTreeSet;

use roost::kernel::id::{Id, Kind};
use uuid::Uuid;

use super::{Weeks, booking_id_text, run_audit, simulate_weeks};
use crate::harness::TestApp;

/// A corruption of the database, and its repair.
#[derive(Clone)]
struct Corruption {
    /// The only checks that find the corruption.
    checks: &'static [&'static str],
    /// The subject of a finding of the first check.
    subject: String,
    sql: &'static str,
    repair: &'static str,
    /// The values of both statements.
    about: Vec<Uuid>,
}

async fn expect_findings(app: &TestApp, corruptions: Vec<Corruption>) {
    // The triggers refuse every change of the ledger until they are dropped.
    for (table, change) in [("transaction", "delete"), ("entry", "update")] {
        let on = if app.db.is_postgres() { format!(" ON ledger_{table}") } else { String::new() };
        app.execute(&format!("DROP TRIGGER ledger_{table}_no_{change}{on}"), []).await;
    }
    assert!(run_audit(app).await.passed(), "{}", run_audit(app).await.text());
    for one in corruptions {
        let values = || one.about.iter().map(|&id| id.into()).collect::<Vec<_>>();
        assert!(app.execute(one.sql, values()).await > 0, "{}: no row was changed", one.sql);
        let report = run_audit(app).await;
        let broken = report.checks.iter().filter(|check| check.findings > 0).map(|check| check.name);
        let (broken, wanted): (BTreeSet<_>, BTreeSet<_>) = (broken.collect(), one.checks.iter().copied().collect());
        assert_eq!(broken, wanted, "{}\n{}", one.sql, report.text());
        let first = report.checks.iter().find(|check| check.name == one.checks[0]).unwrap();
        let named = first.first_findings.iter().any(|finding| finding.subject == one.subject);
        assert!(named, "{} is not in the report\n{}", one.subject, report.text());
        assert!(app.execute(one.repair, values()).await > 0, "{}: no row was repaired", one.repair);
    }
    assert!(run_audit(app).await.passed(), "{}", run_audit(app).await.text());
}

/// The ID of a row that belongs to a booking.
async fn id(app: &TestApp, from: &str, booking: Uuid) -> Uuid {
    app.value(&format!("SELECT id FROM {from} booking_id = $1 ORDER BY id"), [booking.into()]).await
}

fn broken(
    checks: &'static [&'static str],
    (kind, about): (Kind, Uuid),
    sql: &'static str,
    repair: &'static str,
) -> Corruption {
    Corruption { checks, subject: Id::new(kind, about).to_string(), sql, repair, about: vec![about] }
}

#[tokio::test]
async fn the_audit_finds_misplaced_money() {
    let app = TestApp::new().await;
    let Weeks { completed, confirmed, cancelled_by_guest, cancelled_by_host, .. } = simulate_weeks(&app).await;
    let booked = |id| (Kind::Booking, id);
    let payment = (Kind::Payment, id(&app, "payment WHERE", completed).await);
    let payout = (Kind::Payout, id(&app, "payout WHERE state = 'PAID' AND", completed).await);
    let scheduled = (Kind::Payout, id(&app, "payout WHERE state = 'SCHEDULED' AND", confirmed).await);
    let sql = "payment p JOIN refund r ON r.payment_id = p.id WHERE";
    let sql = format!("SELECT r.id FROM {sql} p.booking_id = $1");
    let refund = (Kind::Refund, app.value::<Uuid>(&sql, [cancelled_by_guest.into()]).await);
    let refunded =
        (Kind::Payment, app.value::<Uuid>(&sql.replace("r.id FROM", "p.id FROM"), [cancelled_by_guest.into()]).await);
    let sql = sql.replace("r.id FROM", "r.transaction_id FROM");
    let returned = (Kind::LedgerTransaction, app.value::<Uuid>(&sql, [cancelled_by_guest.into()]).await);
    let host =
        (Kind::User, app.value::<Uuid>("SELECT host_id FROM booking WHERE id = $1", [cancelled_by_guest.into()]).await);
    let host_balance = Corruption {
        checks: &["host_balances", "escrow_ledger", "ledger_accounts", "payout_schedule"],
        subject: Id::new(host.0, host.1).to_string(),
        about: vec![completed],
        sql: "UPDATE escrow SET host_released_minor = host_released_minor - 1 WHERE booking_id = $1",
        repair: "UPDATE escrow SET host_released_minor = host_released_minor + 1 WHERE booking_id = $1",
    };
    expect_findings(
        &app,
        vec![
            broken(
                &["ledger_captures", "escrow_totals", "ledger_accounts", "sandbox_charges"],
                payment,
                "UPDATE payment SET captured_minor = captured_minor - 1 WHERE id = $1",
                "UPDATE payment SET captured_minor = captured_minor + 1 WHERE id = $1",
            ),
            broken(
                &["escrow_totals", "payout_schedule", "booking_money", "escrow_ledger", "ledger_accounts"],
                booked(completed),
                "UPDATE escrow SET paid_minor = paid_minor + 1, host_minor = host_minor + 1 WHERE booking_id = $1",
                "UPDATE escrow SET paid_minor = paid_minor - 1, host_minor = host_minor - 1 WHERE booking_id = $1",
            ),
            broken(
                &["escrow_totals"],
                booked(confirmed),
                "UPDATE escrow SET paid_minor = paid_minor + 1, refunded_minor = refunded_minor + 1 WHERE booking_id = $1",
                "UPDATE escrow SET paid_minor = paid_minor - 1, refunded_minor = refunded_minor - 1 WHERE booking_id = $1",
            ),
            host_balance,
            broken(
                &["ledger_releases"],
                payout,
                "UPDATE payout SET amount_minor = amount_minor + 1 WHERE id = $1",
                "UPDATE payout SET amount_minor = amount_minor - 1 WHERE id = $1",
            ),
            broken(
                &["ledger_payouts", "host_balances", "ledger_accounts", "sandbox_payouts"],
                payout,
                "UPDATE payout SET sent_minor = sent_minor - 1 WHERE id = $1",
                "UPDATE payout SET sent_minor = sent_minor + 1 WHERE id = $1",
            ),
            broken(
                &["payout_schedule"],
                booked(confirmed),
                "UPDATE payout SET amount_minor = amount_minor + 1 WHERE booking_id = $1",
                "UPDATE payout SET amount_minor = amount_minor - 1 WHERE booking_id = $1",
            ),
            broken(
                &["payouts_overdue"],
                scheduled,
                "UPDATE payout SET failure_reason = CAST(release_at AS TEXT), release_at = created_at WHERE id = $1",
                "UPDATE payout SET release_at = (SELECT check_out_at FROM booking b WHERE b.id = payout.booking_id), \
                 failure_reason = NULL WHERE id = $1",
            ),
            broken(
                &["payout_parties"],
                scheduled,
                "UPDATE payout SET host_id = (SELECT guest_id FROM booking b WHERE b.id = payout.booking_id) WHERE id = $1",
                "UPDATE payout SET host_id = (SELECT host_id FROM booking b WHERE b.id = payout.booking_id) WHERE id = $1",
            ),
            broken(
                &["payout_states"],
                scheduled,
                "UPDATE payout SET state = 'FAILED' WHERE id = $1",
                "UPDATE payout SET state = 'SCHEDULED' WHERE id = $1",
            ),
            broken(
                &["refunds_unsent", "sandbox_refunds"],
                refund,
                "UPDATE refund SET state = 'FAILED' WHERE id = $1",
                "UPDATE refund SET state = 'SUCCEEDED' WHERE id = $1",
            ),
            broken(
                &["payment_refunds", "ledger_accounts", "ledger_refunds", "sandbox_refunds"],
                refunded,
                "UPDATE refund SET amount_minor = amount_minor + 1 WHERE payment_id = $1",
                "UPDATE refund SET amount_minor = amount_minor - 1 WHERE payment_id = $1",
            ),
            broken(
                &["ledger_refunds", "refunds_recorded"],
                returned,
                "UPDATE refund SET transaction_id = NULL, reason = 'lost' WHERE transaction_id = $1",
                "UPDATE refund SET transaction_id = $1 WHERE reason = 'lost'",
            ),
            broken(
                &["payments_stuck", "booking_charges", "ledger_captures"],
                payment,
                "UPDATE payment SET state = 'PROCESSING' WHERE id = $1",
                "UPDATE payment SET state = 'SUCCEEDED' WHERE id = $1",
            ),
            broken(
                &["sandbox_charges"],
                payment,
                "UPDATE sandbox_intent SET captured_minor = captured_minor + 1 WHERE reference = \
                 (SELECT provider_reference FROM payment WHERE id = $1)",
                "UPDATE sandbox_intent SET captured_minor = captured_minor - 1 WHERE reference = \
                 (SELECT provider_reference FROM payment WHERE id = $1)",
            ),
            broken(
                &["sandbox_payouts"],
                payout,
                "UPDATE sandbox_transfer SET amount_minor = amount_minor + 1 WHERE 'sbt_' || idempotency_key = \
                 (SELECT provider_reference FROM payout WHERE id = $1)",
                "UPDATE sandbox_transfer SET amount_minor = amount_minor - 1 WHERE 'sbt_' || idempotency_key = \
                 (SELECT provider_reference FROM payout WHERE id = $1)",
            ),
            broken(
                &["booking_money"],
                booked(completed),
                "UPDATE booking SET refunded_minor = refunded_minor + 1 WHERE id = $1",
                "UPDATE booking SET refunded_minor = refunded_minor - 1 WHERE id = $1",
            ),
            broken(
                &["booking_penalties"],
                booked(cancelled_by_host),
                "UPDATE ledger_entry SET amount_minor = amount_minor + 1 WHERE transaction_id = \
                 (SELECT id FROM ledger_transaction WHERE kind = 'PENALTY' AND object_id = $1)",
                "UPDATE ledger_entry SET amount_minor = amount_minor - 1 WHERE transaction_id = \
                 (SELECT id FROM ledger_transaction WHERE kind = 'PENALTY' AND object_id = $1)",
            ),
            broken(
                &["ledger_entries"],
                (Kind::LedgerTransaction, app.clock.new_id()),
                "INSERT INTO ledger_transaction (id, at, kind, object_id, booking_id, host_id, currency) \
                 SELECT $1, created_at, 'CHARGEBACK', id, id, host_id, currency FROM booking LIMIT 1",
                "DELETE FROM ledger_transaction WHERE id = $1",
            ),
            Corruption {
                checks: &["sandbox_intents", "sandbox_charges"],
                subject: Id::new(payment.0, payment.1).to_string(),
                about: vec![payment.1],
                sql: "UPDATE payment SET decline_code = provider_reference, provider_reference = 'sbx_0' WHERE id = $1",
                repair: "UPDATE payment SET provider_reference = decline_code, decline_code = NULL WHERE id = $1",
            },
            Corruption {
                checks: &["sandbox_transfers"],
                subject: "stray".into(),
                about: vec![],
                sql: "INSERT INTO sandbox_transfer (idempotency_key, destination, currency, amount_minor, created_at) \
                      VALUES ('stray', 'somewhere', 'USD', 1, '2027-01-05 12:00:00+00:00')",
                repair: "DELETE FROM sandbox_transfer WHERE idempotency_key = 'stray'",
            },
            Corruption {
                checks: &["sandbox_payouts"],
                subject: Id::new(payout.0, payout.1).to_string(),
                about: vec![payout.1],
                sql: "UPDATE payout SET destination = provider_reference, provider_reference = 'sbt_0' WHERE id = $1",
                repair: "UPDATE payout SET provider_reference = destination, destination = NULL WHERE id = $1",
            },
        ],
    )
    .await;
    app.finish().await;
}

#[tokio::test]
async fn the_audit_finds_inconsistent_nights_and_events() {
    let app = TestApp::new().await;
    let Weeks { completed, confirmed, requested, failed, cancelled_by_guest, .. } = simulate_weeks(&app).await;
    let booked = |id| (Kind::Booking, id);
    let listing =
        (Kind::Listing, app.value::<Uuid>("SELECT listing_id FROM booking WHERE id = $1", [completed.into()]).await);
    let alteration = (Kind::BookingAlteration, id(&app, "booking_alteration WHERE", confirmed).await);
    let job = app.value::<Uuid>("SELECT id FROM job ORDER BY id LIMIT 1", []).await;
    let with = |other: Uuid, mut one: Corruption| {
        one.about.push(other);
        one
    };
    let night = broken(
        &["booking_nights"],
        booked(completed),
        "DELETE FROM claim WHERE booking_id = $1 AND night = (SELECT check_in FROM booking WHERE id = $1)",
        "INSERT INTO claim (listing_id, night, kind, booking_id) SELECT listing_id, check_in, 'STAY', id \
         FROM booking WHERE id = $1",
    );
    let stayed =
        Corruption { subject: booking_id_text(cancelled_by_guest), about: vec![cancelled_by_guest], ..night.clone() };
    let lapses = Corruption {
        checks: &["claim_kinds", "booking_claims"],
        subject: Id::new(listing.0, listing.1).to_string(),
        about: vec![completed],
        sql: "UPDATE claim SET expires_at = (SELECT created_at FROM booking WHERE id = $1) WHERE booking_id = $1",
        repair: "UPDATE claim SET expires_at = NULL WHERE booking_id = $1",
    };
    expect_findings(
        &app,
        vec![
            night,
            stayed,
            lapses,
            broken(
                &["booking_claims"],
                booked(failed),
                "INSERT INTO claim (listing_id, night, kind, booking_id) SELECT listing_id, check_in, 'STAY', id \
                 FROM booking WHERE id = $1",
                "DELETE FROM claim WHERE booking_id = $1",
            ),
            broken(
                &["booking_overlaps", "booking_nights", "booking_prices"],
                booked(completed),
                "UPDATE booking SET check_in = '2027-01-12' WHERE state = 'CONFIRMED' AND id <> $1",
                "UPDATE booking SET check_in = '2027-04-10' WHERE state = 'CONFIRMED' AND id <> $1",
            ),
            with(
                failed,
                broken(
                    &["booking_payouts", "payout_schedule"],
                    booked(confirmed),
                    "UPDATE payout SET booking_id = $2 WHERE booking_id = $1",
                    "UPDATE payout SET booking_id = $1 WHERE booking_id = $2",
                ),
            ),
            broken(
                &["booking_events", "review_windows"],
                booked(completed),
                "UPDATE booking_event SET to_state = 'DECLINED' WHERE booking_id = $1 AND to_state = 'COMPLETED'",
                "UPDATE booking_event SET to_state = 'COMPLETED' WHERE booking_id = $1 AND to_state = 'DECLINED'",
            ),
            broken(
                &["booking_versions"],
                booked(cancelled_by_guest),
                "UPDATE booking SET version = version + 1 WHERE id = $1",
                "UPDATE booking SET version = version - 1 WHERE id = $1",
            ),
            with(
                completed,
                broken(
                    &["bookings_stuck"],
                    booked(requested),
                    "UPDATE booking SET expires_at = (SELECT created_at FROM booking WHERE id = $2) WHERE id = $1",
                    "UPDATE booking SET expires_at = (SELECT max(expires_at) FROM claim WHERE booking_id = $1) \
                     WHERE id = $1 AND id <> $2",
                ),
            ),
            broken(
                &["alterations_open"],
                alteration,
                "UPDATE booking_alteration SET state = 'PENDING' WHERE id = $1",
                "UPDATE booking_alteration SET state = 'ACCEPTED' WHERE id = $1",
            ),
            broken(
                &["booking_prices", "booking_money"],
                booked(confirmed),
                "UPDATE booking SET total_minor = total_minor + 1 WHERE id = $1",
                "UPDATE booking SET total_minor = total_minor - 1 WHERE id = $1",
            ),
            broken(
                &["jobs_dead"],
                (Kind::Job, job),
                "UPDATE job SET died_at = created_at WHERE id = $1",
                "UPDATE job SET died_at = NULL WHERE id = $1",
            ),
            with(
                confirmed,
                broken(
                    &["jobs_overdue"],
                    (Kind::Job, job),
                    "UPDATE job SET run_at = (SELECT created_at FROM booking WHERE id = $2), \
                     locked_until = (SELECT created_at FROM booking WHERE id = $2) WHERE id = $1",
                    "UPDATE job SET run_at = (SELECT check_out_at FROM booking WHERE id = $2) WHERE id = $1",
                ),
            ),
        ],
    )
    .await;
    app.finish().await;
}

#[tokio::test]
async fn the_audit_finds_inconsistent_reviews_and_sums() {
    let app = TestApp::new().await;
    let Weeks { completed, .. } = simulate_weeks(&app).await;
    let review = (Kind::Review, id(&app, "review WHERE", completed).await);
    let listing = app.value::<Uuid>("SELECT listing_id FROM booking WHERE id = $1", [completed.into()]).await;
    let of = |one: Corruption, about: Uuid| Corruption { about: vec![about], ..one };
    let event = app.clock.new_id();
    expect_findings(
        &app,
        vec![
            of(
                broken(
                    &["review_windows"],
                    review,
                    "UPDATE review SET submitted_at = (SELECT created_at FROM booking WHERE id = $1) WHERE booking_id = $1",
                    "UPDATE review SET submitted_at = published_at WHERE booking_id = $1",
                ),
                completed,
            ),
            broken(
                &["review_sides"],
                review,
                "UPDATE review SET author_id = subject_id, subject_id = author_id WHERE id = $1",
                "UPDATE review SET author_id = subject_id, subject_id = author_id WHERE id = $1",
            ),
            of(
                broken(
                    &["reviews_shown"],
                    review,
                    "UPDATE review SET published_at = NULL WHERE booking_id = $1 AND direction = 'HOST_TO_GUEST'",
                    "UPDATE review SET published_at = submitted_at WHERE booking_id = $1 AND direction = 'HOST_TO_GUEST'",
                ),
                completed,
            ),
            broken(
                &["listing_ratings"],
                (Kind::Listing, listing),
                "UPDATE listing_rating SET value_sum = value_sum + 100 WHERE listing_id = $1",
                "UPDATE listing_rating SET value_sum = value_sum - 100 WHERE listing_id = $1",
            ),
            Corruption {
                checks: &["provider_events"],
                subject: "stripe evt_1".to_owned(),
                about: vec![event, completed],
                sql: "INSERT INTO provider_event (id, provider, event_id, kind, about, facts, created_at, received_at) \
                      VALUES ($1, 'stripe', 'evt_1', 'charge.expired', 'OTHER', '{}', \
                      (SELECT created_at FROM booking WHERE id = $2), (SELECT created_at FROM booking WHERE id = $2))",
                repair: "DELETE FROM provider_event WHERE id = $1 AND id <> $2",
            },
        ],
    )
    .await;
    app.finish().await;
}
