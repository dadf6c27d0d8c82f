//! What has happened, told to whoever listens at this moment: a copy for the impatient, never the record itself.
//!
//! **Invariant:** an event is published after the commit that it tells of, through [`Transaction::announce`], and names
//! things by their ids only, so that each listener reads what it may see with its own rights. Every listener hears an
//! event once, and those of one process in the order of their publishing. Events may be lost (a process that dies
//! between commit and publishing tells nobody); the rows they speak of are not. A listener that may have missed
//! something is told so and hears no more: it comes back, reads, and listens anew.
//!
//! Other processes are told through Redis where there is one, else through Postgres. Each numbers its events, keeps them
//! until they have gone through, and repeats its latest number every few seconds while there is nothing to tell: so a
//! gap is noticed even when nothing follows it, and so is a process that ends without a farewell. One SQLite file belongs
//! to one server; what a second process does to it (`roost worker`, `roost import`) is not told.
//!
//! [`Transaction::announce`]: crate::platform::database::Transaction::announce

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};
use uuid::Uuid;

use super::cluster::Peers;
use super::pg_notify::{Ear, Teller};
use super::transport::{self, Outlet, Wire};
use crate::platform::database::Database;
use crate::platform::redis::Redis;

/// How many events a listener may be behind before it is dropped.
pub const BUFFER: usize = 128;

/// What an event is about: a kind of thing, and which one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Topic {
    pub(super) kind: String,
    id: Uuid,
}

impl Topic {
    /// The topic of one thing.
    pub fn new(kind: &str, id: Uuid) -> Topic {
        Topic { kind: kind.to_owned(), id }
    }
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// What it is about.
    pub topic: Topic,
    /// Ids and days, as the topic's listeners expect them; small.
    pub body: serde_json::Value,
}

impl Event {
    /// The id under this name in its body.
    pub fn id(&self, name: &str) -> Option<Uuid> {
        self.body.get(name)?.as_str()?.parse().ok()
    }
}

/// Why a listener hears no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// It was too far behind.
    Slow,
    /// This process was cut off from the others for a moment, or is about to end.
    Interrupted,
}

/// The listeners of this process, and the way to the others; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Hub>>);

#[derive(Debug, Default)]
struct Hub {
    topics: HashMap<Topic, broadcast::Sender<Arc<Event>>>,
    wire: Option<Wire>,
}

/// Hears the events of one topic.
#[derive(Debug)]
pub struct Listener {
    topic: Topic,
    /// There until the end.
    receiver: Option<broadcast::Receiver<Arc<Event>>>,
    events: Events,
}

impl Events {
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears every event on `topic` from now on.
    pub fn listen(&self, topic: Topic) -> Listener {
        // Under the lock, lest the last listener before this one takes the topic away with it.
        let receiver =
            self.hub().topics.entry(topic.clone()).or_insert_with(|| broadcast::channel(BUFFER).0).subscribe();
        Listener { topic, receiver: Some(receiver), events: self.clone() }
    }

    /// How many listen on this node.
    pub fn listeners(&self) -> usize {
        self.hub().topics.values().map(broadcast::Sender::receiver_count).sum()
    }

    /// Tells the listeners of every node.
    pub fn publish(&self, event: Event) {
        let event = Arc::new(event);
        // Under one lock, so that this node and the others hear events in the same order.
        let mut hub = self.hub();
        if let Some(wire) = &mut hub.wire {
            wire.send(&event);
        }
        hub.tell(event);
    }

    /// Begins to tell other processes, and to hear them. Answers what is to listen on Postgres, if that is the way.
    pub(in crate::platform) async fn join(&self, redis: Option<(&Redis, &str)>, db: &Database) -> Option<Ear> {
        let peers = Peers::new(self.clone());
        let (wire, ear) = match redis {
            Some((redis, url)) => {
                let wire = Wire::new(peers.own(), Outlet::Redis(redis.clone()));
                let channel = redis.name(transport::REDIS_CHANNEL);
                super::redis::listen(url.to_owned(), channel, peers, wire.stop()).await;
                (wire, None)
            }
            None if db.is_postgres() => {
                let wire = Wire::new(peers.own(), Outlet::Postgres(Teller::new(db.postgres_pool())));
                (wire, Some(Ear { channel: transport::NOTIFY_CHANNEL, hears: Box::new(peers) }))
            }
            None => return None,
        };
        self.hub().wire = Some(wire);
        ear
    }

    /// Sends what waits to be told to other processes, and ends every listener.
    pub(in crate::platform) async fn close(&self) {
        let wire = self.hub().wire.take();
        if let Some(wire) = wire {
            wire.finish().await;
        }
        self.interrupt();
    }

    /// Tells the listeners of this node what happened on another.
    pub(super) fn relay(&self, event: Event) {
        self.hub().tell(Arc::new(event));
    }

    /// Tells all listeners that they may have missed something, once they have heard what was not missed.
    pub(super) fn interrupt(&self) {
        self.hub().topics.clear();
    }
}

impl Hub {
    fn tell(&self, event: Arc<Event>) {
        if let Some(sender) = self.topics.get(&event.topic) {
            // Nobody listening any more is no failure.
            let _ = sender.send(event);
        }
    }
}

impl Listener {
    /// The next event.
    pub async fn next(&mut self) -> Result<Arc<Event>, Missed> {
        let Some(receiver) = &mut self.receiver else { return Err(Missed::Interrupted) };
        receiver.recv().await.map_err(|error| match error {
            RecvError::Lagged(_) => Missed::Slow,
            RecvError::Closed => Missed::Interrupted,
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut hub = self.events.hub();
        // Under the lock: of two that go at the same time, one sees that it is the last.
        drop(self.receiver.take());
        // After an interruption the topic may be a newer one, with listeners of its own.
        if hub.topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            hub.topics.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_goes_with_its_last_listeners_though_they_go_at_the_same_time() {
        let events = Events::default();
        for _ in 0..2_000 {
            let both = [(); 2].map(|()| events.listen(Topic::new("test", Uuid::nil())));
            let start = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                for listener in both {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        drop(listener);
                    });
                }
            });
            assert_eq!(events.hub().topics.len(), 0);
        }
    }
}
