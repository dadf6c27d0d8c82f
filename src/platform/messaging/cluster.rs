//! What is heard of other processes: each event once, and a missing one noticed, be it the last of a node that died.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use sea_orm::entity::prelude::async_trait::async_trait;

use super::pg_notify::Hear;
use super::publisher::{Event, Events};
use super::transport::{BEAT, Letter, Says};

/// How many nodes are remembered; each start of a process is another one.
const MOST_NODES: usize = 1_024;
/// How long a node may say nothing before it is taken for dead.
pub(super) const SILENCE: Duration = BEAT.saturating_mul(3);

/// The other nodes, each as it was last heard.
pub(super) struct Peers {
    own: u64,
    heard: HashMap<u64, Heard>,
    events: Events,
}

struct Heard {
    /// The number of its latest event.
    number: u64,
    at: Instant,
}

impl Peers {
    pub(super) fn new(events: Events) -> Peers {
        Peers { own: rand::random(), heard: HashMap::new(), events }
    }

    /// The number of this node.
    pub(super) fn own(&self) -> u64 {
        self.own
    }

    /// Takes a letter in. What this node sent itself its listeners have heard already.
    pub(super) fn take(&mut self, text: &str, now: Instant) {
        let letter: Letter<Event> = match serde_json::from_str(text) {
            Ok(letter) => letter,
            Err(error) => {
                // As another version of the service might write it: what it told is unknown.
                tracing::warn!(%error, "an event of another node cannot be read");
                return self.lose(now);
            }
        };
        if letter.node == self.own {
            return;
        }
        if self.heard.len() >= MOST_NODES {
            self.heard.clear();
        }
        let is_event = matches!(letter.says, Says::Event(_));
        let before = match self.heard.entry(letter.node) {
            Entry::Occupied(mut heard) => {
                let heard = heard.get_mut();
                heard.at = now;
                let before = heard.number;
                heard.number = before.max(letter.number);
                Some(before)
            }
            Entry::Vacant(first) => {
                first.insert(Heard { number: letter.number, at: now });
                None
            }
        };
        let known = before.map_or(letter.number, |before| before + u64::from(is_event));
        if letter.number > known {
            self.events.interrupt();
        }
        match letter.says {
            Says::Event(event) if before.is_none_or(|before| letter.number > before) => self.events.relay(event),
            Says::Farewell => drop(self.heard.remove(&letter.node)),
            Says::Event(_) | Says::Beat => {}
        }
    }

    /// Something may have been missed. The numbers are kept: what was lost on its way will show by them.
    pub(super) fn lose(&mut self, now: Instant) {
        // While nothing was heard, silence meant nothing.
        self.heard.values_mut().for_each(|heard| heard.at = now);
        self.events.interrupt();
    }

    /// Forgets the nodes that have fallen silent. With each goes what it had not told yet, unless it never had anything
    /// to tell, like a command that was broken off.
    pub(super) fn look(&mut self, now: Instant) {
        let mut is_lost = false;
        self.heard.retain(|_, heard| {
            let is_silent = now.saturating_duration_since(heard.at) >= SILENCE;
            is_lost |= is_silent && heard.number > 0;
            !is_silent
        });
        if is_lost {
            tracing::warn!("another node has fallen silent; live streams were ended, as it may have had more to tell");
            self.events.interrupt();
        }
    }
}

#[async_trait]
impl Hear for Peers {
    async fn heard(&mut self, notice: &str) {
        self.take(notice, Instant::now());
    }

    fn missed(&mut self) {
        self.lose(Instant::now());
    }

