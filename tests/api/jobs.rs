//! `roost jobs` and `roost worker`, run as an operator runs them.

use std::io::{BufRead, BufReader};
use std::process::Output;

use chrono::{DateTime, TimeDelta, Utc};
use roost::kernel::id::{Id, Kind};
use roost::platform::queue::{self, NewJob};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::TestApp;
use crate::node::until;

/// A job of which `tries` are used up, out of 20.
async fn job(app: &TestApp, kind: &str, run_at: DateTime<Utc>, tries: i32) -> String {
    let about = app.clock.id();
    queue::enqueue(app.db.write(), &app.clock, NewJob::about(kind, about, run_at)).await.unwrap();
    let id: Uuid = app.value("SELECT id FROM job ORDER BY id DESC LIMIT 1", []).await;
    if tries > 0 {
        app.execute("UPDATE job SET attempts = $1 WHERE id = $2", [tries.into(), id.into()]).await;
    }
    Id::new(Kind::Job, id).to_string()
}

/// Runs the program to its end; answers its exit code, what it said, and what it complained about.
async fn run(app: &TestApp, args: &[&str]) -> (i32, String, String) {
    let mut program = app.program(args);
    let output: Output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

async fn listed(app: &TestApp, args: &[&str]) -> Vec<Value> {
    let (code, said, complained) = run(app, &[&["jobs", "list", "--json"], args].concat()).await;
    assert_eq!(code, 0, "{complained}");
    serde_json::from_str(&said).unwrap()
}

fn ids(jobs: &[Value]) -> Vec<&str> {
    jobs.iter().map(|job| job["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn jobs_are_listed_by_where_they_stand_and_counted() {
    let app = TestApp::new().await;
    let (past, future) = (app.clock.now() - TimeDelta::seconds(100), app.clock.now() + TimeDelta::days(1));
    let dead = [job(&app, "alpha", past, 19).await, job(&app, "beta", past, 19).await];
    assert_eq!(app.drain().await, 2);
    let running = job(&app, "alpha", past, 0).await;
    assert_eq!(queue::lease(&app.db, &app.clock, 1).await.unwrap().len(), 1);
    // The program's clock runs on from the same instant; a test does not take as long as a lease.
    let due = job(&app, "alpha", past, 0).await;
    let waiting = job(&app, "beta", future, 0).await;

    let shown = listed(&app, &[]).await;
    assert_eq!(ids(&shown), [&dead[0], &dead[1]], "dead ones are what an operator looks for");
    assert_eq!(ids(&listed(&app, &["--dead"]).await), [&dead[0], &dead[1]]);
    assert_eq!(ids(&listed(&app, &["--dead", "--kind", "beta"]).await), [&dead[1]]);
    assert_eq!(ids(&listed(&app, &["--waiting"]).await), [&due, &waiting]);
    assert_eq!(ids(&listed(&app, &["--all"]).await), [&dead[0], &dead[1], &running, &due, &waiting]);
    assert_eq!(ids(&listed(&app, &["--all", "--limit=1"]).await), [&dead[0]]);
    let first = &shown[0];
    assert_eq!((&first["state"], &first["kind"], &first["attempts"]), (&json!("dead"), &json!("alpha"), &json!(20)));
    assert_eq!(first["lastError"], "no handler for jobs of kind alpha");

    let (code, table, _) = run(&app, &["jobs", "list", "--all"]).await;
    let states: Vec<_> = table.lines().skip(1).map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!((code, states), (0, vec!["dead", "dead", "running", "due", "waiting"]), "{table}");

    let (_, stats, _) = run(&app, &["jobs", "stats", "--json"]).await;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let age_s = stats[0]["oldestDueAgeSeconds"].as_i64().unwrap();
    assert!((100..160).contains(&age_s), "{stats}");
    let counts = |kind: &Value| ["waiting", "due", "running", "dead"].map(|state| kind[state].as_i64().unwrap());
    assert_eq!((&stats[0]["kind"], counts(&stats[0])), (&json!("alpha"), [0, 1, 1, 1]));
    assert_eq!((&stats[1]["kind"], counts(&stats[1])), (&json!("beta"), [1, 0, 0, 1]));
    assert_eq!(stats[1]["oldestDueAgeSeconds"], Value::Null);
    let (_, table, _) = run(&app, &["jobs", "stats"]).await;
    assert_eq!(table.lines().nth(2).unwrap().split_whitespace().collect::<Vec<_>>(), ["beta", "1", "0", "0", "1", "-"]);
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn dead_jobs_are_requeued_and_deleted_and_no_others() {
    let app = TestApp::new().await;
    let mut dead = Vec::new();
    for kind in ["alpha", "alpha", "beta", "beta"] {
        dead.push(job(&app, kind, app.clock.now(), 19).await);
    }
    assert_eq!(app.drain().await, 4);
    let alive = job(&app, "alpha", app.clock.now(), 3).await;
    let dead_ones = async || app.count("job WHERE died_at IS NOT NULL", []).await;

    let (code, said, _) = run(&app, &["jobs", "requeue", &dead[0]]).await;
    assert_eq!((code, said), (0, format!("Job {} will run again.\n", dead[0])));
    assert_eq!(app.count("job WHERE attempts = 0 AND died_at IS NULL AND last_error IS NOT NULL", []).await, 1);
    let (code, said, _) = run(&app, &["jobs", "requeue", "--all-dead", "--kind", "beta"]).await;
    assert_eq!((code, said.as_str(), dead_ones().await), (0, "Dead jobs that will run again: 2.\n", 1));
    let (code, said, _) = run(&app, &["jobs", "delete", &dead[1]]).await;
    assert_eq!((code, said, dead_ones().await), (0, format!("Job {} is deleted.\n", dead[1]), 0));
    let (code, said, _) = run(&app, &["jobs", "requeue", "--all-dead"]).await;
    assert_eq!((code, said.as_str()), (0, "Dead jobs that will run again: 0.\n"));

    for action in ["requeue", "delete"] {
        let (code, _, complained) = run(&app, &["jobs", action, &alive]).await;
        assert!(code == 1 && complained.contains("is not dead, it is due"), "{complained}");
        let (code, _, complained) = run(&app, &["jobs", action, &dead[1]]).await;
        assert!(code == 1 && complained.contains("there is no job"), "{complained}");
        let (code, _, complained) = run(&app, &["jobs", action, "bkg_01h455vb4pex5vsknk084sn02q"]).await;
        assert!(code == 2 && complained.contains("must be the id of a job"), "{complained}");
    }
    for wrong in
        [&["requeue"][..], &["requeue", &alive, "--all-dead"], &["requeue", &alive, "--kind=alpha"], &["delete"]]
    {
        assert_eq!(run(&app, &[&["jobs"], wrong].concat()).await.0, 2, "{wrong:?}");
    }
    assert_eq!(app.count("job WHERE attempts = 3 AND kind = 'alpha'", []).await, 1, "the living one was left alone");
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_worker_of_its_own_runs_jobs_until_the_signal() {
    let app = TestApp::new().await;
    job(&app, "advance_booking", app.clock.now(), 0).await;
    let mut worker = app.program(&["worker"]).env("ROOST_LOG", "roost=debug").spawn().unwrap();
    let mut log = BufReader::new(worker.stderr.take().unwrap()).lines();
    let (mut log, mut worker) = tokio::task::spawn_blocking(move || {
        assert!(log.by_ref().any(|line| line.unwrap().contains("the worker has started")));
        (log, worker)
    })
    .await
    .unwrap();
    until("the worker has done what is due", async || app.count("job", []).await == 0).await;
    let told = std::process::Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap();
    assert!(told.success());
    let status = tokio::task::spawn_blocking(move || {
        assert!(log.any(|line| line.unwrap().contains("the worker has stopped")));
        worker.wait().unwrap()
    });
    assert_eq!(status.await.unwrap().code(), Some(0));
    app.finish().await;
}
