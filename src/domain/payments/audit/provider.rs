//! Checks our records against those of the sandbox processor.

use sea_orm::DbErr;

use super::sql::sum;
use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    charges(audit).await?;
    refunds(audit).await?;
    transfers(audit).await
}

/// A payment that is still being processed may be captured at the processor already. The check `payments_stuck` finds
/// those that stay in that state.
async fn charges(audit: &mut Audit) -> Result<(), DbErr> {
    audit
        .check(Check {
            name: "sandbox_charges",
            description: "The processor captured what payments say and voided those that failed or were cancelled.",
            kind: Some(Kind::Payment),
            rows: "payment WHERE provider = 'sandbox'",
            violations: "SELECT p.id, p.booking_id, p.currency, 'the processor says ' || COALESCE(i.state, 'nothing') \
                     AS note, p.captured_minor AS wanted, COALESCE(i.captured_minor, 0) AS found FROM payment p \
                     LEFT JOIN sandbox_intent i ON i.reference = p.provider_reference WHERE p.provider = 'sandbox' \
                     AND p.state IN ('SUCCEEDED', 'CANCELLED', 'FAILED') \
                     AND (COALESCE(i.captured_minor, 0) <> p.captured_minor OR i.currency <> p.currency \
                     OR (p.state <> 'SUCCEEDED' AND i.state IN ('REQUIRES_CAPTURE', 'REQUIRES_ACTION')))",
        })
        .await?;
    audit
        .check(Check {
            name: "sandbox_intents",
            description: "The processor captured nothing without a payment of ours.",
            kind: None,
            rows: "sandbox_intent",
            violations: "SELECT i.idempotency_key AS name, i.currency, 'captured without a payment' AS note, \
                     CAST(0 AS BIGINT) AS wanted, i.captured_minor AS found FROM sandbox_intent i LEFT JOIN payment p \
                     ON p.provider = 'sandbox' AND p.provider_reference = i.reference \
                     WHERE i.captured_minor > 0 AND p.id IS NULL AND i.created_at < {hour_ago}",
        })
        .await
}

async fn refunds(audit: &mut Audit) -> Result<(), DbErr> {
    let sum_of_refunds = |state: &str| {
        sum(&format!("SELECT sum(r.amount_minor) FROM refund r WHERE r.payment_id = p.id AND r.state = '{state}'"))
    };
    let violations = format!(
        "SELECT id, booking_id, currency, 'the processor refunded a different amount' AS note, sent AS wanted, \
         returned_minor AS found FROM (SELECT p.id, p.booking_id, p.currency, i.refunded_minor AS returned_minor, {} \
         AS sent, {} AS unsent FROM payment p JOIN sandbox_intent i ON i.reference = p.provider_reference \
         WHERE p.provider = 'sandbox') AS compared \
         WHERE returned_minor < sent OR returned_minor > sent + unsent",
        sum_of_refunds("SUCCEEDED"),
        sum_of_refunds("PENDING"),
    );
    audit
        .check(Check {
            name: "sandbox_refunds",
            description: "The processor refunded what our refunds say.",
            kind: Some(Kind::Payment),
            rows: "payment WHERE provider = 'sandbox'",
            violations: &violations,
        })
        .await
}

async fn transfers(audit: &mut Audit) -> Result<(), DbErr> {
    audit
        .check(Check {
            name: "sandbox_payouts",
            description: "The processor sent what our payouts say.",
            kind: Some(Kind::Payout),
            rows: "payout WHERE provider = 'sandbox' AND state = 'PAID'",
            violations: "SELECT p.id, p.booking_id, p.currency, 'the processor sent a different amount' AS note, \
                     p.sent_minor AS wanted, COALESCE(t.amount_minor, 0) AS found FROM payout p LEFT JOIN \
                     sandbox_transfer t ON t.idempotency_key = substr(p.provider_reference, 5) \
                     AND t.currency = p.currency WHERE p.provider = 'sandbox' AND p.state = 'PAID' \
                     AND p.sent_minor <> COALESCE(t.amount_minor, 0)",
        })
        .await?;
    audit
        .check(Check {
            name: "sandbox_transfers",
            description: "The processor sent nothing without a payout of ours.",
            kind: None,
            rows: "sandbox_transfer",
            violations: "SELECT t.idempotency_key AS name, t.currency, 'sent without a payout' AS note, \
                     CAST(0 AS BIGINT) AS wanted, t.amount_minor AS found FROM sandbox_transfer t LEFT JOIN payout p \
                     ON p.provider_reference = 'sbt_' || t.idempotency_key \
                     WHERE p.id IS NULL AND t.created_at < {hour_ago}",
        })
        .await
}
