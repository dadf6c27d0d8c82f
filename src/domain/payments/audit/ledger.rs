//! Checks that the ledger is consistent, and that it agrees with the charges, refunds and payouts that it records.

use sea_orm::DbErr;

use super::sql::{POSTED, differing, posted, sum};
use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

/// Both sides of every entry. Debits are positive.
const LEGS: &str = "SELECT t.kind, t.currency, t.host_id, e.debit AS account, e.amount_minor AS minor \
                    FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id UNION ALL \
                    SELECT t.kind, t.currency, t.host_id, e.credit AS account, -e.amount_minor AS minor \
                    FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id";

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    consistency(audit).await?;
    accounts(audit).await?;
    captures(audit).await?;
    refunds(audit).await?;
    payouts(audit).await?;
    let balances = format!(
        "SELECT account, currency, CAST(sum(minor) AS BIGINT) AS value FROM ({LEGS}) AS legs \
         GROUP BY account, currency ORDER BY account, currency"
    );
    let description = "Balance of each account of the ledger in minor units. Debits are positive.";
    audit.add_figures("roost_ledger_account_minor", description, &["account", "currency"], &balances).await
}

async fn consistency(audit: &mut Audit) -> Result<(), DbErr> {
    audit
        .check(Check {
            name: "ledger_entries",
            description: "Every transaction of the ledger has entries, and every entry has a transaction.",
            kind: Some(Kind::LedgerTransaction),
            rows: "ledger_entry",
            violations: "SELECT t.id, t.booking_id, t.kind || ' without entries' AS note FROM ledger_transaction t \
                     WHERE NOT EXISTS (SELECT 1 FROM ledger_entry e WHERE e.transaction_id = t.id) UNION ALL \
                     SELECT e.transaction_id AS id, NULL AS booking_id, 'an entry without a transaction' AS note \
                     FROM ledger_entry e LEFT JOIN ledger_transaction t ON t.id = e.transaction_id WHERE t.id IS NULL",
        })
        .await?;
    let violations = format!(
        "SELECT currency AS name, 'debits and credits differ' AS note, currency, CAST(0 AS BIGINT) AS wanted, \
         CAST(sum(minor) AS BIGINT) AS found FROM ({LEGS}) AS legs GROUP BY currency HAVING sum(minor) <> 0"
    );
    audit
        .check(Check {
            name: "ledger_balance",
            description: "Debits and credits are equal in every currency.",
            kind: None,
            rows: "ledger_entry",
            violations: &violations,
        })
        .await
}

/// Computes the balance of every account from other tables and compares it with the ledger. Penalties are in no other
/// table, so the ledger is used for both. Disputes and the processor's fees are left out.
async fn accounts(audit: &mut Audit) -> Result<(), DbErr> {
    let penalties = "FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id WHERE t.kind = 'PENALTY'";
    let wanted = format!(
        "SELECT 'PSP_CLEARING' AS account, currency, captured_minor AS minor FROM payment UNION ALL \
         SELECT 'PSP_CLEARING', p.currency, -r.amount_minor FROM refund r JOIN payment p ON p.id = r.payment_id \
         UNION ALL SELECT 'PSP_CLEARING', currency, -sent_minor FROM payout WHERE state = 'PAID' UNION ALL \
         SELECT 'GUEST_ESCROW', currency, host_released_minor + platform_released_minor + tax_released_minor \
         - host_minor - platform_minor - tax_minor FROM escrow UNION ALL \
         SELECT 'HOST_PAYABLE', currency, -host_released_minor FROM escrow UNION ALL \
         SELECT 'HOST_PAYABLE', currency, sent_minor FROM payout WHERE state = 'PAID' UNION ALL \
         SELECT 'HOST_PAYABLE', t.currency, e.amount_minor {penalties} UNION ALL \
         SELECT 'PLATFORM_REVENUE', t.currency, -e.amount_minor {penalties} UNION ALL \
         SELECT 'PLATFORM_REVENUE', currency, -platform_released_minor FROM escrow UNION ALL \
         SELECT 'TAX_PAYABLE', currency, -tax_released_minor FROM escrow"
    );
    let violations = format!(
        "SELECT account || ' ' || currency AS name, 'the balance is not what the other tables sum to' AS note, \
         currency, CAST(COALESCE(sum(wanted), 0) AS BIGINT) AS wanted, CAST(sum(found) AS BIGINT) AS found FROM \
         (SELECT account, currency, minor AS wanted, 0 AS found FROM ({wanted}) AS expected UNION ALL \
         SELECT account, currency, 0 AS wanted, minor AS found FROM ({LEGS}) AS legs \
         WHERE kind IN ('CAPTURE', 'RELEASE', 'REFUND', 'PAYOUT', 'PENALTY')) AS compared \
         GROUP BY account, currency HAVING COALESCE(sum(wanted), 0) <> sum(found)"
    );
    audit
        .check(Check {
            name: "ledger_accounts",
            description: "The balance of every account is what charges, refunds, escrow, payouts and penalties sum to.",
            kind: None,
            rows: "ledger_entry",
            violations: &violations,
        })
        .await?;
    let violations = format!(
        "SELECT host_id AS id, currency, 'the balance of the host is not what was released, less what was sent \
         and penalties' AS note, CAST(COALESCE(sum(wanted), 0) AS BIGINT) AS wanted, CAST(sum(found) AS BIGINT) \
         AS found FROM (SELECT host_id, currency, host_released_minor AS wanted, 0 AS found FROM escrow UNION ALL \
         SELECT host_id, currency, -sent_minor, 0 FROM payout WHERE state = 'PAID' UNION ALL \
         SELECT t.host_id, t.currency, -e.amount_minor, 0 {penalties} UNION ALL \
         SELECT host_id, currency, 0, -minor FROM ({LEGS}) AS legs WHERE account = 'HOST_PAYABLE' \
         AND kind IN ('CAPTURE', 'RELEASE', 'REFUND', 'PAYOUT', 'PENALTY')) AS compared \
         GROUP BY host_id, currency HAVING COALESCE(sum(wanted), 0) <> sum(found)"
    );
    audit
        .check(Check {
            name: "host_balances",
            description: "Every host is owed what was released to them, less what was sent and their penalties.",
            kind: Some(Kind::User),
            rows: "escrow",
            violations: &violations,
        })
        .await
}

