//! The infrastructure under the domain: database, cache, queue, messages, limits, secrets, clock and payment gateway.
//!
//! **Invariant:** nothing here depends on the domain.

mod app;
pub mod audit;
pub mod bulk;
pub mod cache;
pub mod clock;
pub mod config;
pub mod database;
pub mod fail_point;
pub mod gateway;
pub mod idempotency;
mod jwt_hmac;
pub mod keyset;
pub mod limits;
pub mod messaging;
pub mod password;
pub mod persisted_documents;
pub mod queue;
pub mod redis;
pub mod signing;
mod start_error;
pub mod telemetry;
pub mod top_n_per_group;

pub use app::{App, Handles};
pub use start_error::StartError;
