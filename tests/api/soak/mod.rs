//! The soak: real processes under a mixed load, killed and started again all the while, keep every promise.
//!
//! Two nodes (one on SQLite) and a worker serve clients who book few places at once, so that they collide, and who ask
//! again with the same key when nobody answers. It lasts for some kills, or for `ROOST_SOAK_SECONDS`. At the end
//! everything settles, and each booking that a guest was told of exists once and was charged once.

mod load;
pub mod process;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::watch;

use self::load::{Dice, Figures, Stage, Told, client, count};
use self::process::{Hour, Slot, set_clock};
use crate::harness::TestApp;
use crate::scenes::key;

const KILLS: u64 = 10;
const CLIENTS: u64 = 8;
/// How many answers there are at most from one kill to the next.
const ANSWERS: u64 = 120;
/// How long the next kill waits for answers: a client may wait for the lease of a request that a kill cut short, and
/// that ends no sooner than the next one moves time on.
const LULL: Duration = Duration::from_secs(2);

/// How long the load lasts, if not for [`KILLS`].
fn seconds() -> Option<Duration> {
    let given = std::env::var("ROOST_SOAK_SECONDS").ok().filter(|text| !text.is_empty())?;
    Some(Duration::from_secs(given.parse().expect("ROOST_SOAK_SECONDS is a number of seconds")))
}

