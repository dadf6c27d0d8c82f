//! What must hold of bookings: their nights, their money, their steps and their prices, and that none stands still.
//!
//! A step and what it brings to the processor are two commits: what changed less than an hour ago is on its way.

mod money;
mod nights;
mod prices;
mod steps;

use crate::domain::error::Error;
use crate::platform::audit::Audit;

/// Checks every booking.
pub async fn audit(audit: &mut Audit) -> Result<(), Error> {
    nights::audit(audit).await?;
    money::audit(audit).await?;
    steps::audit(audit).await?;
    prices::audit(audit).await?;
    let select = "SELECT state, count(*) AS value FROM booking GROUP BY state ORDER BY state";
    audit.figures("roost_bookings", "Bookings by state.", &["state"], select).await?;
    Ok(())
}
