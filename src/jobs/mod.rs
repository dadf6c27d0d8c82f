//! The door through which time comes in: takes due jobs from the queue and makes one call of the domain for each.

mod command;
pub mod worker;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use command::{CommandError, JobsArgs, command};
use worker::Duties;

use crate::domain::error::Error;
use crate::domain::{bookings, notifications, payments, reviews};
use crate::platform::queue::Job;
use crate::platform::{App, idempotency};

/// How often what is kept for a time only is removed.
const SWEEP: Duration = Duration::from_secs(600);

/// Runs due jobs until told to stop, and then finishes those it has begun.
pub async fn work(app: &App, stop: CancellationToken) {
    tokio::join!(worker::work(app, stop.clone(), Duties::of(boxed)), sweep_often(app, stop));
}

async fn sweep_often(app: &App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = sweep(app).await {
            tracing::error!(%error, "old rows cannot be removed");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

/// Removes what is kept for a time only, once its time is over. Answers how much it was.
pub async fn sweep(app: &App) -> Result<u64, Error> {
    Ok(idempotency::purge(&app.db, &app.clock).await? + notifications::purge(app).await?)
}

/// Runs every job that is due now, and those that follow from them. Answers how many ran.
pub async fn drain(app: &App) -> Result<usize, Error> {
    worker::drain(app, Duties::of(boxed)).await
}

fn boxed<'a>(app: &'a App, job: &'a Job) -> BoxFuture<'a, Result<(), Error>> {
    handle(app, job).boxed()
}

/// The handlers by name.
async fn handle(app: &App, job: &Job) -> Result<(), Error> {
    match job.kind.as_str() {
        bookings::ADVANCE => bookings::advance(app, about(job)?).await.map(|_| ()),
        payments::HANDLE_EVENT => payments::handle_event(app, about(job)?).await,
        payments::RECORD_FEE => payments::record_fee(app, about(job)?).await,
        payments::payouts::send::PAY_OUT => payments::payouts::send::pay_out(app, about(job)?).await,
        reviews::PUBLISH => reviews::publish_due(app, about(job)?).await,
        other => Err(Error::failed(format!("no handler for jobs of kind {other}"))),
    }
}

fn about(job: &Job) -> Result<Uuid, Error> {
    job.about().ok_or_else(|| Error::failed("the job does not say what it is about"))
}
