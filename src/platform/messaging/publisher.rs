//! Publishes events to the subscribers of this process and hands them to the transport to the other processes.
//!
//! **Invariant:** an event is published after the commit that caused it, through [`Transaction::announce`], and
//! contains only ids and dates, so that each subscriber reads what it may see with its own rights. Every listener
//! receives an event once, and the events of one process in the order of their publishing. Events may be lost (a
//! process that dies between commit and publishing sends nothing); the rows they refer to are not. A listener that may
//! have missed an event gets an error and nothing after it: it reads the rows and subscribes again.
//!
//! Events reach other processes through Redis if it is configured, else through Postgres. Each process numbers its
//! events, queues them until they were sent, and repeats its latest number every few seconds while it has no event to
//! send. So a gap is noticed even when no event follows it, and so is a process that ends without a goodbye. One SQLite
//! file belongs to one server: events of a second process on it (`roost worker`, `roost import`) are not sent.
//!
//! [`Transaction::announce`]: crate::platform::database::Transaction::announce

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, error::RecvError};

use super::event::{Event, Topic};
use super::transport::Transport;

/// How many events a listener may be behind before it is dropped.
pub const BUFFER: usize = 128;

/// Why a listener receives no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// It was more than [`BUFFER`] events behind.
    Slow,
    /// This process was cut off from the others for a moment, or is about to stop.
    Interrupted,
}

/// The listeners of this process and the transport to other processes; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Hub>>);

#[derive(Debug, Default)]
struct Hub {
    topics: HashMap<Topic, broadcast::Sender<Arc<Event>>>,
    transport: Option<Transport>,
}

/// Receives the events of one topic.
#[derive(Debug)]
pub struct Listener {
    topic: Topic,
    /// Present until the listener is dropped.
    receiver: Option<broadcast::Receiver<Arc<Event>>>,
    events: Events,
}

impl Events {
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes to every event on `topic` from now on.
    pub fn listen(&self, topic: Topic) -> Listener {
        // Under the lock: otherwise the last listener before this one could remove the topic meanwhile.
        let receiver =
            self.hub().topics.entry(topic.clone()).or_insert_with(|| broadcast::channel(BUFFER).0).subscribe();
        Listener { topic, receiver: Some(receiver), events: self.clone() }
    }

    /// The number of listeners on this node.
    pub fn listeners(&self) -> usize {
        self.hub().topics.values().map(broadcast::Sender::receiver_count).sum()
    }

    /// Publishes an event to the listeners of every node.
    pub fn publish(&self, event: Event) {
        let event = Arc::new(event);
        // Under one lock, so that this node and the others see events in the same order.
        let mut hub = self.hub();
        if let Some(transport) = &mut hub.transport {
            transport.send(&event);
        }
        hub.deliver(event);
    }

    /// Sends events to other processes through `transport` from now on.
    pub(super) fn set_transport(&self, transport: Transport) {
        self.hub().transport = Some(transport);
    }

    /// Sends the events that are still queued for other processes, and ends every listener.
    pub(in crate::platform) async fn close(&self) {
        let transport = self.hub().transport.take();
        if let Some(transport) = transport {
            transport.finish().await;
        }
        self.interrupt();
    }

    /// Delivers an event of another node to the listeners of this one.
    pub(super) fn relay(&self, event: Event) {
        self.hub().deliver(Arc::new(event));
    }

    /// Ends all listeners because they may have missed an event. Events that are already in their buffers still arrive.
    pub(super) fn interrupt(&self) {
        self.hub().topics.clear();
    }
}

impl Hub {
    fn deliver(&self, event: Arc<Event>) {
        if let Some(sender) = self.topics.get(&event.topic) {
            // An error means that nobody listens any more, which is no failure.
            let _ = sender.send(event);
        }
    }
}

impl Listener {
    /// Waits for the next event.
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
        // Under the lock: of two listeners dropped at the same time, one sees that it is the last.
        drop(self.receiver.take());
        // After an interruption the topic may be a newer one, with listeners of its own.
        if hub.topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() == 0) {
            hub.topics.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_topic_is_removed_when_its_last_listeners_are_dropped_at_the_same_time() {
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
