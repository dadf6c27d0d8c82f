//! An event that subscribers receive, and the topic under which they subscribe to it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an event is about: a kind of object, and the id of one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Topic {
    pub(super) kind: String,
    id: Uuid,
}

impl Topic {
    /// The topic of one object.
    pub fn new(kind: &str, id: Uuid) -> Topic {
        Topic { kind: kind.to_owned(), id }
    }
}

/// A change that was committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// What changed.
    pub topic: Topic,
    /// Ids and days, in the form that the topic's subscribers expect. Small, and without anything private: each
    /// subscriber reads the rows with its own rights.
    pub body: serde_json::Value,
}

impl Event {
    /// The id under this name in the body. None if there is none or it is no UUID.
    pub fn id(&self, name: &str) -> Option<Uuid> {
        self.body.get(name)?.as_str()?.parse().ok()
    }
}
