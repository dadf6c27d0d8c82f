//! Checks the escrow of bookings against charges, refunds and the ledger.

use sea_orm::DbErr;

use super::sql::{differing, sum};
use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    totals(audit).await?;
    balances(audit).await?;
    refunds(audit).await?;
    audit
        .check(Check {
            name: "provider_events",
            description: "Every event of the processor was handled within an hour.",
            kind: None,
            rows: "provider_event",
            violations: "SELECT provider || ' ' || event_id AS name, kind || ' was not handled' AS note \
                     FROM provider_event WHERE handled_at IS NULL AND received_at < {hour_ago}",
        })
        .await?;
    audit
        .check(Check {
            name: "payments_stuck",
            description: "No payment waits for the processor or its guest for more than an hour.",
            kind: Some(Kind::Payment),
            rows: "payment",
            violations: "SELECT id, booking_id, state || ' for more than an hour' AS note FROM payment \
                     WHERE state IN ('PROCESSING', 'REQUIRES_ACTION') AND updated_at < {hour_ago}",
        })
        .await
}

async fn totals(audit: &mut Audit) -> Result<(), DbErr> {
    let sum_of_payments =
        |column: &str| sum(&format!("SELECT sum(p.{column}) FROM payment p WHERE p.booking_id = e.booking_id"));
    let compared = |column: &str, wanted: &str, note: &str| {
        differing(&format!(
            "SELECT e.booking_id AS id, e.currency, '{note}' AS note, {wanted} AS wanted, e.{column} AS found \
             FROM escrow e"
        ))
    };
    let violations = format!(
        "{} UNION ALL {} UNION ALL SELECT p.booking_id AS id, p.currency, 'captured without an escrow' AS note, \
         p.captured_minor AS wanted, CAST(0 AS BIGINT) AS found FROM payment p LEFT JOIN escrow e \
         ON e.booking_id = p.booking_id AND e.currency = p.currency WHERE p.captured_minor > 0 \
         AND e.booking_id IS NULL",
        compared(
            "paid_minor",
            &sum_of_payments("captured_minor"),
            "the escrow received a different amount than was captured"
        ),
        compared(
            "refunded_minor",
            &sum_of_payments("refunded_minor"),
            "the escrow returned a different amount than was refunded"
        ),
    );
    audit
        .check(Check {
            name: "escrow_totals",
            description: "A booking's escrow received what was captured and returned what was refunded.",
            kind: Some(Kind::Booking),
            rows: "escrow",
            violations: &violations,
        })
        .await
}

async fn balances(audit: &mut Audit) -> Result<(), DbErr> {
    let ledger = "SELECT t.booking_id, sum(CASE WHEN l.credit = 'GUEST_ESCROW' THEN l.amount_minor \
                  ELSE -l.amount_minor END) AS minor FROM ledger_transaction t JOIN ledger_entry l \
                  ON l.transaction_id = t.id WHERE 'GUEST_ESCROW' IN (l.debit, l.credit) GROUP BY t.booking_id";
    let violations = differing(&format!(
        "SELECT e.booking_id AS id, e.currency, 'the ledger has a different amount in escrow for the booking' AS note, \
         e.host_minor + e.platform_minor + e.tax_minor - e.host_released_minor - e.platform_released_minor \
         - e.tax_released_minor AS wanted, CAST(COALESCE(in_ledger.minor, 0) AS BIGINT) AS found FROM escrow e \
         LEFT JOIN ({ledger}) AS in_ledger ON in_ledger.booking_id = e.booking_id"
    ));
    audit
        .check(Check {
            name: "escrow_ledger",
            description: "The ledger's escrow account has for every booking what was not refunded and not released.",
            kind: Some(Kind::Booking),
            rows: "escrow",
            violations: &violations,
        })
        .await
}

async fn refunds(audit: &mut Audit) -> Result<(), DbErr> {
    let refunds = sum("SELECT sum(r.amount_minor) FROM refund r WHERE r.payment_id = p.id");
    let violations = differing(&format!(
        "SELECT p.id, p.booking_id, p.currency, 'the sum of the refunds is not what was refunded' AS note, \
         p.refunded_minor AS wanted, {refunds} AS found FROM payment p"
    ));
    audit
        .check(Check {
            name: "payment_refunds",
            description: "The sum of the refunds of every payment is its refunded amount.",
            kind: Some(Kind::Payment),
            rows: "payment",
            violations: &violations,
        })
        .await?;
    audit
        .check(Check {
            name: "refunds_unsent",
            description: "Every refund was sent to the processor within an hour, and none failed.",
            kind: Some(Kind::Refund),
            rows: "refund",
            violations: "SELECT r.id, p.booking_id, CASE r.state WHEN 'FAILED' THEN 'failed at the processor' \
                     ELSE 'not sent for more than an hour' END AS note FROM refund r JOIN payment p \
                     ON p.id = r.payment_id WHERE r.state = 'FAILED' \
                     OR (r.state = 'PENDING' AND r.provider_reference IS NULL AND r.updated_at < {hour_ago})",
        })
        .await
}
