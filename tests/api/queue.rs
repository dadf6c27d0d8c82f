//! The durable queue: leases that are tokens, retries, dead letters, and jobs that are safe to repeat.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use roost::platform::queue::{self, Fate, Job, NewJob, State};
use serde_json::json;

use crate::harness::TestApp;
use crate::scenes::key;

async fn enqueue(app: &TestApp, kind: &str) {
    let job = NewJob::about(kind, app.clock.id(), app.clock.now());
    queue::enqueue(app.db.write(), &app.clock, job).await.unwrap();
}

async fn lease(app: &TestApp) -> Vec<Job> {
    queue::lease(&app.db, &app.clock, 100).await.unwrap()
}

#[tokio::test]
async fn a_leased_job_is_nobody_elses_until_the_lease_runs_out() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    assert_eq!(lease(&app).await.len(), 1);
    assert_eq!(lease(&app).await.len(), 0);
    app.advance(TimeDelta::seconds(59));
    assert_eq!(lease(&app).await.len(), 0);
    app.advance(TimeDelta::seconds(1));
    let again = lease(&app).await;
    assert_eq!((again.len(), again[0].attempts), (1, 2));
    assert!(queue::done(&app.db, &again[0]).await.unwrap());
    app.finish().await;
}

#[tokio::test]
async fn a_lease_that_is_renewed_does_not_run_out() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    let job = lease(&app).await.remove(0);
    for _ in 0..5 {
        app.advance(TimeDelta::seconds(59));
        assert!(queue::renew(&app.db, &app.clock, &job).await.unwrap());
        assert_eq!(lease(&app).await.len(), 0);
    }
    app.advance(TimeDelta::seconds(60));
    assert_eq!(lease(&app).await.len(), 1);
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn a_worker_whose_lease_ran_out_changes_nothing() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    let late = lease(&app).await.remove(0);
    app.advance(TimeDelta::seconds(60));
    let current = lease(&app).await.remove(0);
    let before = app.rows("SELECT * FROM job", []).await;
    assert!(!queue::renew(&app.db, &app.clock, &late).await.unwrap());
    assert!(!queue::done(&app.db, &late).await.unwrap());
    assert_eq!(queue::failed(&app.db, &app.clock, &late, "too late").await.unwrap(), Fate::NotOurs);
    queue::give_back(&app.db, &app.clock, &late).await.unwrap();
    queue::all_done(&app.db, std::slice::from_ref(&late)).await.unwrap();
    let after = app.rows("SELECT * FROM job", []).await;
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert!(queue::done(&app.db, &current).await.unwrap());
    app.finish().await;
}

#[tokio::test]
async fn a_job_that_is_given_back_is_as_if_it_had_never_been_leased() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    let job = lease(&app).await.remove(0);
    queue::give_back(&app.db, &app.clock, &job).await.unwrap();
    let again = lease(&app).await;
    assert_eq!((again.len(), again[0].attempts), (1, 1));
    assert_ne!(again[0].lease, job.lease);
    queue::all_done(&app.db, &again).await.unwrap();
    assert_eq!(app.count("job", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_ever_more_rarely_and_in_the_end_left() {
    let app = TestApp::new().await;
    enqueue(&app, "no such job").await;
    let mut waits_ms = Vec::new();
    for _ in 0..20 {
        assert_eq!(app.drain().await, 1);
        let Some(next) = queue::next_due(&app.db).await.unwrap() else { break };
        waits_ms.push((next - app.clock.now()).num_milliseconds());
        app.clock.set(next);
    }
    assert_eq!(waits_ms.len(), 19);
    for (tried, wait_ms) in waits_ms.iter().enumerate() {
        let middle_ms = 1_000 * Ord::min(1_i64 << tried, 3_600);
        assert!((middle_ms * 8 / 10..=middle_ms * 12 / 10).contains(wait_ms), "{tried}: {waits_ms:?}");
    }
    app.advance(TimeDelta::days(30));
    assert_eq!(app.drain().await, 0);
    let error: String = app.value("SELECT last_error FROM job", []).await;
    assert!(error.contains("no such job"), "{error}");
    assert_eq!(app.count("job WHERE died_at IS NOT NULL AND attempts = 20", []).await, 1);
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn jobs_that_fail_together_do_not_come_back_together() {
    let app = TestApp::new().await;
    for _ in 0..30 {
        enqueue(&app, "no such job").await;
    }
    let mut times = BTreeSet::new();
    for job in lease(&app).await {
        assert_eq!(queue::failed(&app.db, &app.clock, &job, "no").await.unwrap(), Fate::Waits);
    }
    app.advance(TimeDelta::milliseconds(1_200));
    for job in lease(&app).await {
        times.insert(job.run_at);
    }
    // Of 401 waits, thirty draws are all the same once in 401^29.
    assert!(times.len() > 1, "{times:?}");
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn a_job_whose_worker_is_lost_on_the_last_try_is_dead_and_not_run_again() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    app.execute("UPDATE job SET attempts = 19", []).await;
    assert_eq!(lease(&app).await[0].attempts, 20);
    app.advance(TimeDelta::seconds(60));
    assert_eq!(app.drain().await, 1);
    let id = app.value("SELECT id FROM job", []).await;
    assert_eq!(queue::state(&app.db, &app.clock, id).await.unwrap(), Some(State::Dead));
    let error: String = app.value("SELECT last_error FROM job", []).await;
    assert!(error.contains("lost"), "{error}");
    app.advance(TimeDelta::days(1));
    assert_eq!(app.drain().await, 0);
    assert!(queue::requeue(&app.db, &app.clock, id).await.unwrap());
    assert_eq!(lease(&app).await[0].attempts, 1);
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn jobs_about_things_that_are_gone_or_done_change_nothing() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.completed_stay(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let before = app.booking(&guest, &booking).await;
    for kind in ["advance_booking", "publish_reviews"] {
        enqueue(&app, kind).await;
        for _ in 0..2 {
            let id = key(booking["id"].as_str().unwrap());
            let job = NewJob::about(kind, id, app.clock.now());
            queue::enqueue(app.db.write(), &app.clock, job).await.unwrap();
        }
    }
    assert_eq!(app.drain().await, 6);
    assert_eq!(app.booking(&guest, &booking).await, before);
    assert_eq!(app.count("booking_event", []).await, 4);
    app.finish().await;
}
