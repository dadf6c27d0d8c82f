//! The worker: keeps a few jobs running, renews their leases, and settles each with the queue.
//!
//! **Invariant:** no more jobs are leased than run, so a slow one holds up none but itself. A job that outlives its
//! lease keeps it by a heartbeat; if the lease is lost all the same, the handler is stopped, for another worker runs
//! the job. No handler runs longer than 15 minutes.

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
use crate::platform::queue::{self, Fate, Job, LEASE};
use crate::platform::{App, fail_point};

/// How many jobs run at the same time.
pub const AT_ONCE: usize = 4;
/// How long the worker sleeps at most: jobs of other processes do not wake it.
const NAP: Duration = Duration::from_secs(1);
/// How often a lease is renewed: two heartbeats may fail.
const HEARTBEAT: Duration = Duration::from_secs(LEASE.as_secs() / 3);
/// How long a handler may take; one that hangs would else keep its place for ever.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Runs one job.
pub type Handler = for<'a> fn(&'a App, &'a Job) -> BoxFuture<'a, Result<(), Error>>;

/// What a worker runs, and at which pace.
#[derive(Clone, Copy)]
pub struct Duties {
    /// What runs a job.
    pub handler: Handler,
    /// How often a lease is renewed.
    pub heartbeat: Duration,
    /// How long a handler may take.
    pub longest: Duration,
}

impl Duties {
    /// The usual pace.
    pub fn of(handler: Handler) -> Duties {
        Duties { handler, heartbeat: HEARTBEAT, longest: LONGEST }
    }
}

/// Jobs in flight.
struct Worker {
    app: App,
    duties: Duties,
    running: JoinSet<()>,
}

/// Runs due jobs until told to stop, and then finishes those it has begun.
pub async fn work(app: &App, stop: CancellationToken, duties: Duties) {
    tracing::debug!("the worker has started");
    let mut worker = Worker::new(app, duties);
    while !stop.is_cancelled() {
        if let Err(error) = worker.begin(&stop).await {
            tracing::error!(%error, "the queue cannot be read");
        }
        let (is_full, is_idle) = (worker.running.len() >= AT_ONCE, worker.running.is_empty());
        tokio::select! {
            () = stop.cancelled() => {}
            _ = worker.running.join_next(), if !is_idle => {}
            () = app.queue.woken(), if !is_full => {}
            () = tokio::time::sleep(NAP), if !is_full => {}
        }
        while worker.running.try_join_next().is_some() {}
    }
    while worker.running.join_next().await.is_some() {}
    tracing::debug!("the worker has stopped");
}

/// Runs every job that is due now, and those that follow from them. Answers how many ran.
pub async fn drain(app: &App, duties: Duties) -> Result<usize, Error> {
    let (mut worker, never) = (Worker::new(app, duties), CancellationToken::new());
    let mut total = 0;
    loop {
        total += worker.begin(&never).await?;
        if worker.running.join_next().await.is_none() {
            return Ok(total);
        }
    }
}

impl Worker {
    fn new(app: &App, duties: Duties) -> Worker {
        Worker { app: app.clone(), duties, running: JoinSet::new() }
    }

    /// Leases as many jobs as have room, and begins them. Answers how many.
    async fn begin(&mut self, stop: &CancellationToken) -> Result<usize, Error> {
        let room = AT_ONCE.saturating_sub(self.running.len());
        if room == 0 {
            return Ok(0);
        }
        let most = u32::try_from(room).unwrap_or(1);
        let jobs = queue::lease(&self.app.db, &self.app.clock, most).await?;
        let count = jobs.len();
        for job in jobs {
            if stop.is_cancelled() {
                queue::give_back(&self.app.db, &self.app.clock, &job).await?;
                continue;
            }
            let id = Id::new(Kind::Job, job.id);
            let span = tracing::info_span!("job", %id, kind = job.kind, attempt = job.attempts);
            let (app, duties) = (self.app.clone(), self.duties);
            // A task of its own: a job that holds a database connection must go on while others are leased.
            self.running.spawn(async move { run(&app, duties, &job).await }.instrument(span));
        }
        Ok(count)
    }
}

/// Runs one job, and settles it with the queue.
async fn run(app: &App, duties: Duties, job: &Job) {
    fail_point::reach("job.running").await;
    let ended = if job.attempts > job.max_attempts {
        Err(Error::failed("the process that ran the last try was lost"))
    } else {
        tokio::select! {
            ended = guarded(app, duties, job) => ended,
            () = lost(app, job, duties.heartbeat) => {
                tracing::warn!("the lease of a job was lost; another worker may run it");
                return;
            }
        }
    };
    fail_point::reach("job.settling").await;
    let settled = match &ended {
        Ok(()) => queue::done(&app.db, job).await.map(|is_ours| if is_ours { None } else { Some(Fate::NotOurs) }),
        Err(error) => queue::failed(&app.db, &app.clock, job, &error.to_string()).await.map(Some),
    };
    fail_point::reach("job.settled").await;
    let cause = ended.err().map(|error| error.to_string()).unwrap_or_default();
    match settled {
        Ok(None) => {}
        Ok(Some(Fate::Waits)) => tracing::warn!(error = cause, "a job failed and will be tried again"),
        Ok(Some(Fate::Dead)) => {
            tracing::error!(error = cause, "a job has used up its tries; see `roost jobs list --dead`");
        }
        Ok(Some(Fate::NotOurs)) => tracing::warn!("a job ended after its lease; another worker may have run it too"),
        Err(error) => tracing::error!(%error, "a job could not be settled; its lease will run out"),
    }
}

/// The handler, stopped when it takes too long, and failed when it panics.
async fn guarded(app: &App, duties: Duties, job: &Job) -> Result<(), Error> {
    let handled = AssertUnwindSafe(async { (duties.handler)(app, job).await }).catch_unwind();
    match tokio::time::timeout(duties.longest, handled).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => Err(Error::failed(format!("the handler panicked: {}", words(&*panic)))),
        Err(_) => Err(Error::failed(format!("the handler took longer than {} seconds", duties.longest.as_secs()))),
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied()).unwrap_or("no words")
}

/// Renews the lease again and again; returns once it is lost.
async fn lost(app: &App, job: &Job, heartbeat: Duration) {
    loop {
        tokio::time::sleep(heartbeat).await;
        match queue::renew(&app.db, &app.clock, job).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "the lease of a job could not be renewed"),
        }
    }
}
