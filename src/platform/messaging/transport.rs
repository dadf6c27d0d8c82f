//! Sends events to the other processes: a bounded queue, and a task that retries until a message was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::envelope::{Content, Envelope};
use super::event::Event;
use super::pg_notify::Notifier;
use crate::platform::redis::Redis;

/// How often a node without events sends a heartbeat. A heartbeat costs one PUBLISH or NOTIFY of a hundred bytes.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);
/// How many events may wait to be sent. Further ones are dropped, and other nodes notice the gap in the numbers.
const QUEUE: usize = 4_096;
/// How many messages are sent at once.
const BATCH: usize = 128;
/// The longest message: Postgres takes less than 8000 bytes. A longer one is dropped, as if the queue were full.
const MAX_MESSAGE_BYTES: usize = 7_900;
/// How long to wait after a failure before sending again; doubled up to the maximum.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
const MAX_RETRY_DELAY: Duration = Duration::from_millis(500);
/// How long a process that stops waits for the queue to be sent.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);
/// The channel on Postgres.
pub(super) const NOTIFY_CHANNEL: &str = "roost_events";

/// The channel on Redis, without the prefix of the deployment.
pub(super) const REDIS_CHANNEL: &str = "events";

/// What carries messages to other processes.
pub(super) enum Backend {
    Redis(Redis),
    Postgres(Notifier),
}

/// The sending end.
#[derive(Debug)]
pub(super) struct Transport {
    node: u64,
    /// The number of the latest event that was queued or dropped.
    number: Arc<AtomicU64>,
    queue: mpsc::Sender<String>,
    is_full: bool,
    sender: JoinHandle<()>,
    stop: CancellationToken,
}

impl Transport {
    pub(super) fn new(node: u64, backend: Backend) -> Transport {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let number = Arc::new(AtomicU64::new(0));
        let sender = Sender { node, number: number.clone(), backend, waiting };
        let sender = tokio::spawn(sender.send_all());
        Transport { node, number, queue, is_full: false, sender, stop: CancellationToken::new() }
    }

    /// A token that is cancelled when the process has sent its last message.
    pub(super) fn stopped(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Queues an event; never waits.
    pub(super) fn send(&mut self, event: &Event) {
        let number = self.number.load(Ordering::Relaxed) + 1;
        let message = to_json(&Envelope { node: self.node, number, content: Content::Event(event) });
        let is_short = message.len() <= MAX_MESSAGE_BYTES;
        if !is_short {
            tracing::warn!(
                kind = event.topic.kind,
                bytes = message.len(),
                "an event is too long to be sent to other nodes"
            );
        }
        let is_full = is_short && self.queue.try_send(message).is_err();
        if is_full && !self.is_full {
            tracing::warn!("dropping events: they happen faster than they can be sent to other nodes");
        }
        self.is_full = is_full;
        // Stored after queuing, so that a heartbeat never has the number of an event that is not in the queue yet.
        self.number.store(number, Ordering::Release);
    }

    /// Sends the queue and a goodbye, and stops listening.
    pub(super) async fn finish(mut self) {
        drop(self.queue);
        if tokio::time::timeout(FINISH_TIMEOUT, &mut self.sender).await.is_err() {
            self.sender.abort();
            tracing::warn!("some of the last events were not sent to other nodes");
        }
        self.stop.cancel();
    }
}

struct Sender {
    node: u64,
    number: Arc<AtomicU64>,
    backend: Backend,
    waiting: mpsc::Receiver<String>,
}

impl Sender {
    async fn send_all(mut self) {
        let mut messages = Vec::with_capacity(BATCH);
        // The first heartbeat makes this node known, so that other nodes notice if they miss its very first event.
        messages.extend(self.heartbeat());
        loop {
            self.deliver(&messages).await;
            messages.clear();
            match tokio::time::timeout(HEARTBEAT, self.waiting.recv_many(&mut messages, BATCH)).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(_) => messages.extend(self.heartbeat()),
            }
        }
        let number = self.number.load(Ordering::Acquire);
        let goodbye = Envelope { node: self.node, number, content: Content::<Event>::Goodbye };
        self.deliver(&[to_json(&goodbye)]).await;
    }

    /// A heartbeat, unless an event is waiting to be sent.
    fn heartbeat(&self) -> Option<String> {
        // The number is read before the queue: an event with this number or a lower one is in the queue by then.
        let number = self.number.load(Ordering::Acquire);
        let heartbeat = Envelope { node: self.node, number, content: Content::<Event>::Heartbeat };
        self.waiting.is_empty().then(|| to_json(&heartbeat))
    }

    /// Sends messages until that succeeds. Messages that were delivered although the call failed are delivered twice.
    async fn deliver(&mut self, messages: &[String]) {
        let mut delay = FIRST_RETRY_DELAY;
        while !messages.is_empty() && !self.backend.send(messages).await {
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(MAX_RETRY_DELAY);
        }
    }
}

impl Backend {
    /// Returns false if sending failed. Failures are logged by the backend.
    async fn send(&mut self, messages: &[String]) -> bool {
        match self {
            Backend::Redis(redis) => {
                let mut publish = redis::pipe();
                for message in messages {
                    publish.publish(redis.name(REDIS_CHANNEL), message).ignore();
                }
                redis.execute(&publish).await
            }
            Backend::Postgres(notifier) => notifier.notify(NOTIFY_CHANNEL, messages).await,
        }
    }
}

fn to_json<E: Serialize>(envelope: &Envelope<E>) -> String {
    // Cannot fail: an envelope consists of texts and numbers, and the keys of its maps are texts.
    serde_json::to_string(envelope).expect("envelopes are JSON")
}
