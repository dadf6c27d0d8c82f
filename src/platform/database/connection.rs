//! Connections that count their statements, for the whole process and for the current request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::query_stats::current_stats;

/// A pool or a transaction that counts its statements.
#[derive(Clone, Debug)]
pub struct Connection<C = DatabaseConnection> {
    inner: C,
    statements: Arc<AtomicU64>,
}

impl<C> Connection<C> {
    pub(super) fn new(inner: C, statements: Arc<AtomicU64>) -> Self {
        Connection { inner, statements }
    }

    /// The connection whose statements are counted.
    pub(super) fn inner(&self) -> &C {
        &self.inner
    }

    pub(super) fn into_inner(self) -> C {
        self.inner
    }

    async fn count<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>> + Send,
        rows: impl FnOnce(&T) -> usize,
    ) -> Result<T, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let Some(stats) = current_stats() else { return statement.await };
        let started = Instant::now();
        let result = statement.await;
        stats.add(result.as_ref().map_or(0, rows), started.elapsed());
        result
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Connection<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.count(self.inner.execute_raw(statement), |_| 0).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.count(self.inner.execute_unprepared(sql), |_| 0).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if self.get_database_backend() == DbBackend::Sqlite {
            // Reads all rows. SQLite commits a single statement after its last row, and sqlx drops the error of a
            // statement that is left after its first row: a full disk would go unnoticed after RETURNING.
            return Ok(self.query_all_raw(statement).await?.into_iter().next());
        }
        self.count(self.inner.query_one_raw(statement), |row| usize::from(row.is_some())).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.count(self.inner.query_all_raw(statement), Vec::len).await
    }

    fn support_returning(&self) -> bool {
        self.inner.support_returning()
    }

    fn is_mock_connection(&self) -> bool {
        self.inner.is_mock_connection()
    }
}
