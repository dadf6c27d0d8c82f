//! The way to the other processes: a bounded queue, and a task that sends what is in it until it has gone through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::pg_notify::Teller;
use super::publisher::Event;
use crate::platform::redis::Redis;

/// How often a node that has nothing to tell says that it is there. One such letter costs a PUBLISH or a NOTIFY of a
/// hundred bytes.
pub(super) const BEAT: Duration = Duration::from_secs(5);
/// How many events may wait to be sent; more are dropped, and the other nodes notice by the gap in the numbers.
const QUEUE: usize = 4_096;
/// How many are sent at once.
const BATCH: usize = 128;
/// How long a letter may be: Postgres takes less than 8000 bytes. A longer one is dropped like one too many.
const LONGEST_BYTES: usize = 7_900;
/// How long after a failure sending is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How long a process that ends takes to send the rest.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// The channel on Postgres.
pub(super) const NOTIFY_CHANNEL: &str = "roost_events";

/// The channel on Redis, but for what the names of the deployment begin with.
pub(super) const REDIS_CHANNEL: &str = "events";

/// What a node says, with the number of its latest event. The same letter may come twice.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Letter<E> {
    pub node: u64,
    pub number: u64,
    pub says: Says<E>,
}

/// What a letter says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Says<E> {
    /// This has happened; it is the event of the letter's number.
    Event(E),
    /// Nothing has happened since, and the node is there.
    Beat,
    /// The node ends, and has told everything.
    Farewell,
}

/// What carries letters.
pub(super) enum Outlet {
    Redis(Redis),
    Postgres(Teller),
}

/// The sending end.
#[derive(Debug)]
pub(super) struct Wire {
    node: u64,
    /// The number of the latest event that was queued or dropped.
    number: Arc<AtomicU64>,
    queue: mpsc::Sender<String>,
    is_full: bool,
    sender: JoinHandle<()>,
    stop: CancellationToken,
}

impl Wire {
    pub(super) fn new(node: u64, outlet: Outlet) -> Wire {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let number = Arc::new(AtomicU64::new(0));
        let sender = Sender { node, number: number.clone(), outlet, waiting };
        let sender = tokio::spawn(sender.send_all());
        Wire { node, number, queue, is_full: false, sender, stop: CancellationToken::new() }
    }

    /// Is cancelled when the process is about to end.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Hands an event in; never waits.
    pub(super) fn send(&mut self, event: &Event) {
        let number = self.number.load(Ordering::Relaxed) + 1;
        let text = written(&Letter { node: self.node, number, says: Says::Event(event) });
        let is_short = text.len() <= LONGEST_BYTES;
        if !is_short {
            tracing::warn!(
                kind = event.topic.kind,
                bytes = text.len(),
                "an event is too long to be told to other nodes"
            );
        }
        let is_full = is_short && self.queue.try_send(text).is_err();
        if is_full && !self.is_full {
            tracing::warn!("events are dropped: they cannot be told to other nodes as fast as they happen");
        }
        self.is_full = is_full;
        // Only now, so that a beat never bears the number of an event that is not in the queue yet.
        self.number.store(number, Ordering::Release);
    }

    /// Sends the rest, says farewell and stops listening.
    pub(super) async fn finish(mut self) {
        drop(self.queue);
        if tokio::time::timeout(LAST_WAIT, &mut self.sender).await.is_err() {
            self.sender.abort();
            tracing::warn!("some of the last events were not told to other nodes");
        }
        self.stop.cancel();
    }
}

struct Sender {
    node: u64,
    number: Arc<AtomicU64>,
    outlet: Outlet,
    waiting: mpsc::Receiver<String>,
}

impl Sender {
    async fn send_all(mut self) {
        let mut letters = Vec::with_capacity(BATCH);
        // The first beat makes this node known, so that already its first event can be missed.
        letters.extend(self.beat());
        loop {
            self.deliver(&letters).await;
            letters.clear();
            match tokio::time::timeout(BEAT, self.waiting.recv_many(&mut letters, BATCH)).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(_) => letters.extend(self.beat()),
            }
        }
        let number = self.number.load(Ordering::Acquire);
        let farewell = Letter { node: self.node, number, says: Says::<Event>::Farewell };
        self.deliver(&[written(&farewell)]).await;
    }

    /// A sign of life, unless there is something better to say.
    fn beat(&self) -> Option<String> {
        // First the number and then the queue: an event of this number or a lower one was in the queue by now.
        let number = self.number.load(Ordering::Acquire);
        let beat = Letter { node: self.node, number, says: Says::<Event>::Beat };
        self.waiting.is_empty().then(|| written(&beat))
    }

    /// Sends letters until they have gone through. Those that went through unnoticed are sent twice.
    async fn deliver(&mut self, letters: &[String]) {
        let mut pause = FIRST_PAUSE;
        while !letters.is_empty() && !self.outlet.tell(letters).await {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Outlet {
    /// Says in the log itself when nobody hears it.
    async fn tell(&mut self, letters: &[String]) -> bool {
        match self {
            Outlet::Redis(redis) => {
                let mut publish = redis::pipe();
                for letter in letters {
                    publish.publish(redis.name(REDIS_CHANNEL), letter).ignore();
                }
                redis.tell(&publish).await
            }
            Outlet::Postgres(teller) => teller.tell(NOTIFY_CHANNEL, letters).await,
        }
    }
}

fn written<E: Serialize>(letter: &Letter<E>) -> String {
    // Cannot fail: a letter holds texts and numbers, and the keys of its maps are texts.
    serde_json::to_string(letter).expect("letters are JSON")
}
