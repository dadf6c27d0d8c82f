//! Refunds: sending back what a guest paid.
//!
//! **Invariant:** a refund's row is inserted before the processor is called, and its id is the call's idempotency key.

pub(super) mod reconcile;
mod retry;
mod send;

pub use retry::{load_refund, retry_refund};
pub use send::send_refunds;
