//! Open connections: how many a caller may have, the limits of each, and closing all of them when the server stops.

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
use crate::platform::limits::token_bucket::TokenBuckets;

/// The limits of connections, above all of long-lived ones.
#[derive(Clone, Debug)]
pub struct Limits {
    /// WebSockets and event streams of one address together. Many people can share one address.
    pub connections_per_address: usize,
    /// WebSockets and event streams of one signed-in user together.
    pub connections_per_user: usize,
    /// How long a connection may wait for the head of a request, at its start and between requests.
    pub request_head_timeout: Duration,
    /// Operations that one WebSocket runs at the same time.
    pub operations: usize,
    /// Largest message that a WebSocket accepts, in bytes.
    pub message_bytes: usize,
    /// Messages that a WebSocket accepts per second on average.
    pub messages_per_second: u64,
    /// Messages that a WebSocket accepts in a burst.
    pub message_burst: u64,
    /// How long a WebSocket waits for `connection_init`.
    pub init_timeout: Duration,
    /// Interval of comments on an idle event stream, and of pings on a WebSocket.
    pub heartbeat: Duration,
    /// How long one message waits for its client to read it. A connection whose client reads nothing of a response is
    /// closed a few seconds later.
    pub write_timeout: Duration,
    /// How long a stopping server waits for responses in progress. It is longer than an operation may take.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_per_address: 256,
            connections_per_user: 32,
            request_head_timeout: Duration::from_secs(30),
            operations: 32,
            message_bytes: 64 * 1024,
            messages_per_second: 50,
            message_burst: 200,
            init_timeout: Duration::from_secs(3),
            heartbeat: Duration::from_secs(12),
            write_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(32),
        }
    }
}

/// All long-lived connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connections(Arc<Open>);

struct Open {
    limits: Limits,
    stop: CancellationToken,
    tracker: TaskTracker,
    /// The message rate of each WebSocket.
    messages: TokenBuckets,
    counts: Mutex<HashMap<ConnectionOwner, usize>>,
}

/// The owner of connections, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ConnectionOwner {
    /// The clients of one network.
    Address(IpAddr),
    /// A user.
    User(Uuid),
}

/// One counted connection of an owner. Dropping it releases the slot.
pub(super) struct ConnectionSlot {
    open: Connections,
    owner: ConnectionOwner,
}

impl Connections {
    /// No connections yet. All connections end when `stop` is cancelled.
    pub(super) fn new(limits: Limits, stop: CancellationToken) -> Connections {
        let (burst, refill) = (limits.message_burst, limits.messages_per_second);
        let messages = TokenBuckets::new("messages", burst, refill, Duration::from_secs(1), Clock::system(), None);
        Connections(Arc::new(Open { limits, stop, tracker: TaskTracker::new(), messages, counts: Mutex::default() }))
    }

    /// Counts one message of a WebSocket. Returns whether it is within the rate limit.
    pub(super) fn count_message(&self, socket: &str) -> bool {
        self.0.messages.consume_locally(socket, 1).is_ok()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Returns when the server stops.
    pub(super) async fn stopped(&self) {
        self.0.stop.cancelled().await;
    }

    /// The stopping server waits until the returned token is dropped.
    pub(super) fn keep_open(&self) -> TaskTrackerToken {
        self.0.tracker.token()
    }

    /// Returns when no connection is open.
    pub(super) async fn wait_until_closed(&self) {
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }

    /// Takes a slot for one more connection. None if the owner has the maximum number.
    pub(super) fn admit(&self, owner: ConnectionOwner) -> Option<ConnectionSlot> {
        let (owner, max) = match owner {
            ConnectionOwner::Address(ip) => {
                (ConnectionOwner::Address(rate_limit::network(ip)), self.0.limits.connections_per_address)
            }
            ConnectionOwner::User(_) => (owner, self.0.limits.connections_per_user),
        };
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(owner).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(ConnectionSlot { open: self.clone(), owner })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut counts = self.open.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_slot_can_be_taken_and_leaves_no_entry() {
        let limits = Limits { connections_per_address: 2, connections_per_user: 1, ..Limits::default() };
        let connections = Connections::new(limits, CancellationToken::new());
        let address = |text: &str| ConnectionOwner::Address(text.parse().unwrap());
        let first = connections.admit(address("2001:db8::1")).unwrap();
        let second = connections.admit(address("2001:db8::2")).unwrap();
        assert!(connections.admit(address("2001:db8::3")).is_none(), "an IPv6 network counts as one address");
        assert!(connections.admit(address("192.0.2.1")).is_some());
        let user = connections.admit(ConnectionOwner::User(Uuid::from_u128(1))).unwrap();
        assert!(connections.admit(ConnectionOwner::User(Uuid::from_u128(1))).is_none());
        drop(first);
        assert!(connections.admit(address("2001:db8::3")).is_some());
        drop((second, user));
        assert_eq!(connections.0.counts.lock().unwrap().len(), 0);
    }
}
