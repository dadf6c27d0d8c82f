//! The soak test: real processes under a mixed load are killed and restarted, without losing or repeating a booking.
//!
//! Two nodes (one on SQLite) and a worker serve clients who compete for a few listings, and who repeat requests without
//! a response under the same key. The test lasts for a number of kills, or for `ROOST_SOAK_SECONDS`. At the end, every
//! booking that a client received exists once and was charged once.

mod load;
pub mod process;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::watch;

use self::load::{ClientResults, Counters, Dice, Soak, increment, run_client};
use self::process::{Slot, SoakClock, set_clock};
use crate::harness::TestApp;
use crate::scenarios::uuid_of;

const KILLS: u64 = 10;
const CLIENTS: u64 = 8;
/// The maximum number of responses from one kill to the next.
const MAX_RESPONSES: u64 = 120;
/// How long the next kill waits for responses. All clients may be waiting for the lease of a request that a kill
/// interrupted, and such a lease expires only when the next kill moves the clock.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The duration of the load, if it is not limited by [`KILLS`].
fn duration() -> Option<Duration> {
    let text = std::env::var("ROOST_SOAK_SECONDS").ok().filter(|text| !text.is_empty())?;
    Some(Duration::from_secs(text.parse().expect("ROOST_SOAK_SECONDS is a number of seconds")))
}

