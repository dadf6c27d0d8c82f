//! Connections that stay open: how many a caller may have, how much and how long each may ask for, and the end of all
//! of them when the server stops.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use uuid::Uuid;

use crate::platform::clock::Clock;
use crate::platform::limits::rate_limit;
use crate::platform::limits::token_bucket::Buckets;

/// What connections may ask for, and those that stay open above all.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections from one address, sockets and event streams together. A whole office can stand behind one.
    pub connections_per_address: usize,
    /// Connections of one signed-in person.
    pub connections_per_person: usize,
    /// How long any connection may be silent before the head of a request is there, and between requests.
    pub request_head: Duration,
    /// Operations that one socket runs at a time.
    pub operations: usize,
    /// Largest message that a socket takes.
    pub message_bytes: usize,
    /// Messages a second that a socket takes for long.
    pub messages_per_second: u64,
    /// Messages that a socket takes at once.
    pub message_burst: u64,
    /// How long a socket waits for its client to say who it is.
    pub first_word: Duration,
    /// How often a silent connection is given a sign of life, and a socket's client asked for one.
    pub heartbeat: Duration,
    /// How long one message waits for a client to read it. Any connection that takes nothing of an answer is closed a
    /// little later.
    pub patience: Duration,
    /// How long a stop waits for answers under way; longer than an operation may take.
    pub last_answers: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_per_address: 256,
            connections_per_person: 32,
            request_head: Duration::from_secs(30),
            operations: 32,
            message_bytes: 64 * 1024,
            messages_per_second: 50,
            message_burst: 200,
            first_word: Duration::from_secs(3),
            heartbeat: Duration::from_secs(12),
            patience: Duration::from_secs(10),
            last_answers: Duration::from_secs(32),
        }
    }
}

/// All connections that stay open; cheap to clone.
#[derive(Clone)]
pub(super) struct Connections(Arc<Open>);

struct Open {
    limits: Limits,
    stop: CancellationToken,
    tracker: TaskTracker,
    /// How many messages each socket may still send.
    messages: Buckets,
    counts: Mutex<HashMap<Whose, usize>>,
}

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    /// Whoever comes from a network.
    Address(IpAddr),
    /// A person.
    Person(Uuid),
}

/// A connection's place among those of its caller; dropping it gives the place up.
pub(super) struct Place {
    open: Connections,
    whose: Whose,
}

impl Connections {
    /// None yet. All that come end when `stop` is cancelled.
    pub(super) fn new(limits: Limits, stop: CancellationToken) -> Connections {
        let (burst, refill) = (limits.message_burst, limits.messages_per_second);
        let messages = Buckets::new("messages", burst, refill, Duration::from_secs(1), Clock::system(), None);
        Connections(Arc::new(Open { limits, stop, tracker: TaskTracker::new(), messages, counts: Mutex::default() }))
    }

    /// Counts one message of a socket; whether it may be heard.
    pub(super) fn hears(&self, socket: &str) -> bool {
        self.0.messages.spend_here(socket, 1).is_ok()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Returns when the server stops.
    pub(super) async fn stopped(&self) {
        self.0.stop.cancelled().await;
    }

    /// While this is held, a stop waits.
    pub(super) fn held(&self) -> TaskTrackerToken {
        self.0.tracker.token()
    }

    /// Returns when no connection is held any more.
    pub(super) async fn ended(&self) {
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }

    /// A place for one more connection; none when the caller has as many as may be.
    pub(super) fn admit(&self, whose: Whose) -> Option<Place> {
        let (whose, most) = match whose {
            Whose::Address(ip) => (Whose::Address(rate_limit::network(ip)), self.0.limits.connections_per_address),
            Whose::Person(_) => (whose, self.0.limits.connections_per_person),
        };
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(whose).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { open: self.clone(), whose })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_given_up_is_free_again_and_nothing_is_remembered_of_it() {
        let limits = Limits { connections_per_address: 2, connections_per_person: 1, ..Limits::default() };
        let connections = Connections::new(limits, CancellationToken::new());
        let address = |text: &str| Whose::Address(text.parse().unwrap());
        let first = connections.admit(address("2001:db8::1")).unwrap();
        let second = connections.admit(address("2001:db8::2")).unwrap();
        assert!(connections.admit(address("2001:db8::3")).is_none(), "one home is one address");
        assert!(connections.admit(address("192.0.2.1")).is_some());
        let person = connections.admit(Whose::Person(Uuid::from_u128(1))).unwrap();
        assert!(connections.admit(Whose::Person(Uuid::from_u128(1))).is_none());
        drop(first);
        assert!(connections.admit(address("2001:db8::3")).is_some());
        drop((second, person));
        assert_eq!(connections.0.counts.lock().unwrap().len(), 0);
    }
}
