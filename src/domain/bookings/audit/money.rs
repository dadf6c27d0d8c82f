//! The audit of the money of bookings: charges, shares, penalties and payouts.

use sea_orm::DbErr;

use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

/// Bookings that were never confirmed, or whose charge was refused. All their money must be released or refunded.
const UNPAID: &str = "(b.state IN ('PAYMENT_EXPIRED', 'WITHDRAWN', 'DECLINED', 'REQUEST_EXPIRED') \
                       OR (b.state = 'CANCELLED_BY_PLATFORM' AND b.cancellation IS NULL))";
/// Bookings that were confirmed and not cancelled.
const LIVE: &str = "b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED')";

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    check_charges(audit).await?;
    check_shares(audit).await?;
    check_penalties(audit).await?;
    let violations = format!(
        "SELECT b.id, b.state || ' without a payout' AS note FROM booking b WHERE {LIVE} \
         AND NOT EXISTS (SELECT 1 FROM payout p WHERE p.booking_id = b.id)"
    );
    audit
        .check(Check {
            name: "booking_payouts",
            description: "Every confirmed, current or completed stay has payouts.",
            kind: Some(Kind::Booking),
            rows: "booking",
            violations: &violations,
        })
        .await
}

async fn check_charges(audit: &mut Audit) -> Result<(), DbErr> {
    let violations = format!(
        "SELECT b.id, b.state || ' while its payment is ' || COALESCE(p.state, 'missing') AS note FROM booking b \
         LEFT JOIN payment p ON p.booking_id = b.id AND p.alteration_id IS NULL WHERE p.id IS NULL \
         OR p.currency <> b.currency OR (b.state = 'REQUESTED' AND p.state NOT IN ('REQUIRES_CAPTURE', 'SUCCEEDED')) \
         OR (b.updated_at < {{hour_ago}} AND p.updated_at < {{hour_ago}} AND (({LIVE} AND p.state <> 'SUCCEEDED') \
         OR ({UNPAID} AND (p.state NOT IN ('SUCCEEDED', 'CANCELLED', 'FAILED') \
         OR p.captured_minor <> p.refunded_minor)))) UNION ALL \
         SELECT b.id, 'an alteration that is ' || COALESCE(a.state, 'missing') || ' while its payment is ' || p.state \
         AS note FROM payment p JOIN booking b ON b.id = p.booking_id LEFT JOIN booking_alteration a \
         ON a.id = p.alteration_id AND a.booking_id = b.id WHERE p.alteration_id IS NOT NULL AND (a.id IS NULL \
         OR (b.updated_at < {{hour_ago}} AND p.updated_at < {{hour_ago}} AND a.updated_at < {{hour_ago}} \
         AND (({LIVE} AND a.state = 'ACCEPTED' AND p.state <> 'SUCCEEDED') \
         OR (a.state IN ('DECLINED', 'WITHDRAWN', 'EXPIRED') AND p.state NOT IN \
         ('SUCCEEDED', 'CANCELLED', 'FAILED')))))"
    );
    audit
        .check(Check {
            name: "booking_charges",
            description: "Every booking has a payment. It is charged for a confirmed booking, otherwise released.",
            kind: Some(Kind::Booking),
            rows: "booking",
            violations: &violations,
        })
        .await
}

/// Leaves out bookings with a charge that is not complete, and those with a charge that came too late and is about to
/// be refunded.
async fn check_shares(audit: &mut Audit) -> Result<(), DbErr> {
    let violations = format!(
        "SELECT * FROM (SELECT b.id, b.currency, 'retained and refunded amounts do not sum to the price' AS note, \
         b.total_minor AS wanted, COALESCE(e.host_minor + e.platform_minor + e.tax_minor, 0) + b.refunded_minor \
         + COALESCE(CAST(b.cancellation ->> 'refund' AS BIGINT), 0) AS found FROM booking b \
         LEFT JOIN escrow e ON e.booking_id = b.id WHERE ({LIVE} OR b.cancellation IS NOT NULL) \
         AND NOT EXISTS (SELECT 1 FROM payment p LEFT JOIN booking_alteration a ON a.id = p.alteration_id \
         WHERE p.booking_id = b.id AND CASE WHEN p.alteration_id IS NULL OR a.state = 'ACCEPTED' \
         THEN p.state <> 'SUCCEEDED' \
         ELSE p.state = 'SUCCEEDED' AND p.refunded_minor = 0 AND p.updated_at > {{hour_ago}} END)\
         ) AS compared WHERE wanted <> found UNION ALL \
         SELECT b.id, b.currency, 'escrow has money of a booking that is ' || b.state AS note, \
         CAST(0 AS BIGINT) AS wanted, e.host_minor + e.platform_minor + e.tax_minor AS found \
         FROM booking b JOIN escrow e ON e.booking_id = b.id WHERE {UNPAID} AND b.updated_at < {{hour_ago}} \
         AND e.updated_at < {{hour_ago}} AND e.host_minor + e.platform_minor + e.tax_minor <> 0"
    );
    audit
        .check(Check {
            name: "booking_money",
            description: "Retained and refunded amounts of a booking sum to its price. Unpaid bookings retain none.",
            kind: Some(Kind::Booking),
            rows: "booking",
            violations: &violations,
        })
        .await
}

async fn check_penalties(audit: &mut Audit) -> Result<(), DbErr> {
    let violations = "SELECT * FROM (SELECT b.id, b.currency, 'the ledger has a different penalty' AS note, \
         CASE WHEN b.state = 'CANCELLED_BY_HOST' THEN COALESCE(CAST(b.cancellation ->> 'host_penalty' AS BIGINT), 0) \
         ELSE 0 END AS wanted, CAST(COALESCE(posted.minor, 0) AS BIGINT) AS found FROM booking b \
         LEFT JOIN (SELECT t.object_id, sum(e.amount_minor) AS minor FROM ledger_transaction t \
         JOIN ledger_entry e ON e.transaction_id = t.id WHERE t.kind = 'PENALTY' AND e.debit = 'HOST_PAYABLE' \
         AND e.credit = 'PLATFORM_REVENUE' GROUP BY t.object_id) AS posted ON posted.object_id = b.id) \
         AS compared WHERE wanted <> found UNION ALL \
         SELECT t.object_id AS id, t.currency, 'a penalty for a booking that does not exist' AS note, NULL AS wanted, \
         NULL AS found FROM ledger_transaction t LEFT JOIN booking b ON b.id = t.object_id \
         AND b.currency = t.currency WHERE t.kind = 'PENALTY' AND b.id IS NULL";
    audit
        .check(Check {
            name: "booking_penalties",
            description: "A host who cancelled owes the penalty that was shown. No other booking has a penalty.",
            kind: Some(Kind::Booking),
            rows: "booking",
            violations,
        })
        .await
}
