//! The durable queue: leases, retries, dead jobs, and jobs that are safe to repeat.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use roost::platform::queue::{self, FailureOutcome, Job, JobState, NewJob};
use serde_json::json;

use crate::harness::TestApp;
use crate::scenarios::uuid_of;

async fn enqueue(app: &TestApp, kind: &str) {
    let job = NewJob::about(kind, app.clock.new_id(), app.clock.now());
    queue::enqueue(app.db.write(), &app.clock, job).await.unwrap();
}

async fn lease(app: &TestApp) -> Vec<Job> {
    queue::lease(&app.db, &app.clock, 100).await.unwrap()
}

#[tokio::test]
async fn a_leased_job_is_not_leased_again_until_the_lease_expires() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    assert_eq!(lease(&app).await.len(), 1);
    assert_eq!(lease(&app).await.len(), 0);
    app.advance(TimeDelta::seconds(59));
    assert_eq!(lease(&app).await.len(), 0);
    app.advance(TimeDelta::seconds(1));
    let leased = lease(&app).await;
    assert_eq!((leased.len(), leased[0].attempts), (1, 2));
    assert!(queue::complete(&app.db, &leased[0]).await.unwrap());
    app.finish().await;
}

#[tokio::test]
async fn a_renewed_lease_does_not_expire() {
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
async fn a_worker_with_an_expired_lease_changes_nothing() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    let late = lease(&app).await.remove(0);
    app.advance(TimeDelta::seconds(60));
    let current = lease(&app).await.remove(0);
    let before = app.rows("SELECT * FROM job", []).await;
    assert!(!queue::renew(&app.db, &app.clock, &late).await.unwrap());
    assert!(!queue::complete(&app.db, &late).await.unwrap());
    assert_eq!(queue::fail(&app.db, &app.clock, &late, "too late").await.unwrap(), FailureOutcome::LeaseLost);
    queue::release(&app.db, &app.clock, &late).await.unwrap();
    queue::complete_all(&app.db, std::slice::from_ref(&late)).await.unwrap();
    let after = app.rows("SELECT * FROM job", []).await;
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert!(queue::complete(&app.db, &current).await.unwrap());
    app.finish().await;
}

#[tokio::test]
async fn a_returned_job_is_as_if_it_was_never_leased() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    let job = lease(&app).await.remove(0);
    queue::release(&app.db, &app.clock, &job).await.unwrap();
    let leased = lease(&app).await;
    assert_eq!((leased.len(), leased[0].attempts), (1, 1));
    assert_ne!(leased[0].lease, job.lease);
    queue::complete_all(&app.db, &leased).await.unwrap();
    assert_eq!(app.count("job", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_failing_job_is_retried_with_backoff_and_then_dead() {
    let app = TestApp::new().await;
    enqueue(&app, "no such job").await;
    let mut waits_ms = Vec::new();
    for _ in 0..20 {
        assert_eq!(app.drain().await, 1);
        let Some(next) = queue::next_due_at(&app.db).await.unwrap() else { break };
        waits_ms.push((next - app.clock.now()).num_milliseconds());
        app.clock.set(next);
    }
    assert_eq!(waits_ms.len(), 19);
    for (attempt, wait_ms) in waits_ms.iter().enumerate() {
        let middle_ms = 1_000 * Ord::min(1_i64 << attempt, 3_600);
        assert!((middle_ms * 8 / 10..=middle_ms * 12 / 10).contains(wait_ms), "{attempt}: {waits_ms:?}");
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
async fn jobs_that_fail_together_are_retried_at_different_times() {
    let app = TestApp::new().await;
    for _ in 0..30 {
        enqueue(&app, "no such job").await;
    }
    let mut times = BTreeSet::new();
    for job in lease(&app).await {
        assert_eq!(queue::fail(&app.db, &app.clock, &job, "no").await.unwrap(), FailureOutcome::Retried);
    }
    app.advance(TimeDelta::milliseconds(1_200));
    for job in lease(&app).await {
        times.insert(job.run_at);
    }
    // The probability that thirty draws out of 401 delays are equal is 1 in 401^29.
    assert!(times.len() > 1, "{times:?}");
    app.execute("DELETE FROM job", []).await;
    app.finish().await;
}

#[tokio::test]
async fn a_job_whose_worker_is_lost_on_the_last_attempt_is_dead() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    app.execute("UPDATE job SET attempts = 19", []).await;
    assert_eq!(lease(&app).await[0].attempts, 20);
    app.advance(TimeDelta::seconds(60));
    assert_eq!(app.drain().await, 1);
    let id = app.value("SELECT id FROM job", []).await;
    assert_eq!(queue::job_state(&app.db, &app.clock, id).await.unwrap(), Some(JobState::Dead));
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
async fn jobs_about_missing_or_finished_objects_change_nothing() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.completed_stay(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let before = app.booking(&guest, &booking).await;
    for kind in ["advance_booking", "publish_reviews"] {
        enqueue(&app, kind).await;
        for _ in 0..2 {
            let id = uuid_of(booking["id"].as_str().unwrap());
            let job = NewJob::about(kind, id, app.clock.now());
            queue::enqueue(app.db.write(), &app.clock, job).await.unwrap();
        }
    }
    assert_eq!(app.drain().await, 6);
    assert_eq!(app.booking(&guest, &booking).await, before);
    assert_eq!(app.count("booking_event", []).await, 4);
    app.finish().await;
}
