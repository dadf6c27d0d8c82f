//! What must hold of money: the ledger, the escrow and the payouts say the same as charges and refunds, and the
//! sandbox processor's books say so too.

mod escrow;
mod ledger;
mod payouts;
mod provider;

use crate::domain::error::Error;
use crate::platform::audit::Audit;

/// Checks everything that is paid, held, given back and paid out.
pub async fn audit(audit: &mut Audit) -> Result<(), Error> {
    ledger::audit(audit).await?;
    escrow::audit(audit).await?;
    payouts::audit(audit).await?;
    provider::audit(audit).await?;
    Ok(())
}

/// What the ledger says of everything of a kind that happened, summed up once and joined: `posted.minor` for `object`.
/// Asked for each row apart, a database that knows nothing of its tables yet would read the ledger for each.
fn posted(kind: &str, object: &str, entries: &str) -> String {
    format!(
        "LEFT JOIN (SELECT t.object_id, sum(e.amount_minor) AS minor FROM ledger_transaction t \
         JOIN ledger_entry e ON e.transaction_id = t.id WHERE t.kind = '{kind}' AND {entries} GROUP BY t.object_id) \
         AS posted ON posted.object_id = {object}"
    )
}

/// The sum of [`posted`], nothing where there is none.
const POSTED: &str = "CAST(COALESCE(posted.minor, 0) AS BIGINT)";

/// A sum that is nothing where there are no rows, as an expression.
fn sum(select: &str) -> String {
    format!("CAST(COALESCE(({select}), 0) AS BIGINT)")
}

/// The rows of a SELECT whose `wanted` is not `found`.
fn differing(select: &str) -> String {
    format!("SELECT * FROM ({select}) AS compared WHERE wanted <> found")
}
