//! The other nodes of the deployment: delivers each of their events once and notices those that were missed, also the
//! last event of a node that died.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use sea_orm::entity::prelude::async_trait::async_trait;

use super::envelope::{Content, Envelope};
use super::event::Event;
use super::pg_notify::Handler;
use super::publisher::Events;
use super::transport::HEARTBEAT;

/// How many nodes are remembered. Each start of a process is another node.
const MAX_NODES: usize = 1_024;
/// How long a node may be silent before it is taken for dead.
const SILENCE: Duration = HEARTBEAT.saturating_mul(3);

/// The other nodes, each with its last message.
pub(super) struct Cluster {
    own: u64,
    nodes: HashMap<u64, Node>,
    events: Events,
}

struct Node {
    /// The number of its latest event.
    number: u64,
    seen_at: Instant,
}

impl Cluster {
    pub(super) fn new(events: Events) -> Cluster {
        Cluster { own: rand::random(), nodes: HashMap::new(), events }
    }

    /// The number of this node.
    pub(super) fn own(&self) -> u64 {
        self.own
    }

    /// Handles a message. Messages of this node are ignored: its listeners received those events when they were
    /// published.
    pub(super) fn receive(&mut self, text: &str, now: Instant) {
        let envelope: Envelope<Event> = match serde_json::from_str(text) {
            Ok(envelope) => envelope,
            Err(error) => {
                // Another version of the service may write other messages: what this one contains is unknown.
                tracing::warn!(%error, "an event of another node cannot be read");
                return self.interrupt(now);
            }
        };
        if envelope.node == self.own {
            return;
        }
        if self.nodes.len() >= MAX_NODES {
            self.nodes.clear();
        }
        let is_event = matches!(envelope.content, Content::Event(_));
        let before = match self.nodes.entry(envelope.node) {
            Entry::Occupied(mut node) => {
                let node = node.get_mut();
                node.seen_at = now;
                let before = node.number;
                node.number = before.max(envelope.number);
                Some(before)
            }
            Entry::Vacant(first) => {
                first.insert(Node { number: envelope.number, seen_at: now });
                None
            }
        };
        let expected = before.map_or(envelope.number, |before| before + u64::from(is_event));
        if envelope.number > expected {
            self.events.interrupt();
        }
        match envelope.content {
            Content::Event(event) if before.is_none_or(|before| envelope.number > before) => self.events.relay(event),
            Content::Goodbye => drop(self.nodes.remove(&envelope.node)),
            Content::Event(_) | Content::Heartbeat => {}
        }
    }

    /// Ends all listeners because messages may have been missed. The numbers stay: they show which events were lost.
    pub(super) fn interrupt(&mut self, now: Instant) {
        // Nothing could be received meanwhile, so the silence of a node so far means nothing.
        self.nodes.values_mut().for_each(|node| node.seen_at = now);
        self.events.interrupt();
    }

    /// Removes the nodes that were silent for too long. Such a node may have had events that it did not send, unless it
    /// never sent any, like a command that was aborted; so all listeners are ended.
    pub(super) fn remove_silent(&mut self, now: Instant) {
        let mut is_lost = false;
        self.nodes.retain(|_, node| {
            let is_silent = now.saturating_duration_since(node.seen_at) >= SILENCE;
            is_lost |= is_silent && node.number > 0;
            !is_silent
        });
        if is_lost {
            tracing::warn!("another node is silent; live streams were ended, as it may have had more events");
            self.events.interrupt();
        }
    }
}

#[async_trait]
impl Handler for Cluster {
    async fn handle(&mut self, message: &str) {
        self.receive(message, Instant::now());
    }

    fn missed(&mut self) {
        self.interrupt(Instant::now());
    }

