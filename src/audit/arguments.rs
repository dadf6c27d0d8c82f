//! The arguments of `roost audit`.

use clap::Args;

use super::report::Report;
use super::run::audit;
use crate::domain::error::Error;
use crate::platform::clock::Clock;
use crate::platform::database::Database;

/// Check that money, nights, bookings and reviews in the database are consistent
#[derive(Args, Clone, Debug)]
pub struct AuditArgs {
    /// Print JSON
    #[arg(long, conflicts_with = "prometheus")]
    json: bool,

    /// Print metrics in the text format of Prometheus
    #[arg(long)]
    prometheus: bool,

    /// Number of findings to print for each check
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
}

impl AuditArgs {
    /// The report in the requested format.
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
