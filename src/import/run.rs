//! One import from start to end: open the snapshot, read it on a thread of its own, store batch by batch, report.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use tokio::sync::mpsc;

use super::arguments::ImportArgs;
use super::findings::{Findings, Outcome, Problem};
use super::inside_airbnb::{Batch, OpenError, Overrides, Snapshot, SourceError};
use super::progress::{Bar, Progress};
use super::report::Report;
use crate::domain::error::Error;
use crate::domain::{listings, reviews};
use crate::platform::App;

/// The name under which rows of this family of data sets are known; keys are unique across its cities.
const SOURCE: &str = "inside-airbnb";
/// Batches that may wait to be stored. Reading stops there, which bounds memory.
const WAITING: usize = 2;
const TICK: Duration = Duration::from_millis(100);

/// What to import, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder with the files.
    pub folder: PathBuf,
    /// What is known better than by the files.
    pub overrides: Overrides,
    /// Where the calendar shall begin.
    pub shift_calendar_to: Option<NaiveDate>,
    /// Where to write every finding, row by row.
    pub report: Option<PathBuf>,
}

/// Why an import ended without its report.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The files do not fit or nobody knows where they are from; nothing was written.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file for findings cannot be made; nothing was written.
    #[error("{0} cannot be written: {1}")]
    Report(String, #[source] csv::Error),
    /// An earlier import of the place had another currency; nothing was written.
    #[error(
        "earlier imports of {city} have prices in {earlier}, this one in {now}; \
         say --currency {earlier}, or another --city"
    )]
    OtherCurrency {
        /// The place.
        city: String,
        /// The currency of the listings that are there.
        earlier: String,
        /// The currency of this import.
        now: &'static str,
    },
    /// A file turned out damaged.
    #[error("{0}; what was read before is stored, and importing the whole file again will mend the rest")]
    Damaged(#[source] SourceError),
    /// The database refused.
    #[error("{0}; the batches before are stored, and importing again will mend the rest")]
    Failed(#[source] Error),
}

/// Runs the command: with a progress bar when somebody watches.
pub async fn command(app: &App, args: ImportArgs) -> Result<Report, ImportError> {
    run(app, args.into(), Bar::default()).await
}

/// Imports a snapshot.
pub async fn run(app: &App, options: Options, mut progress: impl Progress) -> Result<Report, ImportError> {
    let started = Instant::now();
    let taken = Arc::new(AtomicU64::new(0));
    let (snapshot, findings) = open(options, taken.clone()).await?;
    check_currency(app, &snapshot).await?;
    progress.begin(&snapshot.here.city, snapshot.bytes);

    let mut report = Report { taken_on: snapshot.taken_on, ..Report::of(&snapshot.here) };
    let (sender, mut batches) = mpsc::channel(WAITING);
    let reading = {
        let snapshot = snapshot.clone();
        tokio::task::spawn_blocking(move || snapshot.read(|batch| sender.blocking_send(batch).is_ok()))
    };
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            batch = batches.recv() => match batch {
                Some(batch) => store(app, &snapshot, &findings, batch, &mut report).await.map_err(ImportError::Failed)?,
                None => break,
            },
            _ = tick.tick() => progress.at(taken.load(Ordering::Relaxed)),
        }
    }
    progress.end();
    report.counts =
        reading.await.map_err(|error| ImportError::Failed(Error::failed(error)))?.map_err(ImportError::Damaged)?;
    let present: HashSet<String> = report.counts.taken.iter().map(ToString::to_string).collect();
    let gone = listings::import::gone(app, SOURCE, &snapshot.here.city, &present).await;
    report.gone = gone.map_err(ImportError::Failed)?;
    (report.groups, report.findings_lost) = findings.finish();
    report.took = started.elapsed();
    Ok(report)
}

/// Everything that can fail before the first write.
async fn open(options: Options, taken: Arc<AtomicU64>) -> Result<(Snapshot, Findings), ImportError> {
    let opening = tokio::task::spawn_blocking(move || {
        let findings = match &options.report {
            None => Findings::counted(),
            Some(path) => {
                Findings::written_to(path).map_err(|error| ImportError::Report(path.display().to_string(), error))?
            }
        };
        let Options { folder, overrides, shift_calendar_to, .. } = options;
        let snapshot = Snapshot::open(&folder, &overrides, shift_calendar_to, &findings, &taken)?;
        Ok((snapshot, findings))
    });
    opening.await.map_err(|error| ImportError::Failed(Error::failed(error)))?
}

/// Amounts of the same listings in two currencies would be compared as if they were one.
async fn check_currency(app: &App, snapshot: &Snapshot) -> Result<(), ImportError> {
    let city = &snapshot.here.city;
    let now = snapshot.here.currency.code();
    let earlier = listings::import::currencies(app, SOURCE, city).await.map_err(ImportError::Failed)?;
    match earlier.into_iter().find(|earlier| earlier != now) {
        Some(earlier) => Err(ImportError::OtherCurrency { city: city.clone(), earlier, now }),
        None => Ok(()),
    }
}

async fn store(
    app: &App,
    snapshot: &Snapshot,
    findings: &Findings,
    batch: Batch,
    report: &mut Report,
) -> Result<(), Error> {
    match batch {
        Batch::Listings(batch) => {
            let (hosts, places): (Vec<_>, Vec<_>) = batch.iter().map(|both| (&both.host, &both.listing)).unzip();
            let stored = listings::import::store(app, SOURCE, &hosts, &places).await?;
            for key in &stored.deleted {
                let problem = Problem::new("id", "was deleted here, which it stays", "");
                findings.add(Outcome::Skipped, snapshot.listings_file(), None, key, &problem);
            }
            for (key, nights) in &stored.nights.booked {
                let problem =
                    Problem::new("date", "is a night that a booking here has: not blocked", &nights.to_string());
                findings.add_times(Outcome::Skipped, snapshot.calendar_file(), None, key, &problem, *nights);
            }
            report.add_listings(&stored);
        }
        Batch::Reviews(batch) => {
            let (authors, opinions): (Vec<_>, Vec<_>) = batch.iter().map(|both| (&both.author, &both.review)).unzip();
            let stored = reviews::import::store(app, SOURCE, &authors, &opinions).await?;
            let reason = "stands in the file a second time, or its listing could not be stored";
            findings.add_many(Outcome::Skipped, snapshot.reviews_file(), "id", reason, stored.skipped);
            report.add_reviews(&stored);
        }
    }
    Ok(())
}