async fn start() -> Arc<Soak> {
    let app = TestApp::with_many_connections().await;
    let mut listings = Vec::new();
    for (mode, preparation) in [("INSTANT", 1), ("INSTANT", 0), ("REQUEST", 0)] {
        let host = app.host().await;
        let changes = json!({ "bookingMode": mode, "stayRules": { "preparationNights": preparation } });
        listings.push((app.published_listing(&host, changes).await, host));
    }
    let is_postgres = app.app.config.database_url.starts_with("postgres");
    let mut slots = vec![Slot::node(), Slot::worker()];
    slots.extend(is_postgres.then(Slot::node));
    let clock = SoakClock::new();
    slots.iter().for_each(|slot| slot.start(&app, clock.now()));
    let (over, restarts) = (AtomicBool::new(false), watch::Sender::new(0));
    Arc::new(Soak { app, slots, clock, over, restarts, listings, counters: Counters::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_booking_is_made_and_charged_once_despite_kills() {
    let soak = start().await;
    let mut clients = Vec::new();
    for seed in 1..=CLIENTS {
        let guest = soak.app.guest().await;
        clients.push((guest.clone(), tokio::spawn(run_client(soak.clone(), guest, seed))));
    }
    let begun = Instant::now();
    kill_processes(&soak, |kills| duration().map_or(kills < KILLS, |length| begun.elapsed() < length)).await;
    let took = begun.elapsed();
    soak.over.store(true, Ordering::Relaxed);
    soak.restarts.send_modify(|restarts| *restarts += 1);
    let mut results = Vec::new();
    for (guest, client) in clients {
        results.push((guest, client.await.unwrap()));
    }
    run_to_end(&soak).await;
    for (guest, results) in &results {
        check(&soak.app, guest.user, results).await;
    }
    let Ok(soak) = Arc::try_unwrap(soak) else { panic!("a client is still running") };
    report(&soak.counters, took);
    assert_eq!(soak.counters.faults.into_inner(), 0, "a node returned an unexpected error");
    soak.slots.iter().for_each(Slot::kill);
    soak.app.finish().await;
}

/// Kills one random process after another, restarts it, and moves the clock.
async fn kill_processes(soak: &Arc<Soak>, continues: impl Fn(u64) -> bool) {
    let (mut dice, mut responses) = (Dice::new(99), soak.counters.responses.subscribe());
    while continues(soak.counters.kills.load(Ordering::Relaxed)) {
        let next = *responses.borrow() + 1 + dice.below(MAX_RESPONSES);
        let reached = responses.wait_for(|count| *count >= next);
        let _ = tokio::time::timeout(MAX_WAIT, reached).await;
        let slot = usize::try_from(dice.below(soak.slots.len() as u64)).unwrap();
        let is_long = dice.below(3) == 0;
        let time_step =
            if is_long { TimeDelta::hours(1 + i64::try_from(dice.below(30)).unwrap()) } else { TimeDelta::minutes(2) };
        let shared = soak.clone();
        let started = tokio::task::spawn_blocking(move || {
            let soak = shared;
            soak.slots[slot].kill();
            increment(&soak.counters.kills);
            soak.clock.advance(time_step);
            soak.slots[slot].start(&soak.app, soak.clock.now());
            // A worker has no HTTP API, so it gets the time only when it starts.
            for worker in soak.slots.iter().filter(|other| !other.is_node()) {
                worker.kill();
                worker.start(&soak.app, soak.clock.now());
            }
            (soak.clock.now(), soak.slots.iter().filter_map(Slot::address).collect::<Vec<_>>())
        });
        let (now, nodes) = started.await.unwrap();
        for node in nodes {
            set_clock(&node, now, false).await;
        }
        soak.restarts.send_modify(|restarts| *restarts += 1);
    }
}

/// Stops all processes but one node, and moves the clock until no job is due.
async fn run_to_end(soak: &Arc<Soak>) {
    let (node, others) = soak.slots.split_first().unwrap();
    others.iter().for_each(Slot::kill);
    let address = node.address().expect("the node is running");
    for days in [1, 1, 60, 60] {
        soak.clock.advance(TimeDelta::days(days));
        let mut tries = 0;
        while set_clock(&address, soak.clock.now(), true).await.is_none() {
            tries += 1;
            assert!(tries < 12, "jobs remain due after many attempts");
            soak.clock.advance(TimeDelta::minutes(2));
        }
    }
    // The checks at the end use the clock of this process.
    soak.app.advance(soak.clock.now() - soak.app.clock.now());
    soak.app.drain().await;
}

/// Asserts that every booking a client received exists once and was charged once.
async fn check(app: &TestApp, guest: uuid::Uuid, results: &ClientResults) {
    let mut bookings = results.bookings.clone();
    bookings.sort();
    bookings.dedup();
    assert_eq!(bookings.len(), results.bookings.len(), "two keys returned one booking");
    for id in &bookings {
        let id = uuid_of(id);
        assert_eq!(app.count("booking WHERE id = $1 AND guest_id = $2", [id.into(), guest.into()]).await, 1);
        let own = "payment WHERE booking_id = $1 AND alteration_id IS NULL";
        assert_eq!(app.count(own, [id.into()]).await, 1, "a booking has one payment");
        let captures = "payment_attempt a JOIN payment p ON p.id = a.payment_id WHERE p.booking_id = $1 AND \
            p.alteration_id IS NULL AND a.operation = 'CAPTURE' AND a.outcome = 'SUCCEEDED'";
        let (captured, expected) = (
            app.count(captures, [id.into()]).await,
            "payment WHERE booking_id = $1 AND \
            alteration_id IS NULL AND captured_minor > 0",
        );
        assert_eq!(captured, app.count(expected, [id.into()]).await, "a booking was charged more than once");
    }
    // A client whose payment failed, or whose hold expired first, received an error. Those bookings are left out here.
    let sql = "SELECT b.id FROM booking b JOIN payment p ON p.booking_id = b.id AND p.alteration_id IS NULL \
        WHERE b.guest_id = $1 AND p.state NOT IN ('FAILED', 'CANCELLED')";
    let known: BTreeSet<uuid::Uuid> = bookings.iter().map(|id| uuid_of(id)).collect();
    let stored = app.rows(sql, [guest.into()]).await.into_iter().map(|row| row.try_get("", "id").unwrap());
    let unknown = stored.filter(|id: &uuid::Uuid| !known.contains(id)).count() as u64;
    assert!(unknown <= results.unanswered, "{unknown} bookings exist that no client received");
}

fn report(counters: &Counters, took: Duration) {
    let [booked, refused, retries, kills] = [&counters.booked, &counters.refused, &counters.retries, &counters.kills]
        .map(|counter| counter.load(Ordering::Relaxed));
    let (responses, seconds) = (*counters.responses.borrow(), took.as_secs());
    println!(
        "soak: {seconds} s, {responses} responses ({} per second), {booked} bookings, {refused} refusals, {retries} retries, \
         {kills} kills",
        responses / seconds.max(1)
    );
    assert!(booked > 0, "nothing was booked");
}
