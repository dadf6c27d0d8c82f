//! The auditor's door: has every wing check its own tables on one snapshot, and tells people, programs and metrics.
//!
//! **Invariant:** nothing is written, and a service that runs meanwhile neither waits nor makes faults appear.

mod report;

use clap::Args;

use crate::domain::error::Error;
use crate::domain::{bookings, listings, payments, reviews};
use crate::platform::audit::Audit;
use crate::platform::clock::Clock;
use crate::platform::database::Database;
use crate::platform::queue;

pub use report::Report;

/// Prove on live data that money, nights, bookings and reviews are right
#[derive(Args, Clone, Debug)]
pub struct AuditArgs {
    /// Print JSON
    #[arg(long, conflicts_with = "prometheus")]
    json: bool,

    /// Print metrics in the text format of Prometheus
    #[arg(long)]
    prometheus: bool,

    /// How many findings of each check to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
}

impl AuditArgs {
    /// The report in the form that was asked for.
    pub fn print(&self, report: &Report) -> String {
        match (self.json, self.prometheus) {
            (true, _) => report.json(),
            (_, true) => report.prometheus(),
            _ => report.text(),
        }
    }

    /// Audits the database.
    pub async fn run(&self, db: &Database, clock: &Clock) -> Result<Report, Error> {
        audit(db, clock, self.limit.into()).await
    }
}

/// Audits the database; of each check, the first `most` findings are kept.
pub async fn audit(db: &Database, clock: &Clock, most: usize) -> Result<Report, Error> {
    let at = clock.now();
    let mut audit = Audit::begin(db, clock, most).await?;
    payments::audit(&mut audit).await?;
    bookings::audit(&mut audit).await?;
    listings::audit(&mut audit).await?;
    reviews::audit(&mut audit).await?;
    queue::audit(&mut audit).await?;
    let (checks, figures) = audit.finish().await?;
    Ok(Report { at, checks, figures })
}
