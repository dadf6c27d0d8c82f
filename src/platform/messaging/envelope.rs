//! What nodes send each other: an event, a heartbeat or a goodbye, with the number of the sender's latest event.

use serde::{Deserialize, Serialize};

/// One message of a node. The same message may arrive twice.
///
/// The JSON names are part of the protocol between nodes of different versions: they do not change.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope<E> {
    /// The random number of the node that sends.
    pub node: u64,
    /// The number of the latest event of that node.
    pub number: u64,
    #[serde(rename = "says")]
    pub content: Content<E>,
}

/// What an envelope contains.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content<E> {
    /// An event; the envelope's number is its number.
    Event(E),
    /// No event since the last message; the node is alive.
    #[serde(rename = "beat")]
    Heartbeat,
    /// The node stops and has sent all of its events.
    #[serde(rename = "farewell")]
    Goodbye,
}
