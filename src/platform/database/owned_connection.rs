//! A connection that a transaction owns from BEGIN until the database has confirmed its end.
//!
//! **Invariant:** an owned connection returns to its pool only after the database itself has confirmed that no
//! transaction is open on it, by its response to COMMIT or ROLLBACK. A caller may be dropped at any await; a task of its
//! own then waits for the response. A connection without that confirmation is closed.
//!
//! sqlx's own transactions are not used. They count their depth after the response to BEGIN, so a caller dropped before it
//! leaves a transaction that is never ended; and they keep the count when COMMIT or ROLLBACK fails, so the next BEGIN
//! becomes a SAVEPOINT inside a transaction that nobody commits.

use std::time::Duration;

use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{AssertSqlSafe, Error, Executor, Postgres, Sqlite, query_with};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement, Values,
};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::task::TaskTracker;

use super::heartbeat::Heartbeat;

/// How long a rollback may take before the connection is closed.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(10);
/// Postgres: how long closing a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many connections are tried if the first is already inside a transaction. SQLite has one that writes.
const BEGIN_ATTEMPTS: usize = 2;
/// Part of SQLite's message if BEGIN found an open transaction. Postgres only warns, but there nothing else begins
/// transactions on these connections.
const IN_TRANSACTION: &str = "within a transaction";
/// Part of SQLite's message if ROLLBACK found none.
const NO_TRANSACTION: &str = "no transaction is active";

/// The kind of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// May write. SQLite takes its write lock at once: a transaction that reads first and upgrades later fails under
    /// contention whatever the timeout.
    Write,
    /// Only reads, and sees everything as it was at its first statement.
    Snapshot,
}

/// A transaction that is open on a connection of its own.
#[derive(Debug)]
pub(super) struct OwnedConnection {
    backend: DbBackend,
    state: Mutex<State>,
    tasks: TaskTracker,
    heartbeat: Heartbeat,
}

#[derive(Debug)]
struct State {
    /// Absent once the transaction has ended.
    connection: Option<Pooled>,
    /// A statement is running, or its caller was dropped while it was running.
    is_busy: bool,
    /// A statement failed so that the transaction can no longer be committed as a whole.
    has_failed: bool,
}

#[derive(Debug)]
enum Pooled {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

/// Runs an expression on a connection of either kind.
macro_rules! with_connection {
    ($pooled:expr, $connection:ident => $do:expr) => {
        match $pooled {
            Pooled::Postgres($connection) => $do,
            Pooled::Sqlite($connection) => $do,
        }
    };
}

impl Mode {
    fn sql(self, backend: DbBackend) -> &'static str {
        match (backend, self) {
            (DbBackend::Postgres, Mode::Write) => "BEGIN",
            (DbBackend::Postgres, Mode::Snapshot) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (_, Mode::Write) => "BEGIN IMMEDIATE",
            // In write-ahead mode every transaction of SQLite that begins with a read is a snapshot.
            (_, Mode::Snapshot) => "BEGIN DEFERRED",
        }
    }
}

impl OwnedConnection {
    /// Takes a connection from the pool and begins a transaction on it.
    pub(super) async fn begin(
        pool: &DatabaseConnection,
        mode: Mode,
        tasks: &TaskTracker,
        heartbeat: &Heartbeat,
    ) -> Result<OwnedConnection, DbErr> {
        let backend = pool.get_database_backend();
        let mut attempt = 1;
        loop {
            let connection = Some(Pooled::acquire(pool).await?);
            // From here on the connection is treated as one with an open transaction, whatever happens to BEGIN.
            let state = State { connection, is_busy: false, has_failed: false };
            let mut owned = OwnedConnection {
                backend,
                state: Mutex::new(state),
                tasks: tasks.clone(),
                heartbeat: heartbeat.clone(),
            };
            let state = owned.state.get_mut();
            let started = match &mut state.connection {
                Some(connection) => connection.run(mode.sql(backend)).await,
                None => Err(Error::WorkerCrashed),
            };
            let Err(error) = started else { return Ok(owned) };
            heartbeat.record_error(&error);
            // It is unknown whether this connection is inside a transaction.
            if let Some(connection) = state.connection.take() {
                tasks.spawn(connection.close());
            }
            if attempt == BEGIN_ATTEMPTS || !has_message(&error, IN_TRANSACTION) {
                return Err(exec_error(error));
            }
            tracing::error!(%error, "closing a pooled connection that was inside a transaction");
            attempt += 1;
        }
    }

    /// Commits. After a failure the state of the connection is unknown, and it is closed.
    pub(super) async fn commit(mut self) -> Result<(), DbErr> {
        let state = self.state.get_mut();
        if state.has_failed || state.is_busy {
            // Postgres would report success for COMMIT and roll back; SQLite may have rolled back the statements before
            // the failure and would commit those after it.
            self.rollback().await?;
            return Err(failed_before());
        }
        let connection = state.connection.as_mut().ok_or_else(failed_before)?;
        let committed = connection.run("COMMIT").await;
        let connection = state.connection.take();
        if let Err(error) = &committed {
            tracing::error!(%error, "a commit failed; closing its connection");
            self.heartbeat.record_error(error);
            if let Some(connection) = connection {
                self.tasks.spawn(connection.close());
            }
        }
        committed.map_err(exec_error)
    }

