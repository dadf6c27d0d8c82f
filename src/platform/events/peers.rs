//! What is heard of other processes: each event once, and a missing one noticed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use sea_orm::entity::prelude::async_trait::async_trait;

use super::wire::Letter;
use super::{Event, Events};
use crate::platform::notices::Hear;

/// How many nodes are remembered; each start of a process is another one.
const MOST_NODES: usize = 1_024;

/// The other nodes, each with the number of its last letter.
pub(super) struct Peers {
    own: u64,
    last: HashMap<u64, u64>,
    events: Events,
}

impl Peers {
    pub(super) fn new(events: Events) -> Peers {
        Peers { own: rand::random(), last: HashMap::new(), events }
    }

    /// The number of this node.
    pub(super) fn own(&self) -> u64 {
        self.own
    }

    /// Takes a letter in. What this node sent itself its listeners have heard already.
    pub(super) fn take(&mut self, text: &str) {
        let letter: Letter<Event> = match serde_json::from_str(text) {
            Ok(letter) => letter,
            Err(error) => {
                // As another version of the service might write it: what it told is unknown.
                tracing::warn!(%error, "an event of another node cannot be read");
                return self.lose();
            }
        };
        if letter.node == self.own {
            return;
        }
        if self.last.len() >= MOST_NODES {
            self.last.clear();
        }
        let is_gap = match self.last.entry(letter.node) {
            Entry::Occupied(last) if letter.number <= *last.get() => return,
            Entry::Occupied(mut last) => letter.number - last.insert(letter.number) > 1,
            Entry::Vacant(first) => {
                first.insert(letter.number);
                false
            }
        };
        if is_gap {
            self.events.interrupt();
        }
        self.events.relay(letter.event);
    }

    /// Something may have been missed.
    pub(super) fn lose(&mut self) {
        self.last.clear();
        self.events.interrupt();
    }
}

#[async_trait]
impl Hear for Peers {
    async fn heard(&mut self, notice: &str) {
        self.take(notice);
    }

    fn missed(&mut self) {
        self.lose();
    }
}
