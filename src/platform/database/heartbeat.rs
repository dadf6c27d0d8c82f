//! Whether the database takes writes and keeps them, for those who ask whether this process is ready.
//!
//! SQLite: a row is written by the writer, in a transaction as every mutation has one, and read back through another
//! connection. Only that shows that what a commit acknowledges is there for others: a full disk lets reads, pings and even
//! some commits succeed. As some still succeed, a write that anybody made and that failed for want of storage counts too.
//!
//! Postgres: the server is asked whether it takes writes. It commits in a process of its own and reports a commit that
//! failed, and a row that every node rewrites each second would cost all of them a write to its log.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::Error;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, RuntimeErr, Statement, TryGetable};
use tokio::sync::Mutex;

use super::Database;

/// How long the database has to show it.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer counts. However often somebody asks, the row is written about once in this time.
const LIFE: Duration = Duration::from_secs(1);
/// How long a write that failed for want of storage counts. Small writes may succeed in between.
const FAILURE_LIFE: Duration = Duration::from_secs(2);
/// SQLite: read-only, I/O error, corrupt, full, cannot open.
const SQLITE_STORAGE: [u32; 5] = [8, 10, 11, 13, 14];
/// Postgres: the classes of missing resources and system errors, and a transaction that may only read.
const POSTGRES_STORAGE: [&str; 3] = ["53", "58", "25006"];

const BEAT: &str = "INSERT INTO heartbeat (id, beat) VALUES (1, 1) \
    ON CONFLICT (id) DO UPDATE SET beat = heartbeat.beat + 1 RETURNING beat";
const READ: &str = "SELECT beat FROM heartbeat WHERE id = 1";
const IS_READ_ONLY: &str = "SHOW transaction_read_only";

/// When readiness was last looked at, and what was found.
type Answer = (Instant, Result<(), DbErr>);

#[derive(Clone, Debug, Default)]
pub(super) struct Heartbeat(Arc<Found>);

#[derive(Debug, Default)]
struct Found {
    /// The last answer. Those who ask while somebody looks wait for the new one.
    last: Mutex<Option<Answer>>,
    /// When a write of somebody last failed for want of storage.
    failure: std::sync::Mutex<Option<Instant>>,
}

impl Heartbeat {
    /// Takes note of an error if it says that the storage fails.
    pub(super) fn note(&self, error: &Error) {
        if is_of_storage(error) {
            *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    fn has_failed_lately(&self) -> bool {
        let failure = *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.is_some_and(|at| at.elapsed() < FAILURE_LIFE)
    }
}

fn is_of_storage(error: &Error) -> bool {
    let Some(code) = error.as_database_error().and_then(|error| error.code()) else { return false };
    match code.parse::<u32>() {
        // An extended code of SQLite holds the plain one in its lowest byte. SQLSTATEs have five characters.
        Ok(sqlite) if code.len() < 5 => SQLITE_STORAGE.contains(&(sqlite & 0xff)),
        _ => POSTGRES_STORAGE.iter().any(|class| code.starts_with(class)),
    }
}

impl Database {
    /// Whether the database answers, takes writes and keeps them.
    pub async fn ready(&self) -> Result<(), DbErr> {
        let answered = tokio::time::timeout(TIMEOUT, self.ping()).await;
        answered.unwrap_or_else(|_| Err(unready("the database does not answer in time")))?;
        if self.heartbeat.has_failed_lately() {
            return Err(unready("writes fail for want of storage"));
        }
        let mut last = self.heartbeat.0.last.lock().await;
        if let Some((found, answer)) = &*last
            && found.elapsed() < LIFE
        {
            return answer.clone();
        }
        let beat = tokio::time::timeout(TIMEOUT, self.beat()).await;
        let answer = beat.unwrap_or_else(|_| Err(unready("the database does not take writes in time")));
        if let Err(error) = &answer {
            tracing::warn!(%error, "the database is not ready");
        }
        *last = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn beat(&self) -> Result<(), DbErr> {
        if self.is_postgres() {
            let answer: String = first(one(self.read(), IS_READ_ONLY).await?)?;
            return if answer == "off" { Ok(()) } else { Err(unready("the database takes no writes")) };
        }
        let txn = self.begin_write().await?;
        let written: i64 = first(one(&txn, BEAT).await?)?;
        txn.commit().await?;
        // Another process on the same file may have written since.
        let read: i64 = first(one(self.read(), READ).await?)?;
        if read >= written { Ok(()) } else { Err(unready("what was committed is not there for others")) }
    }
}

async fn one(connection: &impl ConnectionTrait, sql: &str) -> Result<Option<QueryResult>, DbErr> {
    connection.query_one_raw(Statement::from_string(connection.get_database_backend(), sql)).await
}

fn first<T: TryGetable>(row: Option<QueryResult>) -> Result<T, DbErr> {
    let row = row.ok_or_else(|| unready("the row of the heartbeat is not there"))?;
    T::try_get_by(&row, 0).map_err(Into::into)
}

fn unready(why: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_file_is_a_fault_of_the_storage_and_a_violation_is_not() {
        let pool = sea_orm::sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
        let fails = async |sql: &'static str| sea_orm::sqlx::query(sql).execute(&pool).await.unwrap_err();
        sea_orm::sqlx::raw_sql("CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT); PRAGMA max_page_count = 10")
            .execute(&pool)
            .await
            .unwrap();
        assert!(is_of_storage(&fails("INSERT INTO t VALUES (1, hex(zeroblob(1000000)))").await));
        assert!(!is_of_storage(&fails("INSERT INTO t VALUES (1, 'a'), (1, 'b')").await));
        assert!(!is_of_storage(&fails("INSERT INTO nowhere VALUES (1)").await));
    }
}
