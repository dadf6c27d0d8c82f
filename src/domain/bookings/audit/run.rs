//! Runs all checks of bookings.

use super::{money, nights, prices, transitions};
use crate::domain::error::Error;
use crate::platform::audit::Audit;

/// Checks every booking.
pub async fn audit(audit: &mut Audit) -> Result<(), Error> {
    nights::audit(audit).await?;
    money::audit(audit).await?;
    transitions::audit(audit).await?;
    prices::audit(audit).await?;
    let select = "SELECT state, count(*) AS value FROM booking GROUP BY state ORDER BY state";
    audit.add_figures("roost_bookings", "Bookings by state.", &["state"], select).await?;
    Ok(())
}
