//! The latest result of a readiness check, and the latest write that failed because of the storage.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::DbErr;
use sea_orm::sqlx::Error;
use tokio::sync::{Mutex, MutexGuard};

/// How long a write that failed because of the storage counts as a failure. Small writes may succeed in between.
const FAILURE_TTL: Duration = Duration::from_secs(2);
/// Result codes of SQLite: read-only, I/O error, corrupt, full, cannot open.
const SQLITE_STORAGE: [u32; 5] = [8, 10, 11, 13, 14];
/// SQLSTATE classes of Postgres: insufficient resources and system errors, and read-only transactions.
const POSTGRES_STORAGE: [&str; 3] = ["53", "58", "25006"];

/// A result of the check and when it was made.
pub(super) type Checked = (Instant, Result<(), DbErr>);

#[derive(Clone, Debug, Default)]
pub(super) struct Heartbeat(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// The last result. Callers that arrive during a check wait for its result.
    last: Mutex<Option<Checked>>,
    /// When a write last failed because of the storage.
    failure: std::sync::Mutex<Option<Instant>>,
}

impl Heartbeat {
    /// Records an error if it is a failure of the storage.
    pub(super) fn record_error(&self, error: &Error) {
        if is_storage_failure(error) {
            *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    /// The last result. Locked while a check is running.
    pub(super) async fn last(&self) -> MutexGuard<'_, Option<Checked>> {
        self.0.last.lock().await
    }

    /// Whether a write failed because of the storage within the last two seconds.
    pub(super) fn has_failed_recently(&self) -> bool {
        let failure = *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.is_some_and(|at| at.elapsed() < FAILURE_TTL)
    }
}

fn is_storage_failure(error: &Error) -> bool {
    let Some(code) = error.as_database_error().and_then(|error| error.code()) else { return false };
    match code.parse::<u32>() {
        // The lowest byte of an extended code of SQLite is the primary code. SQLSTATEs have five characters.
        Ok(sqlite) if code.len() < 5 => SQLITE_STORAGE.contains(&(sqlite & 0xff)),
        _ => POSTGRES_STORAGE.iter().any(|class| code.starts_with(class)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_file_is_a_storage_failure_and_a_constraint_violation_is_not() {
        let pool = sea_orm::sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
        let fails = async |sql: &'static str| sea_orm::sqlx::query(sql).execute(&pool).await.unwrap_err();
        sea_orm::sqlx::raw_sql("CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT); PRAGMA max_page_count = 10")
            .execute(&pool)
            .await
            .unwrap();
        assert!(is_storage_failure(&fails("INSERT INTO t VALUES (1, hex(zeroblob(1000000)))").await));
        assert!(!is_storage_failure(&fails("INSERT INTO t VALUES (1, 'a'), (1, 'b')").await));
        assert!(!is_storage_failure(&fails("INSERT INTO nowhere VALUES (1)").await));
    }
}