    fn look(&mut self) {
        Peers::look(self, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::messaging::publisher::{Listener, Missed, Topic};

    struct Scene {
        peers: Peers,
        listener: Listener,
        begun: Instant,
    }

    fn topic() -> Topic {
        Topic::new("test", uuid::Uuid::nil())
    }

    impl Scene {
        fn new() -> Scene {
            let events = Events::default();
            let listener = events.listen(topic());
            Scene { peers: Peers::new(events), listener, begun: Instant::now() }
        }

        fn says(&mut self, number: u64, says: Says<Event>, after_s: u64) {
            let letter = Letter { node: self.peers.own().wrapping_add(1), number, says };
            self.peers.take(&serde_json::to_string(&letter).unwrap(), self.begun + Duration::from_secs(after_s));
        }

        fn tells(&mut self, number: u64) {
            self.says(number, Says::Event(Event { topic: topic(), body: number.into() }), 0);
        }

        fn look(&mut self, after_s: u64) {
            self.peers.look(self.begun + Duration::from_secs(after_s));
        }

        /// The numbers that were heard, and whether it was interrupted after them; then listens anew.
        async fn heard(&mut self) -> (Vec<u64>, bool) {
            let end = self.peers.events.listen(topic());
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
    async fn an_event_that_comes_twice_is_heard_once() {
        let mut scene = Scene::new();
        for number in [1, 2, 1, 2, 3] {
            scene.tells(number);
        }
        assert_eq!(scene.heard().await, (vec![1, 2, 3], false));
    }

    #[tokio::test]
    async fn a_missing_event_is_noticed_also_after_a_time_of_hearing_nothing() {
        let mut scene = Scene::new();
        scene.tells(1);
        let now = scene.begun;
        scene.peers.lose(now);
        assert_eq!(scene.heard().await, (vec![1], true));
        scene.tells(3);
        assert_eq!(scene.heard().await, (vec![], true));
        scene.tells(4);
        assert_eq!(scene.heard().await, (vec![4], false));
    }

    #[tokio::test]
    async fn a_missing_last_event_is_noticed_by_the_next_beat() {
        let mut scene = Scene::new();
        scene.tells(1);
        scene.says(1, Says::Beat, 5);
        assert_eq!(scene.heard().await, (vec![1], false));
        scene.says(2, Says::Beat, 10);
        assert_eq!(scene.heard().await, (vec![], true));
        scene.says(2, Says::Beat, 15);
        scene.tells(3);
        assert_eq!(scene.heard().await, (vec![3], false));
    }

    #[tokio::test]
    async fn a_node_that_falls_silent_is_noticed_once() {
        let mut scene = Scene::new();
        scene.tells(1);
        scene.says(1, Says::Beat, 5);
        scene.look(19);
        assert_eq!(scene.heard().await, (vec![1], false));
        scene.look(20);
        assert_eq!(scene.heard().await, (vec![], true));
        scene.look(60);
        assert_eq!(scene.heard().await, (vec![], false));
    }

    #[tokio::test]
    async fn silence_while_nothing_could_be_heard_means_nothing() {
        let mut scene = Scene::new();
        scene.tells(1);
        let later = scene.begun + Duration::from_secs(60);
        scene.peers.lose(later);
        assert_eq!(scene.heard().await, (vec![1], true));
        scene.look(74);
        assert_eq!(scene.heard().await, (vec![], false));
        scene.look(75);
        assert_eq!(scene.heard().await, (vec![], true));
    }

    #[tokio::test]
    async fn a_node_that_says_farewell_interrupts_nobody_unless_something_of_it_is_missing() {
        let mut scene = Scene::new();
        scene.tells(1);
        scene.says(1, Says::Farewell, 1);
        scene.look(60);
        assert_eq!(scene.heard().await, (vec![1], false));
        scene.tells(1);
        scene.says(2, Says::Farewell, 1);
        assert_eq!(scene.heard().await, (vec![1], true));
    }

    #[tokio::test]
    async fn a_node_that_never_told_anything_is_forgotten_without_a_word() {
        let mut scene = Scene::new();
        scene.says(0, Says::Beat, 0);
        scene.look(60);
        assert_eq!(scene.heard().await, (vec![], false));
        assert!(scene.peers.heard.is_empty());
    }
}