async fn stage() -> Arc<Stage> {
    let app = TestApp::busy().await;
    let mut listings = Vec::new();
    for (mode, preparation) in [("INSTANT", 1), ("INSTANT", 0), ("REQUEST", 0)] {
        let host = app.host().await;
        let changes = json!({ "bookingMode": mode, "stayRules": { "preparationNights": preparation } });
        listings.push((app.published_listing(&host, changes).await, host));
    }
    let is_postgres = app.app.config.database_url.starts_with("postgres");
    let mut slots = vec![Slot::node(), Slot::worker()];
    slots.extend(is_postgres.then(Slot::node));
    let hour = Hour::new();
    slots.iter().for_each(|slot| slot.start(&app, hour.now()));
    let (over, restarts) = (AtomicBool::new(false), watch::Sender::new(0));
    Arc::new(Stage { app, slots, hour, over, restarts, listings, figures: Figures::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_every_booking_is_made_and_charged_once() {
    let stage = stage().await;
    let mut clients = Vec::new();
    for seed in 1..=CLIENTS {
        let guest = stage.app.guest().await;
        clients.push((guest.clone(), tokio::spawn(client(stage.clone(), guest, seed))));
    }
    let begun = Instant::now();
    chaos(&stage, |kills| seconds().map_or(kills < KILLS, |length| begun.elapsed() < length)).await;
    let took = begun.elapsed();
    stage.over.store(true, Ordering::Relaxed);
    stage.restarts.send_modify(|restarts| *restarts += 1);
    let mut told = Vec::new();
    for (guest, client) in clients {
        told.push((guest, client.await.unwrap()));
    }
    settle(&stage).await;
    for (guest, told) in &told {
        check(&stage.app, guest.user, told).await;
    }
    let Ok(stage) = Arc::try_unwrap(stage) else { panic!("somebody still works") };
    tell(&stage.figures, took);
    assert_eq!(stage.figures.faults.into_inner(), 0, "a node answered with an error of its own");
    stage.slots.iter().for_each(Slot::kill);
    stage.app.finish().await;
}

/// Kills one process after another in the midst of its work, starts it again, and moves time on.
async fn chaos(stage: &Arc<Stage>, goes_on: impl Fn(u64) -> bool) {
    let (mut dice, mut answers) = (Dice::new(99), stage.figures.answers.subscribe());
    while goes_on(stage.figures.kills.load(Ordering::Relaxed)) {
        let next = *answers.borrow() + 1 + dice.below(ANSWERS);
        let heard = answers.wait_for(|answers| *answers >= next);
        let _ = tokio::time::timeout(LULL, heard).await;
        let slot = usize::try_from(dice.below(stage.slots.len() as u64)).unwrap();
        let hours = dice.below(3) == 0;
        let by =
            if hours { TimeDelta::hours(1 + i64::try_from(dice.below(30)).unwrap()) } else { TimeDelta::minutes(2) };
        let shared = stage.clone();
        let started = tokio::task::spawn_blocking(move || {
            let stage = shared;
            stage.slots[slot].kill();
            count(&stage.figures.kills);
            stage.hour.advance(by);
            stage.slots[slot].start(&stage.app, stage.hour.now());
            // A worker has no door: it learns the hour when it starts.
            for worker in stage.slots.iter().filter(|other| !other.is_node()) {
                worker.kill();
                worker.start(&stage.app, stage.hour.now());
            }
            (stage.hour.now(), stage.slots.iter().filter_map(Slot::address).collect::<Vec<_>>())
        });
        let (now, nodes) = started.await.unwrap();
        for node in nodes {
            set_clock(&node, now, false).await;
        }
        stage.restarts.send_modify(|restarts| *restarts += 1);
    }
}

/// One node is left, and time goes on until nothing is due any more.
async fn settle(stage: &Arc<Stage>) {
    let (node, others) = stage.slots.split_first().unwrap();
    others.iter().for_each(Slot::kill);
    let address = node.address().expect("the node runs");
    for days in [1, 1, 60, 60] {
        stage.hour.advance(TimeDelta::days(days));
        let mut tries = 0;
        while set_clock(&address, stage.hour.now(), true).await.is_none() {
            tries += 1;
            assert!(tries < 12, "what is due does not come to an end");
            stage.hour.advance(TimeDelta::minutes(2));
        }
    }
    // The checks at the end go by this clock.
    stage.app.advance(stage.hour.now() - stage.app.clock.now());
    stage.app.drain().await;
}

/// What a guest was told of is there, once, and paid for once.
async fn check(app: &TestApp, guest: uuid::Uuid, told: &Told) {
    let mut bookings = told.bookings.clone();
    bookings.sort();
    bookings.dedup();
    assert_eq!(bookings.len(), told.bookings.len(), "two keys were answered with one booking");
    for id in &bookings {
        let id = key(id);
        assert_eq!(app.count("booking WHERE id = $1 AND guest_id = $2", [id.into(), guest.into()]).await, 1);
        let own = "payment WHERE booking_id = $1 AND alteration_id IS NULL";
        assert_eq!(app.count(own, [id.into()]).await, 1, "a booking has one payment");
        let captures = "payment_attempt a JOIN payment p ON p.id = a.payment_id WHERE p.booking_id = $1 AND \
            p.alteration_id IS NULL AND a.operation = 'CAPTURE' AND a.outcome = 'SUCCEEDED'";
        let (taken, expected) = (
            app.count(captures, [id.into()]).await,
            "payment WHERE booking_id = $1 AND \
            alteration_id IS NULL AND captured_minor > 0",
        );
        assert_eq!(taken, app.count(expected, [id.into()]).await, "a booking was charged more than once");
    }
    // Whose payment came to nothing, or whose hold lapsed first, was told that there is no booking.
    let there = "SELECT b.id FROM booking b JOIN payment p ON p.booking_id = b.id AND p.alteration_id IS NULL \
        WHERE b.guest_id = $1 AND p.state NOT IN ('FAILED', 'CANCELLED')";
    let known: BTreeSet<uuid::Uuid> = bookings.iter().map(|id| key(id)).collect();
    let there = app.rows(there, [guest.into()]).await.into_iter().map(|row| row.try_get("", "id").unwrap());
    let unknown = there.filter(|id: &uuid::Uuid| !known.contains(id)).count() as u64;
    assert!(unknown <= told.unanswered, "{unknown} bookings are there that nobody was told of");
}

fn tell(figures: &Figures, took: Duration) {
    let [booked, refused, retries, kills] = [&figures.booked, &figures.refused, &figures.retries, &figures.kills]
        .map(|figure| figure.load(Ordering::Relaxed));
    let (answers, seconds) = (*figures.answers.borrow(), took.as_secs());
    println!(
        "soak: {seconds} s, {answers} answers ({} a second), {booked} bookings, {refused} refusals, {retries} retries, \
         {kills} kills",
        answers / seconds.max(1)
    );
    assert!(booked > 0, "nothing was booked");
}
