//! The money of bookings: charged when it should be, kept by those whose it is, and for nothing by nobody.

use sea_orm::DbErr;

use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

/// Bookings that came to nothing, of which nobody may keep money.
const NOTHING: &str = "(b.state IN ('PAYMENT_EXPIRED', 'WITHDRAWN', 'DECLINED', 'REQUEST_EXPIRED') \
                       OR (b.state = 'CANCELLED_BY_PLATFORM' AND b.cancellation IS NULL))";
const LIVE: &str = "b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED')";

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    charged(audit).await?;
    divided(audit).await?;
    penalties(audit).await?;
    let faults = format!(
        "SELECT b.id, b.state || ' without a payout' AS note FROM booking b WHERE {LIVE} \
         AND NOT EXISTS (SELECT 1 FROM payout p WHERE p.booking_id = b.id)"
    );
    audit
        .check(Check {
            name: "booking_payouts",
            says: "Every stay that was agreed on has its payouts.",
            kind: Some(Kind::Booking),
            looks_at: "booking",
            faults: &faults,
        })
        .await
}

async fn charged(audit: &mut Audit) -> Result<(), DbErr> {
    let faults = format!(
        "SELECT b.id, b.state || ' while its payment is ' || COALESCE(p.state, 'missing') AS note FROM booking b \
         LEFT JOIN payment p ON p.booking_id = b.id AND p.alteration_id IS NULL WHERE p.id IS NULL \
         OR p.currency <> b.currency OR (b.state = 'REQUESTED' AND p.state NOT IN ('REQUIRES_CAPTURE', 'SUCCEEDED')) \
         OR (b.updated_at < {{hour_ago}} AND p.updated_at < {{hour_ago}} AND (({LIVE} AND p.state <> 'SUCCEEDED') \
         OR ({NOTHING} AND (p.state NOT IN ('SUCCEEDED', 'CANCELLED', 'FAILED') \
         OR p.captured_minor <> p.refunded_minor)))) UNION ALL \
         SELECT b.id, 'a change that is ' || COALESCE(a.state, 'missing') || ' while its payment is ' || p.state \
         AS note FROM payment p JOIN booking b ON b.id = p.booking_id LEFT JOIN booking_alteration a \
         ON a.id = p.alteration_id AND a.booking_id = b.id WHERE p.alteration_id IS NOT NULL AND (a.id IS NULL \
         OR (b.updated_at < {{hour_ago}} AND p.updated_at < {{hour_ago}} AND a.updated_at < {{hour_ago}} \
         AND (({LIVE} AND a.state = 'ACCEPTED' AND p.state <> 'SUCCEEDED') \
         OR (a.state IN ('DECLINED', 'WITHDRAWN', 'EXPIRED') AND p.state NOT IN ('SUCCEEDED', 'CANCELLED', 'FAILED')))))"
    );
    audit
        .check(Check {
            name: "booking_charges",
            says: "Every booking has its payment, which is charged with it, and let go when it came to nothing.",
            kind: Some(Kind::Booking),
            looks_at: "booking",
            faults: &faults,
        })
        .await
}

/// Held out are bookings with a charge that is still to come, and with one that came too late and is about to go back.
async fn divided(audit: &mut Audit) -> Result<(), DbErr> {
    let faults = format!(
        "SELECT * FROM (SELECT b.id, b.currency, 'what is kept and what went back is not the price' AS note, \
         b.total_minor AS wanted, COALESCE(e.host_minor + e.platform_minor + e.tax_minor, 0) + b.refunded_minor \
         + COALESCE(CAST(b.cancellation ->> 'refund' AS BIGINT), 0) AS found FROM booking b \
         LEFT JOIN escrow e ON e.booking_id = b.id WHERE ({LIVE} OR b.cancellation IS NOT NULL) \
         AND NOT EXISTS (SELECT 1 FROM payment p LEFT JOIN booking_alteration a ON a.id = p.alteration_id \
         WHERE p.booking_id = b.id AND CASE WHEN p.alteration_id IS NULL OR a.state = 'ACCEPTED' \
         THEN p.state <> 'SUCCEEDED' \
         ELSE p.state = 'SUCCEEDED' AND p.refunded_minor = 0 AND p.updated_at > {{hour_ago}} END)\
         ) AS compared WHERE wanted <> found UNION ALL \
         SELECT b.id, b.currency, 'money is kept for a booking that is ' || b.state AS note, \
         CAST(0 AS BIGINT) AS wanted, e.host_minor + e.platform_minor + e.tax_minor AS found \
         FROM booking b JOIN escrow e ON e.booking_id = b.id WHERE {NOTHING} AND b.updated_at < {{hour_ago}} \
         AND e.updated_at < {{hour_ago}} AND e.host_minor + e.platform_minor + e.tax_minor <> 0"
    );
    audit
        .check(Check {
            name: "booking_money",
            says: "What is kept of a booking and what went back of it is its price, and nothing is kept for nothing.",
            kind: Some(Kind::Booking),
            looks_at: "booking",
            faults: &faults,
        })
        .await
}

async fn penalties(audit: &mut Audit) -> Result<(), DbErr> {
    let faults = "SELECT * FROM (SELECT b.id, b.currency, 'the ledger has another penalty' AS note, \
         CASE WHEN b.state = 'CANCELLED_BY_HOST' THEN COALESCE(CAST(b.cancellation ->> 'host_penalty' AS BIGINT), 0) \
         ELSE 0 END AS wanted, CAST(COALESCE(posted.minor, 0) AS BIGINT) AS found FROM booking b \
         LEFT JOIN (SELECT t.object_id, sum(e.amount_minor) AS minor FROM ledger_transaction t \
         JOIN ledger_entry e ON e.transaction_id = t.id WHERE t.kind = 'PENALTY' AND e.debit = 'HOST_PAYABLE' \
         AND e.credit = 'PLATFORM_REVENUE' GROUP BY t.object_id) AS posted ON posted.object_id = b.id) \
         AS compared WHERE wanted <> found UNION ALL \
         SELECT t.object_id AS id, t.currency, 'a penalty for a booking that is not there' AS note, NULL AS wanted, \
         NULL AS found FROM ledger_transaction t LEFT JOIN booking b ON b.id = t.object_id \
         AND b.currency = t.currency WHERE t.kind = 'PENALTY' AND b.id IS NULL";
    audit
        .check(Check {
            name: "booking_penalties",
            says: "A host who cancels owes the penalty that was shown, and nobody else owes one.",
            kind: Some(Kind::Booking),
            looks_at: "booking",
            faults,
        })
        .await
}
