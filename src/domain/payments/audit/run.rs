//! Runs all checks of payments.

use super::{escrow, ledger, payouts, provider};
use crate::domain::error::Error;
use crate::platform::audit::Audit;

/// Checks the ledger, escrow, payouts and the sandbox processor's books.
pub async fn audit(audit: &mut Audit) -> Result<(), Error> {
    ledger::audit(audit).await?;
    escrow::audit(audit).await?;
    payouts::audit(audit).await?;
    provider::audit(audit).await?;
    Ok(())
}
