//! The way to the other processes: a bounded queue, and a task that sends what is in it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Event;
use crate::platform::notices;
use crate::platform::redis::{PREFIX, Redis};

/// How many events may wait to be sent; more are dropped, and the other nodes notice by the gap in the numbers.
const QUEUE: usize = 4_096;
/// How many are sent at once.
const BATCH: usize = 128;
/// How long a process that ends takes to send the rest.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// The channel on Postgres.
pub(super) const NOTIFY_CHANNEL: &str = "roost_events";

/// The channel on Redis.
pub(super) fn redis_channel() -> String {
    format!("{PREFIX}events")
}

/// An event on its way, with the number that its node gave it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Letter<E> {
    pub node: u64,
    pub number: u64,
    pub event: E,
}

/// What carries letters.
pub(super) enum Outlet {
    Redis(Redis),
    Postgres(sea_orm::sqlx::PgPool),
}

/// The sending end.
#[derive(Debug)]
pub(super) struct Wire {
    node: u64,
    number: u64,
    queue: mpsc::Sender<String>,
    is_full: bool,
    sender: JoinHandle<()>,
    stop: CancellationToken,
}

impl Wire {
    pub(super) fn new(node: u64, outlet: Outlet) -> Wire {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let sender = tokio::spawn(send_all(outlet, waiting));
        Wire { node, number: 0, queue, is_full: false, sender, stop: CancellationToken::new() }
    }

    /// Is cancelled when the process is about to end.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Hands an event in; never waits.
    pub(super) fn send(&mut self, event: &Event) {
        self.number += 1;
        let letter = Letter { node: self.node, number: self.number, event };
        let sent = serde_json::to_string(&letter).is_ok_and(|text| self.queue.try_send(text).is_ok());
        if !sent && !self.is_full {
            tracing::warn!("events are dropped: they cannot be told to other nodes as fast as they happen");
        }
        self.is_full = !sent;
    }

    /// Sends the rest and stops listening.
    pub(super) async fn finish(self) {
        drop(self.queue);
        if tokio::time::timeout(LAST_WAIT, self.sender).await.is_err() {
            tracing::warn!("some of the last events were not told to other nodes");
        }
        self.stop.cancel();
    }
}

async fn send_all(outlet: Outlet, mut waiting: mpsc::Receiver<String>) {
    let mut letters = Vec::with_capacity(BATCH);
    let mut was_heard = true;
    while waiting.recv_many(&mut letters, BATCH).await > 0 {
        match &outlet {
            // Says in the log itself when Redis is away.
            Outlet::Redis(redis) => {
                let mut publish = redis::pipe();
                for letter in letters.drain(..) {
                    publish.publish(redis_channel(), letter).ignore();
                }
                redis.tell(&publish).await;
            }
            Outlet::Postgres(pool) => {
                let told = notices::tell(pool, NOTIFY_CHANNEL, std::mem::take(&mut letters)).await;
                if let Err(error) = &told
                    && was_heard
                {
                    tracing::warn!(%error, "other nodes could not be told what happened");
                }
                was_heard = told.is_ok();
            }
        }
    }
}
