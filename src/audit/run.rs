//! Runs the checks of every wing.

use super::report::Report;
use crate::domain::error::Error;
use crate::domain::{bookings, listings, payments, reviews};
use crate::platform::audit::Audit;
use crate::platform::clock::Clock;
use crate::platform::database::Database;
use crate::platform::queue;

/// Audits the database. The report contains the first `limit` findings of each check.
pub async fn audit(db: &Database, clock: &Clock, limit: usize) -> Result<Report, Error> {
    let at = clock.now();
    let mut audit = Audit::begin(db, clock, limit).await?;
    payments::audit(&mut audit).await?;
    bookings::audit(&mut audit).await?;
    listings::audit(&mut audit).await?;
    reviews::audit(&mut audit).await?;
    queue::audit(&mut audit).await?;
    let (checks, figures) = audit.finish().await?;
    Ok(Report { at, checks, figures })
}
