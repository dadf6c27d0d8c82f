//! Messages between the processes of one deployment.

pub(super) mod cluster;
pub mod pg_notify;
pub mod publisher;
pub(super) mod redis;
pub(super) mod transport;
