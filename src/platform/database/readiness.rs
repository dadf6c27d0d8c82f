//! Whether the database stores writes durably, for the readiness endpoint.
//!
//! SQLite: the writer writes a row in a transaction, as every mutation does, and another connection reads it back. Only
//! this shows that others can read what a commit acknowledged: with a full disk, reads, pings and even some commits
//! succeed. As some still succeed, any statement of a transaction that failed because of the storage counts as well.
//!
//! Postgres: the server is asked whether it is read-only. It reports a commit that failed, and a row that every node
//! rewrites each second would cost a write to its log.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DbErr, QueryResult, RuntimeErr, Statement, TryGetable};

use super::database::Database;

/// How long one check may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a result is reused.
const RESULT_TTL: Duration = Duration::from_secs(1);

const WRITE: &str = "INSERT INTO heartbeat (id, beat) VALUES (1, 1) \
    ON CONFLICT (id) DO UPDATE SET beat = heartbeat.beat + 1 RETURNING beat";
const READ: &str = "SELECT beat FROM heartbeat WHERE id = 1";
const IS_READ_ONLY: &str = "SHOW transaction_read_only";

impl Database {
    /// Whether the database answers and stores writes durably. Checked about once a second, however often it is called.
    pub async fn ready(&self) -> Result<(), DbErr> {
        let pinged = tokio::time::timeout(TIMEOUT, self.ping()).await;
        pinged.unwrap_or_else(|_| Err(not_ready("the database does not answer in time")))?;
        if self.heartbeat.has_failed_recently() {
            return Err(not_ready("writes fail because of the storage"));
        }
        let mut last = self.heartbeat.last().await;
        if let Some((checked_at, result)) = &*last
            && checked_at.elapsed() < RESULT_TTL
        {
            return result.clone();
        }
        let written = tokio::time::timeout(TIMEOUT, self.write_heartbeat()).await;
        let result = written.unwrap_or_else(|_| Err(not_ready("the database does not store writes in time")));
        if let Err(error) = &result {
            tracing::warn!(%error, "the database is not ready");
        }
        *last = Some((Instant::now(), result.clone()));
        result
    }

    async fn write_heartbeat(&self) -> Result<(), DbErr> {
        if self.is_postgres() {
            let read_only: String = first_column(query_one(self.read(), IS_READ_ONLY).await?)?;
            return if read_only == "off" { Ok(()) } else { Err(not_ready("the database is read-only")) };
        }
        let txn = self.begin_write().await?;
        let written: i64 = first_column(query_one(&txn, WRITE).await?)?;
        txn.commit().await?;
        // Another process on the same file may have incremented it since.
        let read: i64 = first_column(query_one(self.read(), READ).await?)?;
        if read >= written { Ok(()) } else { Err(not_ready("a committed row cannot be read")) }
    }
}

async fn query_one(connection: &impl ConnectionTrait, sql: &str) -> Result<Option<QueryResult>, DbErr> {
    connection.query_one_raw(Statement::from_string(connection.get_database_backend(), sql)).await
}

fn first_column<T: TryGetable>(row: Option<QueryResult>) -> Result<T, DbErr> {
    let row = row.ok_or_else(|| not_ready("the row of the heartbeat is missing"))?;
    T::try_get_by(&row, 0).map_err(Into::into)
}

fn not_ready(why: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(why.to_owned()))
}
