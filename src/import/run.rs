//! Runs an import: opens the snapshot, reads it on a thread of its own, stores it batch by batch, and reports.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::arguments::ImportArgs;
use super::findings::{Findings, Outcome, Problem};
use super::inside_airbnb::{Batch, OpenError, Snapshot, SourceError};
use super::options::Options;
use super::progress::{Bar, Progress};
use super::report::Report;
use crate::domain::error::Error;
use crate::domain::{listings, reviews};
use crate::platform::App;

/// The source of the stored rows. Keys are unique across all cities of this source.
const SOURCE: &str = "inside-airbnb";
/// Number of batches that can wait to be stored. Reading pauses at this number, which bounds memory.
const WAITING_BATCHES: usize = 2;
/// Time between two updates of the progress.
const TICK: Duration = Duration::from_millis(100);

/// Why an import failed. The messages contain their causes, so these are not sources.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The files are not valid or their place is not known. Nothing was written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file for findings cannot be created. Nothing was written.
    #[error("{0} cannot be written: {1}")]
    Report(String, csv::Error),
    /// An earlier import of the place had another currency. Nothing was written.
    #[error(
        "earlier imports of {city} have prices in {earlier}, this one in {now}; \
         use --currency {earlier}, or another --city"
    )]
    OtherCurrency {
        /// City or region of the import.
        city: String,
        /// Currency of the listings from earlier imports.
        earlier: String,
        /// Currency of this import.
        now: &'static str,
    },
    /// A file is damaged.
    #[error("{0}; everything before is stored, and importing the complete file will store the rest")]
    Damaged(SourceError),
    /// A batch could not be stored.
    #[error("{0}; the batches before are stored, and repeating the import will store the rest")]
    Failed(Error),
}

/// Runs the command, with a progress bar if standard error is a terminal.
pub async fn command(app: &App, args: ImportArgs) -> Result<Report, ImportError> {
    run(app, args.into(), Bar::default()).await
}

/// Imports a snapshot.
pub async fn run(app: &App, options: Options, mut progress: impl Progress) -> Result<Report, ImportError> {
    let started = Instant::now();
    let bytes_read = Arc::new(AtomicU64::new(0));
    let (snapshot, findings) = open_snapshot(options, bytes_read.clone()).await?;
    check_currency(app, &snapshot).await?;
    progress.begin(&snapshot.here.city, snapshot.bytes);

    let mut report = Report { taken_on: snapshot.taken_on, ..Report::new(&snapshot.here) };
    let (sender, mut batches) = mpsc::channel(WAITING_BATCHES);
    let reading = {
        let snapshot = snapshot.clone();
        tokio::task::spawn_blocking(move || snapshot.read(|batch| sender.blocking_send(batch).is_ok()))
    };
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            batch = batches.recv() => match batch {
                Some(batch) => {
                    let stored = store_batch(app, &snapshot, &findings, batch, &mut report).await;
                    stored.map_err(ImportError::Failed)?;
                }
                None => break,
            },
            _ = tick.tick() => progress.at(bytes_read.load(Ordering::Relaxed)),
        }
    }
    progress.end();
    report.counts =
        reading.await.map_err(|error| ImportError::Failed(Error::failed(error)))?.map_err(ImportError::Damaged)?;
    let present: HashSet<String> = report.counts.accepted_listings.iter().map(ToString::to_string).collect();
    let absent = listings::import::count_absent_listings(app, SOURCE, &snapshot.here.city, &present).await;
    report.absent = absent.map_err(ImportError::Failed)?;
    (report.groups, report.findings_lost) = findings.finish();
    report.took = started.elapsed();
    Ok(report)
}

/// Opens the findings and the snapshot: everything that can fail before the first write.
async fn open_snapshot(options: Options, bytes_read: Arc<AtomicU64>) -> Result<(Snapshot, Findings), ImportError> {
    let opening = tokio::task::spawn_blocking(move || {
        let findings = match &options.report {
            None => Findings::count_only(),
            Some(path) => {
                Findings::write_to(path).map_err(|error| ImportError::Report(path.display().to_string(), error))?
            }
        };
        let Options { folder, overrides, shift_calendar_to, .. } = options;
        let snapshot = Snapshot::open(&folder, &overrides, shift_calendar_to, &findings, &bytes_read)?;
        Ok((snapshot, findings))
    });
    opening.await.map_err(|error| ImportError::Failed(Error::failed(error)))?
}

/// Refuses a second currency for the listings of one city: their amounts would be compared as if they were in one.
async fn check_currency(app: &App, snapshot: &Snapshot) -> Result<(), ImportError> {
    let city = &snapshot.here.city;
    let now = snapshot.here.currency.code();
    let earlier = listings::import::imported_currencies(app, SOURCE, city).await.map_err(ImportError::Failed)?;
    match earlier.into_iter().find(|earlier| earlier != now) {
        Some(earlier) => Err(ImportError::OtherCurrency { city: city.clone(), earlier, now }),
        None => Ok(()),
    }
}

async fn store_batch(
    app: &App,
    snapshot: &Snapshot,
    findings: &Findings,
    batch: Batch,
    report: &mut Report,
) -> Result<(), Error> {
    match batch {
        Batch::Listings(batch) => {
            let (hosts, imported): (Vec<_>, Vec<_>) = batch.iter().map(|pair| (&pair.host, &pair.listing)).unzip();
            let stored = listings::import::store_listings(app, SOURCE, &hosts, &imported).await?;
            for key in &stored.deleted {
                let problem = Problem::new("id", "was deleted here and remains deleted", "");
                findings.add(Outcome::Skipped, snapshot.listings_file(), None, key, &problem);
            }
            for (key, nights) in &stored.nights.booked {
                let problem =
                    Problem::new("date", "is claimed by a booking here and was not blocked", &nights.to_string());
                findings.add_times(Outcome::Skipped, snapshot.calendar_file(), None, key, &problem, *nights);
            }
            report.add_listings(&stored);
        }
        Batch::Reviews(batch) => {
            let (authors, imported): (Vec<_>, Vec<_>) = batch.iter().map(|pair| (&pair.author, &pair.review)).unzip();
            let stored = reviews::import::store(app, SOURCE, &authors, &imported).await?;
            let reason = "is a duplicate in the file, or its listing could not be stored";
            findings.add_many(Outcome::Skipped, snapshot.reviews_file(), "id", reason, stored.skipped);
            report.add_reviews(&stored);
        }
    }
    Ok(())
}
