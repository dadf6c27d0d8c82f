//! The commands `roost jobs` and `roost worker`.

use std::io::{BufRead, BufReader};
use std::process::Output;

use chrono::{DateTime, TimeDelta, Utc};
use roost::kernel::id::{Id, Kind};
use roost::platform::queue::{self, NewJob};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::TestApp;
use crate::waiting::wait_until;

/// Enqueues a job that has used `tries` of its 20 attempts.
async fn enqueue_job(app: &TestApp, kind: &str, run_at: DateTime<Utc>, tries: i32) -> String {
    let about = app.clock.new_id();
    queue::enqueue(app.db.write(), &app.clock, NewJob::about(kind, about, run_at)).await.unwrap();
    let id: Uuid = app.value("SELECT id FROM job ORDER BY id DESC LIMIT 1", []).await;
    if tries > 0 {
        app.execute("UPDATE job SET attempts = $1 WHERE id = $2", [tries.into(), id.into()]).await;
    }
    Id::new(Kind::Job, id).to_string()
}

/// Runs the program to its end. Returns its exit code, its standard output and its standard error.
async fn run_program(app: &TestApp, args: &[&str]) -> (i32, String, String) {
    let mut program = app.program(args);
    let output: Output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

async fn list_jobs(app: &TestApp, args: &[&str]) -> Vec<Value> {
    let (code, stdout, stderr) = run_program(app, &[&["jobs", "list", "--json"], args].concat()).await;
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn ids(jobs: &[Value]) -> Vec<&str> {
    jobs.iter().map(|job| job["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn jobs_are_listed_and_counted_by_state() {
    let app = TestApp::new().await;
    let (past, future) = (app.clock.now() - TimeDelta::seconds(100), app.clock.now() + TimeDelta::days(1));
    let dead = [enqueue_job(&app, "alpha", past, 19).await, enqueue_job(&app, "beta", past, 19).await];
    assert_eq!(app.drain().await, 2);
    let running = enqueue_job(&app, "alpha", past, 0).await;
    assert_eq!(queue::lease(&app.db, &app.clock, 1).await.unwrap().len(), 1);
    // The program's clock starts at the same time and runs. The test takes less time than a lease.
    let due = enqueue_job(&app, "alpha", past, 0).await;
    let waiting = enqueue_job(&app, "beta", future, 0).await;

    let shown = list_jobs(&app, &[]).await;
    assert_eq!(ids(&shown), [&dead[0], &dead[1]], "only dead jobs by default");
    assert_eq!(ids(&list_jobs(&app, &["--dead"]).await), [&dead[0], &dead[1]]);
    assert_eq!(ids(&list_jobs(&app, &["--dead", "--kind", "beta"]).await), [&dead[1]]);
    assert_eq!(ids(&list_jobs(&app, &["--waiting"]).await), [&due, &waiting]);
    assert_eq!(ids(&list_jobs(&app, &["--all"]).await), [&dead[0], &dead[1], &running, &due, &waiting]);
    assert_eq!(ids(&list_jobs(&app, &["--all", "--limit=1"]).await), [&dead[0]]);
    let first = &shown[0];
    assert_eq!((&first["state"], &first["kind"], &first["attempts"]), (&json!("dead"), &json!("alpha"), &json!(20)));
    assert_eq!(first["lastError"], "there is no handler for jobs of kind alpha");

    let (code, table, _) = run_program(&app, &["jobs", "list", "--all"]).await;
    let states: Vec<_> = table.lines().skip(1).map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!((code, states), (0, vec!["dead", "dead", "running", "due", "waiting"]), "{table}");

    let (_, stats, _) = run_program(&app, &["jobs", "stats", "--json"]).await;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let age_s = stats[0]["oldestDueAgeSeconds"].as_i64().unwrap();
    assert!((100..160).contains(&age_s), "{stats}");
    let counts = |kind: &Value| ["waiting", "due", "running", "dead"].map(|state| kind[state].as_i64().unwrap());
    assert_eq!((&stats[0]["kind"], counts(&stats[0])), (&json!("alpha"), [0, 1, 1, 1]));
    assert_eq!((&stats[1]["kind"], counts(&stats[1])), (&json!("beta"), [1, 0, 0, 1]));
    assert_eq!(stats[1]["oldestDueAgeSeconds"], Value::Null);
    let (_, table, _) = run_program(&app, &["jobs", "stats"]).await;
    assert_eq!(table.lines().nth(2).unwrap().split_whitespace().collect::<Vec<_>>(), ["beta", "1", "0", "0", "1", "-"]);
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn only_dead_jobs_are_requeued_and_deleted() {
    let app = TestApp::new().await;
    let mut dead = Vec::new();
    for kind in ["alpha", "alpha", "beta", "beta"] {
        dead.push(enqueue_job(&app, kind, app.clock.now(), 19).await);
    }
    assert_eq!(app.drain().await, 4);
    let alive = enqueue_job(&app, "alpha", app.clock.now(), 3).await;
    let count_dead = async || app.count("job WHERE died_at IS NOT NULL", []).await;

    let (code, stdout, _) = run_program(&app, &["jobs", "requeue", &dead[0]]).await;
    assert_eq!((code, stdout), (0, format!("Job {} was requeued.\n", dead[0])));
    assert_eq!(app.count("job WHERE attempts = 0 AND died_at IS NULL AND last_error IS NOT NULL", []).await, 1);
    let (code, stdout, _) = run_program(&app, &["jobs", "requeue", "--all-dead", "--kind", "beta"]).await;
    assert_eq!((code, stdout.as_str(), count_dead().await), (0, "Requeued jobs: 2.\n", 1));
    let (code, stdout, _) = run_program(&app, &["jobs", "delete", &dead[1]]).await;
    assert_eq!((code, stdout, count_dead().await), (0, format!("Job {} was deleted.\n", dead[1]), 0));
    let (code, stdout, _) = run_program(&app, &["jobs", "requeue", "--all-dead"]).await;
    assert_eq!((code, stdout.as_str()), (0, "Requeued jobs: 0.\n"));

    for action in ["requeue", "delete"] {
        let (code, _, stderr) = run_program(&app, &["jobs", action, &alive]).await;
        assert!(code == 1 && stderr.contains("is not dead but due"), "{stderr}");
        let (code, _, stderr) = run_program(&app, &["jobs", action, &dead[1]]).await;
        assert!(code == 1 && stderr.contains("there is no job"), "{stderr}");
        let (code, _, stderr) = run_program(&app, &["jobs", action, "bkg_01h455vb4pex5vsknk084sn02q"]).await;
        assert!(code == 2 && stderr.contains("must be the id of a job"), "{stderr}");
    }
    for wrong in
        [&["requeue"][..], &["requeue", &alive, "--all-dead"], &["requeue", &alive, "--kind=alpha"], &["delete"]]
    {
        assert_eq!(run_program(&app, &[&["jobs"], wrong].concat()).await.0, 2, "{wrong:?}");
    }
    assert_eq!(app.count("job WHERE attempts = 3 AND kind = 'alpha'", []).await, 1, "the live job is unchanged");
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_separate_worker_runs_jobs_until_it_is_stopped() {
    let app = TestApp::new().await;
    enqueue_job(&app, "advance_booking", app.clock.now(), 0).await;
    let mut worker = app.program(&["worker"]).env("ROOST_LOG", "roost=debug").spawn().unwrap();
    let mut log = BufReader::new(worker.stderr.take().unwrap()).lines();
    let (mut log, mut worker) = tokio::task::spawn_blocking(move || {
        assert!(log.by_ref().any(|line| line.unwrap().contains("the worker started")));
        (log, worker)
    })
    .await
    .unwrap();
    wait_until("the worker has run the due jobs", async || app.count("job", []).await == 0).await;
    let kill = std::process::Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let status = tokio::task::spawn_blocking(move || {
        assert!(log.any(|line| line.unwrap().contains("the worker stopped")));
        worker.wait().unwrap()
    });
    assert_eq!(status.await.unwrap().code(), Some(0));
    app.finish().await;
}
