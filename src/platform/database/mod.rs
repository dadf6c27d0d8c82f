//! The database: one code for SQLite and Postgres.
//!
//! **Invariant:** every write is in a transaction that begins with [`Database::begin_write`] or is a single statement on
//! [`Database::write`]. A transaction belongs to one connection until the database has confirmed its end, so a caller
//! that is dropped at any await leaves nothing open.

mod connection;
#[expect(clippy::module_inception, reason = "the file has the name of its type")]
mod database;
mod engine;
mod heartbeat;
mod options;
mod owned_connection;
mod query_stats;
mod readiness;
mod transaction;

pub use connection::Connection;
pub use database::Database;
pub use engine::{is_duplicate, is_postgres, skip_locked};
pub use options::without_password;
pub use query_stats::QueryStats;
pub use transaction::Transaction;
