//! The door through which time comes in: takes due jobs from the queue and makes one call of the domain for each.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::{bookings, payments, reviews};
use crate::platform::queue::{self, Job};
use crate::platform::{App, idempotency};

/// How many jobs of one batch run at the same time.
const AT_ONCE: usize = 4;
/// How many jobs are leased at a time.
const BATCH: u32 = 16;
/// How long the worker sleeps at most: jobs of other processes do not wake it.
const NAP: Duration = Duration::from_secs(1);
/// How often the worker removes what is kept for a time only.
const SWEEP: TimeDelta = TimeDelta::minutes(10);

/// Runs due jobs until told to stop, and then finishes those it has begun.
pub async fn work(app: &App, stop: CancellationToken) {
    tracing::debug!("the worker has started");
    let mut next_sweep = app.clock.now();
    while !stop.is_cancelled() {
        if app.clock.now() >= next_sweep {
            next_sweep = app.clock.now() + SWEEP;
            if let Err(error) = sweep(app).await {
                tracing::error!(%error, "old rows cannot be removed");
            }
        }
        match run_batch(app).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::error!(%error, "the queue cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.queue.woken() => {}
            () = tokio::time::sleep(NAP) => {}
        }
    }
    tracing::debug!("the worker has stopped");
}

/// Removes what is kept for a time only, once its time is over. Answers how much it was.
pub async fn sweep(app: &App) -> Result<u64, Error> {
    Ok(idempotency::purge(&app.db, &app.clock).await?)
}

/// Runs every job that is due now, and those that follow from them. Answers how many ran.
pub async fn drain(app: &App) -> Result<usize, Error> {
    let mut total = 0;
    loop {
        match run_batch(app).await? {
            0 => return Ok(total),
            ran => total += ran,
        }
    }
}

async fn run_batch(app: &App) -> Result<usize, Error> {
    let jobs = queue::lease(&app.db, &app.clock, BATCH).await?;
    let count = jobs.len();
    stream::iter(jobs).for_each_concurrent(AT_ONCE, |job| run(app, job)).await;
    Ok(count)
}

/// Runs one job, and settles it with the queue.
async fn run(app: &App, job: Job) {
    let done = handle(app, &job).await;
    let settled = match &done {
        Ok(()) => queue::done(&app.db, &job).await,
        Err(error) => {
            tracing::warn!(job.id = %job.id, job.kind, attempt = job.attempts, %error, "a job failed");
            queue::failed(&app.db, &app.clock, &job, &error.to_string()).await
        }
    };
    if let Err(error) = settled {
        tracing::error!(job.id = %job.id, %error, "a job could not be settled; its lease will run out");
    }
}

/// The handlers by name.
async fn handle(app: &App, job: &Job) -> Result<(), Error> {
    match job.kind.as_str() {
        bookings::ADVANCE => bookings::advance(app, about(job)?).await.map(|_| ()),
        payments::payout::PAY_OUT => payments::payout::pay_out(app, about(job)?).await,
        reviews::PUBLISH => reviews::publish_due(app, about(job)?).await,
        other => Err(Error::failed(format!("no handler for jobs of kind {other}"))),
    }
}

fn about(job: &Job) -> Result<Uuid, Error> {
    job.about().ok_or_else(|| Error::failed("the job does not say what it is about"))
}
