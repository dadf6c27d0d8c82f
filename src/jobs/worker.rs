//! The worker: runs several jobs at the same time, renews their leases and settles each job with the queue.
//!
//! **Invariant:** the worker leases only as many jobs as it can run at once, so a slow job delays no other leased job.
//! A heartbeat renews the lease of a job that runs longer. If the lease is lost nevertheless, the handler is stopped,
//! because another worker may run the job. No handler runs longer than 15 minutes.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::queue::{self, FailureOutcome, Job, LEASE};
use crate::platform::{App, fail_point};

/// The number of jobs that run at the same time.
pub const CONCURRENCY: usize = 4;
/// How often the queue is polled. Jobs that other processes write do not wake the worker.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often a lease is renewed. Two consecutive heartbeats may fail without losing it.
const HEARTBEAT: Duration = Duration::from_secs(LEASE.as_secs() / 3);
/// How long a handler may run. Without this limit, a handler that hangs would occupy its place forever.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The function that runs one job.
pub type Handler = for<'a> fn(&'a App, &'a Job) -> BoxFuture<'a, Result<(), Error>>;

/// The handler and the timing of a worker.
#[derive(Clone, Copy)]
pub struct WorkerOptions {
    /// The function that runs a job.
    pub handler: Handler,
    /// How often a lease is renewed.
    pub heartbeat: Duration,
    /// How long a handler may run.
    pub timeout: Duration,
}

impl WorkerOptions {
    /// Options with the default timing.
    pub fn new(handler: Handler) -> WorkerOptions {
        WorkerOptions { handler, heartbeat: HEARTBEAT, timeout: HANDLER_TIMEOUT }
    }
}

/// The running jobs of a worker.
struct Worker {
    app: App,
    options: WorkerOptions,
    running: JoinSet<()>,
}

/// Runs due jobs until `stop` is cancelled, and then finishes the running ones.
pub async fn work(app: &App, stop: CancellationToken, options: WorkerOptions) {
    tracing::debug!("the worker started");
    let mut worker = Worker::new(app, options);
    while !stop.is_cancelled() {
        if let Err(error) = worker.start_jobs(&stop).await {
            tracing::error!(%error, "the queue could not be read");
        }
        let (is_full, is_idle) = (worker.running.len() >= CONCURRENCY, worker.running.is_empty());
        tokio::select! {
            () = stop.cancelled() => {}
            _ = worker.running.join_next(), if !is_idle => {}
            () = app.queue.woken(), if !is_full => {}
            () = tokio::time::sleep(POLL_INTERVAL), if !is_full => {}
        }
        while worker.running.try_join_next().is_some() {}
    }
    while worker.running.join_next().await.is_some() {}
    tracing::debug!("the worker stopped");
}

/// Runs every job that is due now, and the due jobs that these write. Returns how many ran.
pub async fn drain(app: &App, options: WorkerOptions) -> Result<usize, Error> {
    let (mut worker, never) = (Worker::new(app, options), CancellationToken::new());
    let mut total = 0;
    loop {
        total += worker.start_jobs(&never).await?;
        if worker.running.join_next().await.is_none() {
            return Ok(total);
        }
    }
}

impl Worker {
    fn new(app: &App, options: WorkerOptions) -> Worker {
        Worker { app: app.clone(), options, running: JoinSet::new() }
    }

    /// Leases and starts as many jobs as there is room for. Returns how many.
    async fn start_jobs(&mut self, stop: &CancellationToken) -> Result<usize, Error> {
        let free = CONCURRENCY.saturating_sub(self.running.len());
        if free == 0 {
            return Ok(0);
        }
        let limit = u32::try_from(free).unwrap_or(1);
        let jobs = queue::lease(&self.app.db, &self.app.clock, limit).await?;
        let count = jobs.len();
        for job in jobs {
            if stop.is_cancelled() {
                queue::release(&self.app.db, &self.app.clock, &job).await?;
                continue;
            }
            let id = Id::new(Kind::Job, job.id);
            let span = tracing::info_span!("job", %id, kind = job.kind, attempt = job.attempts);
            let (app, options) = (self.app.clone(), self.options);
            // In a task of its own: a job that uses a database connection must make progress while others are leased.
            self.running.spawn(async move { run(&app, options, &job).await }.instrument(span));
        }
        Ok(count)
    }
}

/// Runs one job and settles it with the queue.
async fn run(app: &App, options: WorkerOptions, job: &Job) {
    fail_point::reach("job.running").await;
    let result = if job.attempts > job.max_attempts {
        Err(Error::failed("the process that ran the last attempt was lost"))
    } else {
        tokio::select! {
            result = run_handler(app, options, job) => result,
            () = lease_lost(app, job, options.heartbeat) => {
                tracing::warn!("the lease of a job was lost; another worker may be running the job");
                return;
            }
        }
    };
    fail_point::reach("job.settling").await;
    let settled = match &result {
        Ok(()) => queue::complete(&app.db, job)
            .await
            .map(|is_ours| if is_ours { None } else { Some(FailureOutcome::LeaseLost) }),
        Err(error) => queue::fail(&app.db, &app.clock, job, &error.to_string()).await.map(Some),
    };
    fail_point::reach("job.settled").await;
    let cause = result.err().map(|error| error.to_string()).unwrap_or_default();
    match settled {
        Ok(None) => {}
        Ok(Some(FailureOutcome::Retried)) => tracing::warn!(error = cause, "a job failed and will be retried"),
        Ok(Some(FailureOutcome::Dead)) => {
            tracing::error!(error = cause, "a job has used up its attempts and is dead; see `roost jobs list --dead`");
        }
        Ok(Some(FailureOutcome::LeaseLost)) => {
            tracing::warn!("a job finished after its lease had expired; another worker may have run it as well")
        }
        Err(error) => {
            tracing::error!(%error, "a job could not be settled; it runs another time after its lease has expired")
        }
    }
}

/// Runs the handler of a job. A panic and a timeout are failures of the job.
async fn run_handler(app: &App, options: WorkerOptions, job: &Job) -> Result<(), Error> {
    let handled = AssertUnwindSafe(async { (options.handler)(app, job).await }).catch_unwind();
    match tokio::time::timeout(options.timeout, handled).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(Error::failed(format!("the handler panicked: {}", panic_message(&*panic)))),
        Err(_) => Err(Error::failed(format!("the handler took longer than {} seconds", options.timeout.as_secs()))),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Renews the lease at every heartbeat. Returns when the lease is lost.
async fn lease_lost(app: &App, job: &Job, heartbeat: Duration) {
    loop {
        tokio::time::sleep(heartbeat).await;
        match queue::renew(&app.db, &app.clock, job).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "the lease of a job could not be renewed"),
        }
    }
}
