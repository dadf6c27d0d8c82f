//! Connections that count what is sent through them, for the whole process and for the request that sent it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

tokio::task_local! {
    static METER: Arc<Meter>;
}

/// What one request has asked of the database.
#[derive(Debug, Default)]
pub struct Meter {
    statements: AtomicU64,
    rows: AtomicU64,
    microseconds: AtomicU64,
}

impl Meter {
    /// Runs `work` and counts here what it asks of the database, as far as it does so in its own task.
    pub async fn measure<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        METER.scope(self.clone(), work).await
    }

    /// How many statements were sent.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How many rows came back.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// How long the answers were waited for in all, in microseconds. Statements that ran at the same time count each.
    pub fn microseconds(&self) -> u64 {
        self.microseconds.load(Ordering::Relaxed)
    }
}

/// The same work for another task, counted where the caller's is.
pub(super) fn measured<F: Future + Send>(work: F) -> impl Future<Output = F::Output> + Send {
    let meter = METER.try_with(Arc::clone).ok();
    async move {
        match meter {
            Some(meter) => meter.measure(work).await,
            None => work.await,
        }
    }
}

/// A pool or a transaction that counts.
#[derive(Clone, Debug)]
pub struct Connection<C = DatabaseConnection> {
    inner: C,
    statements: Arc<AtomicU64>,
}

impl<C> Connection<C> {
    pub(super) fn new(inner: C, statements: Arc<AtomicU64>) -> Self {
        Connection { inner, statements }
    }

    /// What is counted.
    pub(super) fn inner(&self) -> &C {
        &self.inner
    }

    pub(super) fn into_inner(self) -> C {
        self.inner
    }

    async fn count<T>(
        &self,
        asked: impl Future<Output = Result<T, DbErr>> + Send,
        rows: impl FnOnce(&T) -> usize,
    ) -> Result<T, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        let Ok(meter) = METER.try_with(Arc::clone) else { return asked.await };
        let begun = Instant::now();
        let answer = asked.await;
        let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        meter.statements.fetch_add(1, Ordering::Relaxed);
        meter.microseconds.fetch_add(took, Ordering::Relaxed);
        let rows = answer.as_ref().map_or(0, rows);
        meter.rows.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
        answer
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
            // Reads to the end. SQLite commits a single statement after its last row, and sqlx drops what it says about
            // one that was left after its first row: a full disk would go unnoticed after RETURNING.
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