async fn captures(audit: &mut Audit) -> Result<(), DbErr> {
    let posted = posted("CAPTURE", "p.id", "e.debit = 'PSP_CLEARING' AND e.credit = 'GUEST_ESCROW'");
    let compared = differing(&format!(
        "SELECT p.id, p.booking_id, p.currency, 'the ledger has a different amount' AS note, p.captured_minor AS \
         wanted, {POSTED} AS found FROM payment p {posted}"
    ));
    let violations = format!(
        "{compared} UNION ALL SELECT p.id, p.booking_id, p.currency, 'captured while ' || p.state AS note, \
         CASE p.state WHEN 'SUCCEEDED' THEN p.amount_minor ELSE 0 END AS wanted, p.captured_minor AS found \
         FROM payment p WHERE p.captured_minor <> CASE p.state WHEN 'SUCCEEDED' THEN p.amount_minor ELSE 0 END \
         UNION ALL SELECT t.object_id AS id, t.booking_id, t.currency, 'the ledger has a capture of an unknown \
         payment' AS note, NULL AS wanted, NULL AS found FROM ledger_transaction t LEFT JOIN payment p ON p.id = \
         t.object_id AND p.booking_id = t.booking_id AND p.currency = t.currency WHERE t.kind = 'CAPTURE' \
         AND p.id IS NULL"
    );
    audit
        .check(Check {
            name: "ledger_captures",
            description: "Every capture is in the ledger once, for the whole amount of its payment.",
            kind: Some(Kind::Payment),
            rows: "payment",
            violations: &violations,
        })
        .await
}

async fn refunds(audit: &mut Audit) -> Result<(), DbErr> {
    let refunds = sum("SELECT sum(r.amount_minor) FROM refund r WHERE r.transaction_id = t.id");
    let returned = sum("SELECT sum(e.amount_minor) FROM ledger_entry e WHERE e.transaction_id = t.id \
                        AND e.credit = 'PSP_CLEARING'");
    let compared = differing(&format!(
        "SELECT t.id, t.booking_id, t.currency, 'the refunds do not sum to the amount of the transaction' AS note, \
         {returned} AS wanted, {refunds} AS found FROM ledger_transaction t WHERE t.kind = 'REFUND'"
    ));
    audit
        .check(Check {
            name: "ledger_refunds",
            description: "The amount of every refund transaction is the sum of its refunds.",
            kind: Some(Kind::LedgerTransaction),
            rows: "ledger_transaction WHERE kind = 'REFUND'",
            violations: &compared,
        })
        .await?;
    audit
        .check(Check {
            name: "refunds_recorded",
            description: "Every refund is in the ledger, with the booking and the currency of its payment.",
            kind: Some(Kind::Refund),
            rows: "refund",
            violations: "SELECT r.id, p.booking_id, 'the ledger has no transaction for the refund' AS note FROM \
                     refund r LEFT JOIN payment p ON p.id = r.payment_id LEFT JOIN ledger_transaction t \
                     ON t.id = r.transaction_id AND t.kind = 'REFUND' AND t.booking_id = p.booking_id \
                     AND t.currency = p.currency WHERE t.id IS NULL",
        })
        .await
}

async fn payouts(audit: &mut Audit) -> Result<(), DbErr> {
    for (name, description, kind, entries, minor, note) in [
        (
            "ledger_releases",
            "Every released payout left the escrow once, for its whole amount.",
            "RELEASE",
            "e.debit = 'GUEST_ESCROW' AND e.credit = 'HOST_PAYABLE'",
            "CASE WHEN p.released_at IS NULL THEN 0 ELSE p.amount_minor END",
            "the ledger released a different amount",
        ),
        (
            "ledger_payouts",
            "Every payout that was sent is in the ledger once, for what was sent.",
            "PAYOUT",
            "e.debit = 'HOST_PAYABLE' AND e.credit = 'PSP_CLEARING'",
            "CASE WHEN p.state = 'PAID' THEN COALESCE(p.sent_minor, 0) ELSE 0 END",
            "the ledger sent a different amount",
        ),
    ] {
        let posted = posted(kind, "p.id", entries);
        let compared = differing(&format!(
            "SELECT p.id, p.booking_id, p.currency, '{note}' AS note, {minor} AS wanted, {POSTED} AS found \
             FROM payout p {posted}"
        ));
        let violations = format!(
            "{compared} UNION ALL SELECT t.object_id AS id, t.booking_id, t.currency, 'the ledger has a ' || t.kind || \
             ' of an unknown payout' AS note, NULL AS wanted, NULL AS found FROM ledger_transaction t LEFT JOIN \
             payout p ON p.id = t.object_id AND p.host_id = t.host_id AND p.currency = t.currency \
             WHERE t.kind = '{kind}' AND p.id IS NULL"
        );
        let kind = Some(Kind::Payout);
        audit.check(Check { name, description, kind, rows: "payout", violations: &violations }).await?;
    }
    Ok(())
}
