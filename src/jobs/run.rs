//! Runs the worker with the handlers of every kind of job, and purges expired rows beside it.

use tokio_util::sync::CancellationToken;

use super::handlers::handle;
use super::purge::purge_regularly;
use super::worker::{self, WorkerOptions};
use crate::domain::error::Error;
use crate::platform::App;

/// Runs due jobs until `stop` is cancelled, and then finishes the running ones.
pub async fn work(app: &App, stop: CancellationToken) {
    tokio::join!(worker::work(app, stop.clone(), WorkerOptions::new(handle)), purge_regularly(app, stop));
}

/// Runs every job that is due now, and the due jobs that these write. Returns how many ran.
pub async fn drain(app: &App) -> Result<usize, Error> {
    worker::drain(app, WorkerOptions::new(handle)).await
}