    /// Rolls back, even if the caller is dropped.
    pub(super) async fn rollback(mut self) -> Result<(), DbErr> {
        let Some(connection) = self.state.get_mut().connection.take() else { return Ok(()) };
        // If the rollback fails, the connection is closed, which rolls back as well.
        self.tasks.spawn(connection.roll_back_or_close()).await.map_err(|_| failed_before())
    }

    /// Waits for the previous statement and marks that one is running.
    async fn start_statement(&self) -> Result<MutexGuard<'_, State>, DbErr> {
        let mut state = self.state.lock().await;
        if state.has_failed || state.is_busy {
            return Err(failed_before());
        }
        state.is_busy = true;
        Ok(state)
    }

    fn finish_statement<T>(&self, mut state: MutexGuard<'_, State>, result: Result<T, Error>) -> Result<T, Error> {
        state.is_busy = false;
        if let Err(error) = &result {
            self.heartbeat.record_error(error);
            state.has_failed = breaks_transaction(self.backend, error);
        }
        result
    }
}

impl Drop for OwnedConnection {
    fn drop(&mut self) {
        let Some(connection) = self.state.get_mut().connection.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(self.tasks.spawn_on(connection.roll_back_or_close(), &runtime)),
            // Without a runtime nobody can wait for the response. Closing the connection ends its transaction.
            Err(_) => connection.detach(),
        }
    }
}

impl Pooled {
    async fn acquire(pool: &DatabaseConnection) -> Result<Pooled, DbErr> {
        let acquired = match pool.get_database_backend() {
            DbBackend::Postgres => pool.get_postgres_connection_pool().acquire().await.map(Pooled::Postgres),
            _ => pool.get_sqlite_connection_pool().acquire().await.map(Pooled::Sqlite),
        };
        acquired.map_err(|error| match error {
            Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
        })
    }

    /// Sends a statement that begins or ends a transaction.
    async fn run(&mut self, sql: &'static str) -> Result<(), Error> {
        with_connection!(self, connection => connection.execute(sql).await.map(drop))
    }

    async fn execute(&mut self, statement: Statement) -> Result<ExecResult, Error> {
        let (sql, values) = sql_and_values(statement);
        with_connection!(self, connection => query_with(sql, values).execute(&mut **connection).await.map(Into::into))
    }

    async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, Error> {
        with_connection!(self, connection => connection.execute(AssertSqlSafe(sql)).await.map(Into::into))
    }

    async fn query(&mut self, statement: Statement) -> Result<Vec<QueryResult>, Error> {
        let (sql, values) = sql_and_values(statement);
        with_connection!(self, connection => {
            let rows = query_with(sql, values).fetch_all(&mut **connection).await?;
            Ok(rows.into_iter().map(Into::into).collect())
        })
    }

    /// Rolls back and returns the connection to its pool, or closes it if the rollback is not confirmed.
    async fn roll_back_or_close(mut self) {
        // Both engines run statements in order: a statement whose caller was dropped has finished by then.
        let failure = match tokio::time::timeout(ROLLBACK_TIMEOUT, self.run("ROLLBACK")).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) if has_message(&error, NO_TRANSACTION) => return,
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::warn!(failure, "a rollback was not confirmed; closing its connection");
        self.close().await;
    }

    async fn close(self) {
        let closed = match self {
            // The server may be unreachable. After the timeout the socket is dropped.
            Pooled::Postgres(connection) => match tokio::time::timeout(CLOSE_TIMEOUT, connection.close()).await {
                Ok(closed) => closed,
                Err(_) => return tracing::debug!("closing a connection took too long"),
            },
            // Without a timeout: the thread of the connection must have released the file's lock.
            Pooled::Sqlite(connection) => connection.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "closing a connection failed");
        }
    }

    fn detach(self) {
        with_connection!(self, connection => drop(connection.detach()))
    }
}

/// Whether a transaction cannot be committed after this error. On Postgres that is every error. SQLite rolls back only
/// the statement that violates a constraint; after other errors, such as a full disk, it may have rolled back all.
fn breaks_transaction(backend: DbBackend, error: &Error) -> bool {
    let violates = |error: &dyn DatabaseError| !matches!(error.kind(), ErrorKind::Other);
    backend == DbBackend::Postgres || !error.as_database_error().is_some_and(violates)
}

fn has_message(error: &Error, message: &str) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains(message))
}

fn sql_and_values(statement: Statement) -> (AssertSqlSafe<String>, SqlxValues) {
    (AssertSqlSafe(statement.sql), SqlxValues(statement.values.unwrap_or(Values(Vec::new()))))
}

fn exec_error(error: Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn query_error(error: Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn failed_before() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("an earlier statement of this transaction failed".to_owned()))
}

#[async_trait]
impl ConnectionTrait for OwnedConnection {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut state = self.start_statement().await?;
        let connection = state.connection.as_mut().ok_or_else(failed_before)?;
        let result = connection.execute(statement).await;
        self.finish_statement(state, result).map_err(exec_error)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut state = self.start_statement().await?;
        let connection = state.connection.as_mut().ok_or_else(failed_before)?;
        let result = connection.execute_unprepared(sql).await;
        self.finish_statement(state, result).map_err(exec_error)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        // Reads all rows: sqlx drops the error of a SQLite statement that is left after its first row.
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut state = self.start_statement().await?;
        let connection = state.connection.as_mut().ok_or_else(failed_before)?;
        let result = connection.query(statement).await;
        self.finish_statement(state, result).map_err(query_error)
    }

    fn support_returning(&self) -> bool {
        true
    }
}
