//! The durable queue: leases, retries, and jobs that are safe to repeat.

use chrono::TimeDelta;
use roost::platform::queue::{self, NewJob};
use serde_json::json;

use crate::harness::TestApp;
use crate::scenes::key;

async fn enqueue(app: &TestApp, kind: &str) {
    let job = NewJob::about(kind, app.clock.id(), app.clock.now());
    queue::enqueue(app.db.write(), &app.clock, job).await.unwrap();
}

#[tokio::test]
async fn a_leased_job_is_nobody_elses_until_the_lease_runs_out() {
    let app = TestApp::new().await;
    enqueue(&app, "advance_booking").await;
    assert_eq!(queue::lease(&app.db, &app.clock, 10).await.unwrap().len(), 1);
    assert_eq!(queue::lease(&app.db, &app.clock, 10).await.unwrap().len(), 0);
    app.advance(TimeDelta::seconds(59));
    assert_eq!(queue::lease(&app.db, &app.clock, 10).await.unwrap().len(), 0);
    app.advance(TimeDelta::seconds(1));
    let again = queue::lease(&app.db, &app.clock, 10).await.unwrap();
    assert_eq!((again.len(), again[0].attempts), (1, 2));
    queue::done(&app.db, &again[0]).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_ever_more_rarely_and_in_the_end_left() {
    let app = TestApp::new().await;
    enqueue(&app, "no such job").await;
    let mut waits = Vec::new();
    for _ in 0..20 {
        assert_eq!(app.drain().await, 1);
        let Some(next) = queue::next_due(&app.db).await.unwrap() else { break };
        waits.push((next - app.clock.now()).num_seconds());
        app.clock.set(next);
    }
    assert_eq!(waits[..5], [1, 2, 4, 8, 16]);
    assert_eq!((waits.len(), *waits.last().unwrap()), (19, 3_600));
    app.advance(TimeDelta::days(30));
    assert_eq!(app.drain().await, 0);
    let error: String = app.value("SELECT last_error FROM job", []).await;
    assert!(error.contains("no such job"), "{error}");
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
