//! The worker: long jobs, lost leases, concurrent jobs, several workers, and a stop that finishes the running jobs.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use roost::domain::error::Error;
use roost::jobs::worker::{self, CONCURRENCY, WorkerOptions};
use roost::platform::App;
use roost::platform::queue::{self, NewJob};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::TestApp;
use crate::waiting::wait_until;

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(3_600);

/// A point at which jobs wait until the test releases them.
struct Gate {
    reached: Semaphore,
    open: Semaphore,
}

impl Gate {
    const fn new() -> Gate {
        Gate { reached: Semaphore::const_new(0), open: Semaphore::const_new(0) }
    }

    async fn pass(&self) -> Result<(), Error> {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        Ok(())
    }

    async fn wait_until_reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }
}

async fn enqueue(app: &TestApp, kind: &str) {
    let job = NewJob { kind, payload: Value::Null, run_at: app.clock.now() };
    queue::enqueue(app.db.write(), &app.clock, job).await.unwrap();
}

fn start_worker(app: &App, options: WorkerOptions) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let (app, stopping) = (app.clone(), stop.clone());
    (stop, tokio::spawn(async move { worker::work(&app, stopping, options).await }))
}

async fn wait_for_row(app: &TestApp, from: &str) {
    wait_until(&format!("there is a row in {from}"), async || app.count(from, []).await > 0).await;
}