    fn tick(&mut self) {
        self.remove_silent(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::messaging::{Listener, Missed, Topic};

    struct Fixture {
        cluster: Cluster,
        listener: Listener,
        started: Instant,
    }

    fn topic() -> Topic {
        Topic::new("test", uuid::Uuid::nil())
    }

    impl Fixture {
        fn new() -> Fixture {
            let events = Events::default();
            let listener = events.listen(topic());
            Fixture { cluster: Cluster::new(events), listener, started: Instant::now() }
        }

        fn send(&mut self, number: u64, content: Content<Event>, after_s: u64) {
            let envelope = Envelope { node: self.cluster.own().wrapping_add(1), number, content };
            self.cluster
                .receive(&serde_json::to_string(&envelope).unwrap(), self.started + Duration::from_secs(after_s));
        }

        fn send_event(&mut self, number: u64) {
            self.send(number, Content::Event(Event { topic: topic(), body: number.into() }), 0);
        }

        fn remove_silent(&mut self, after_s: u64) {
            self.cluster.remove_silent(self.started + Duration::from_secs(after_s));
        }

        /// The numbers that were received, and whether the listener was interrupted after them; then listens again.
        async fn received(&mut self) -> (Vec<u64>, bool) {
            let end = self.cluster.events.listen(topic());
            let mut before = std::mem::replace(&mut self.listener, end);
            let (mut numbers, brief) = (Vec::new(), Duration::from_millis(1));
            loop {
                match tokio::time::timeout(brief, before.next()).await {
                    Ok(Ok(event)) => numbers.push(event.body.as_u64().unwrap()),
                    Ok(Err(missed)) => return (numbers, missed == Missed::Interrupted),
                    Err(_) => return (numbers, false),
                }
            }
        }
    }

    #[tokio::test]
    async fn an_event_that_arrives_twice_is_delivered_once() {
        let mut fixture = Fixture::new();
        for number in [1, 2, 1, 2, 3] {
            fixture.send_event(number);
        }
        assert_eq!(fixture.received().await, (vec![1, 2, 3], false));
    }

    #[tokio::test]
    async fn a_missing_event_is_noticed_also_after_an_interruption() {
        let mut fixture = Fixture::new();
        fixture.send_event(1);
        let now = fixture.started;
        fixture.cluster.interrupt(now);
        assert_eq!(fixture.received().await, (vec![1], true));
        fixture.send_event(3);
        assert_eq!(fixture.received().await, (vec![], true));
        fixture.send_event(4);
        assert_eq!(fixture.received().await, (vec![4], false));
    }

    #[tokio::test]
    async fn a_missing_last_event_is_noticed_by_the_next_heartbeat() {
        let mut fixture = Fixture::new();
        fixture.send_event(1);
        fixture.send(1, Content::Heartbeat, 5);
        assert_eq!(fixture.received().await, (vec![1], false));
        fixture.send(2, Content::Heartbeat, 10);
        assert_eq!(fixture.received().await, (vec![], true));
        fixture.send(2, Content::Heartbeat, 15);
        fixture.send_event(3);
        assert_eq!(fixture.received().await, (vec![3], false));
    }

    #[tokio::test]
    async fn a_node_that_becomes_silent_is_noticed_once() {
        let mut fixture = Fixture::new();
        fixture.send_event(1);
        fixture.send(1, Content::Heartbeat, 5);
        fixture.remove_silent(19);
        assert_eq!(fixture.received().await, (vec![1], false));
        fixture.remove_silent(20);
        assert_eq!(fixture.received().await, (vec![], true));
        fixture.remove_silent(60);
        assert_eq!(fixture.received().await, (vec![], false));
    }

    #[tokio::test]
    async fn silence_during_an_interruption_means_nothing() {
        let mut fixture = Fixture::new();
        fixture.send_event(1);
        let later = fixture.started + Duration::from_secs(60);
        fixture.cluster.interrupt(later);
        assert_eq!(fixture.received().await, (vec![1], true));
        fixture.remove_silent(74);
        assert_eq!(fixture.received().await, (vec![], false));
        fixture.remove_silent(75);
        assert_eq!(fixture.received().await, (vec![], true));
    }

    #[tokio::test]
    async fn a_goodbye_interrupts_only_if_an_event_is_missing() {
        let mut fixture = Fixture::new();
        fixture.send_event(1);
        fixture.send(1, Content::Goodbye, 1);
        fixture.remove_silent(60);
        assert_eq!(fixture.received().await, (vec![1], false));
        fixture.send_event(1);
        fixture.send(2, Content::Goodbye, 1);
        assert_eq!(fixture.received().await, (vec![1], true));
    }

    #[tokio::test]
    async fn a_silent_node_without_events_is_removed_without_an_interruption() {
        let mut fixture = Fixture::new();
        fixture.send(0, Content::Heartbeat, 0);
        fixture.remove_silent(60);
        assert_eq!(fixture.received().await, (vec![], false));
        assert!(fixture.cluster.nodes.is_empty());
    }
}
