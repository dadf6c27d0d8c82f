//! Messages between the processes of one deployment, and between the parts of one process.
//!
//! **Invariant:** a message is a hint, never the record. Rows are the record: a receiver reads them
//! again, with its own rights.

mod cluster;
mod envelope;
mod event;
mod join;
pub mod pg_notify;
mod publisher;
mod redis;
mod transport;

pub use event::{Event, Topic};
pub(in crate::platform) use join::join;
pub use publisher::{BUFFER, Events, Listener, Missed};