#[tokio::test]
async fn a_long_job_keeps_its_lease_while_it_runs() {
    static GATE: Gate = Gate::new();
    let app = TestApp::new().await;
    enqueue(&app, "long").await;
    let options = WorkerOptions { heartbeat: SHORT, ..WorkerOptions::new(|_, _| GATE.pass().boxed()) };
    let (stop, worker) = start_worker(&app, options);
    GATE.wait_until_reached().await;
    for _ in 0..3 {
        app.advance(TimeDelta::seconds(50));
        let renewed = app.clock.now() + TimeDelta::seconds(60);
        let now = renewed.to_rfc3339();
        wait_for_row(&app, &format!("job WHERE locked_until >= '{now}'")).await;
        assert_eq!(queue::lease(&app.db, &app.clock, 1).await.unwrap().len(), 0);
    }
    GATE.open.add_permits(1);
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(app.count("job", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn of_two_workers_on_one_job_the_one_without_the_lease_changes_nothing() {
    static GATE: Gate = Gate::new();
    let app = TestApp::new().await;
    let (other, _) = app.second_node().await;
    enqueue(&app, "contested").await;
    let options = WorkerOptions { heartbeat: LONG, ..WorkerOptions::new(|_, _| GATE.pass().boxed()) };
    let (first_stop, first) = start_worker(&app, options);
    GATE.wait_until_reached().await;
    app.advance(TimeDelta::seconds(60));
    let (second_stop, second) = start_worker(&other, options);
    GATE.wait_until_reached().await;
    // A gate releases jobs in their order of arrival: the first worker ends first, after its lease has expired.
    first_stop.cancel();
    GATE.open.add_permits(1);
    first.await.unwrap();
    assert_eq!(app.count("job WHERE attempts = 2 AND last_error IS NULL", []).await, 1);
    second_stop.cancel();
    GATE.open.add_permits(1);
    second.await.unwrap();
    assert_eq!(app.count("job", []).await, 0);
    other.db.close().await;
    app.finish().await;
}

#[tokio::test]
async fn a_handler_whose_lease_expired_is_stopped() {
    static GATE: Gate = Gate::new();
    let app = TestApp::new().await;
    enqueue(&app, "lost").await;
    let options = WorkerOptions { heartbeat: SHORT, ..WorkerOptions::new(|_, _| GATE.pass().boxed()) };
    let (stop, worker) = start_worker(&app, options);
    GATE.wait_until_reached().await;
    app.execute("UPDATE job SET lease = $1", [app.clock.new_id().into()]).await;
    stop.cancel();
    // The gate stays closed, so the worker stops only if the handler is stopped.
    worker.await.unwrap();
    assert_eq!(app.count("job WHERE attempts = 1 AND last_error IS NULL", []).await, 1);
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn a_slow_job_delays_no_other() {
    static GATE: Gate = Gate::new();
    let app = TestApp::new().await;
    enqueue(&app, "slow").await;
    for _ in 0..20 {
        enqueue(&app, "quick").await;
    }
    let options =
        WorkerOptions::new(|_, job| async move { if job.kind == "slow" { GATE.pass().await } else { Ok(()) } }.boxed());
    let (stop, worker) = start_worker(&app, options);
    GATE.wait_until_reached().await;
    wait_for_row(&app, "(SELECT count(*) AS n FROM job) AS jobs WHERE n = 1").await;
    GATE.open.add_permits(1);
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(app.count("job", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_stopping_worker_finishes_its_jobs_and_leases_no_new_ones() {
    static GATE: Gate = Gate::new();
    let app = TestApp::new().await;
    for _ in 0..CONCURRENCY + 3 {
        enqueue(&app, "begun").await;
    }
    let (stop, worker) = start_worker(&app, WorkerOptions::new(|_, _| GATE.pass().boxed()));
    for _ in 0..CONCURRENCY {
        GATE.wait_until_reached().await;
    }
    // A job that the worker cannot run now is not leased, so other workers can run it.
    assert_eq!(app.count("job WHERE attempts = 0 AND lease IS NULL", []).await, 3);
    stop.cancel();
    GATE.open.add_permits(100);
    worker.await.unwrap();
    assert_eq!(app.count("job WHERE attempts = 0 AND lease IS NULL", []).await, 3);
    assert_eq!(app.count("job", []).await, 3);
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn jobs_leased_during_a_stop_are_returned() {
    let app = TestApp::new().await;
    enqueue(&app, "never").await;
    let lock = app.db.begin_write().await.unwrap();
    if app.db.is_postgres() {
        use sea_orm::ConnectionTrait;
        lock.execute_unprepared("LOCK TABLE job IN EXCLUSIVE MODE").await.unwrap();
    }
    static RAN: AtomicU32 = AtomicU32::new(0);
    let options = WorkerOptions::new(|_, _| {
        async {
            RAN.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    });
    let (stop, worker) = start_worker(&app, options);
    // Yields once, so that the worker runs until it waits for the lock.
    tokio::task::yield_now().await;
    stop.cancel();
    lock.rollback().await.unwrap();
    worker.await.unwrap();
    assert_eq!(RAN.load(Ordering::SeqCst), 0);
    let leased = queue::lease(&app.db, &app.clock, 1).await.unwrap();
    assert_eq!((leased.len(), leased[0].attempts), (1, 1));
    queue::complete_all(&app.db, &leased).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn a_handler_that_hangs_or_panics_fails_and_the_worker_continues() {
    let app = TestApp::new().await;
    for kind in ["hangs", "panics", "works"] {
        enqueue(&app, kind).await;
    }
    let handler: worker::Handler = |_, job| {
        async move {
            match job.kind.as_str() {
                "hangs" => std::future::pending().await,
                "panics" => panic!("out of cheese"),
                _ => Ok(()),
            }
        }
        .boxed()
    };
    let options = WorkerOptions { timeout: SHORT, ..WorkerOptions::new(handler) };
    assert_eq!(worker::drain(&app, options).await.unwrap(), 3);
    for (kind, words) in [("hangs", "took longer than"), ("panics", "out of cheese")] {
        let error: String = app.value("SELECT last_error FROM job WHERE kind = $1", [kind.into()]).await;
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(app.count("job", []).await, 2);
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_workers_run_every_job_once() {
    static RAN: AtomicU32 = AtomicU32::new(0);
    let app = TestApp::with_many_connections().await;
    let nodes = [app.second_node().await.0, app.second_node().await.0, app.second_node().await.0];
    for _ in 0..100 {
        enqueue(&app, "shared").await;
    }
    let options = WorkerOptions::new(|_, _| {
        async {
            RAN.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    });
    let workers: Vec<_> = nodes.iter().map(|node| start_worker(node, options)).collect();
    wait_for_row(&app, "(SELECT count(*) AS n FROM job) AS jobs WHERE n = 0").await;
    for (stop, worker) in workers {
        stop.cancel();
        worker.await.unwrap();
    }
    assert_eq!(RAN.load(Ordering::SeqCst), 100);
    for node in nodes {
        node.db.close().await;
    }
    app.finish().await;
}
