//! What bookings hold, against their charges, their refunds and the ledger.

use sea_orm::DbErr;

use super::{differing, sum};
use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    totals(audit).await?;
    balances(audit).await?;
    refunds(audit).await?;
    audit
        .check(Check {
            name: "provider_events",
            says: "What the processor told was taken up within an hour.",
            kind: None,
            looks_at: "provider_event",
            faults: "SELECT provider || ' ' || event_id AS name, kind || ' was not taken up' AS note \
                     FROM provider_event WHERE handled_at IS NULL AND received_at < {hour_ago}",
        })
        .await?;
    audit
        .check(Check {
            name: "payments_stuck",
            says: "No payment has waited for an hour for the processor or for its guest.",
            kind: Some(Kind::Payment),
            looks_at: "payment",
            faults: "SELECT id, booking_id, state || ' for an hour and more' AS note FROM payment \
                     WHERE state IN ('PROCESSING', 'REQUIRES_ACTION') AND updated_at < {hour_ago}",
        })
        .await
}

async fn totals(audit: &mut Audit) -> Result<(), DbErr> {
    let of = |column: &str| sum(&format!("SELECT sum(p.{column}) FROM payment p WHERE p.booking_id = e.booking_id"));
    let compared = |column: &str, wanted: &str, note: &str| {
        differing(&format!(
            "SELECT e.booking_id AS id, e.currency, '{note}' AS note, {wanted} AS wanted, e.{column} AS found \
             FROM escrow e"
        ))
    };
    let faults = format!(
        "{} UNION ALL {} UNION ALL SELECT p.booking_id AS id, p.currency, 'charged, and nothing is held' AS note, \
         p.captured_minor AS wanted, CAST(0 AS BIGINT) AS found FROM payment p LEFT JOIN escrow e \
         ON e.booking_id = p.booking_id AND e.currency = p.currency WHERE p.captured_minor > 0 \
         AND e.booking_id IS NULL",
        compared("paid_minor", &of("captured_minor"), "the escrow took another amount than was charged"),
        compared("refunded_minor", &of("refunded_minor"), "the escrow gave back another amount than was refunded"),
    );
    audit
        .check(Check {
            name: "escrow_totals",
            says: "A booking's escrow took what was charged and gave back what was refunded.",
            kind: Some(Kind::Booking),
            looks_at: "escrow",
            faults: &faults,
        })
        .await
}

async fn balances(audit: &mut Audit) -> Result<(), DbErr> {
    let ledger = "SELECT t.booking_id, sum(CASE WHEN l.credit = 'GUEST_ESCROW' THEN l.amount_minor \
                  ELSE -l.amount_minor END) AS minor FROM ledger_transaction t JOIN ledger_entry l \
                  ON l.transaction_id = t.id WHERE 'GUEST_ESCROW' IN (l.debit, l.credit) GROUP BY t.booking_id";
    let faults = differing(&format!(
        "SELECT e.booking_id AS id, e.currency, 'the ledger holds another amount for the booking' AS note, \
         e.host_minor + e.platform_minor + e.tax_minor - e.host_released_minor - e.platform_released_minor \
         - e.tax_released_minor AS wanted, CAST(COALESCE(held.minor, 0) AS BIGINT) AS found FROM escrow e \
         LEFT JOIN ({ledger}) AS held ON held.booking_id = e.booking_id"
    ));
    audit
        .check(Check {
            name: "escrow_ledger",
            says: "The ledger holds for every booking what is its and not released.",
            kind: Some(Kind::Booking),
            looks_at: "escrow",
            faults: &faults,
        })
        .await
}

async fn refunds(audit: &mut Audit) -> Result<(), DbErr> {
    let refunds = sum("SELECT sum(r.amount_minor) FROM refund r WHERE r.payment_id = p.id");
    let faults = differing(&format!(
        "SELECT p.id, p.booking_id, p.currency, 'the refunds do not sum to what was refunded' AS note, \
         p.refunded_minor AS wanted, {refunds} AS found FROM payment p"
    ));
    audit
        .check(Check {
            name: "payment_refunds",
            says: "The refunds of every payment sum to what was refunded of it.",
            kind: Some(Kind::Payment),
            looks_at: "payment",
            faults: &faults,
        })
        .await?;
    audit
        .check(Check {
            name: "refunds_unsent",
            says: "Every refund was asked of the processor within an hour, and none was refused.",
            kind: Some(Kind::Refund),
            looks_at: "refund",
            faults: "SELECT r.id, p.booking_id, CASE r.state WHEN 'FAILED' THEN 'refused by the processor' \
                     ELSE 'unsent for an hour and more' END AS note FROM refund r JOIN payment p \
                     ON p.id = r.payment_id WHERE r.state = 'FAILED' \
                     OR (r.state = 'PENDING' AND r.provider_reference IS NULL AND r.updated_at < {hour_ago})",
        })
        .await
}
