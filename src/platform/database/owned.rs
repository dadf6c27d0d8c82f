//! A connection that a transaction owns from BEGIN until the database has confirmed its end.
//!
//! **Invariant:** an owned connection returns to its pool only after the database itself has confirmed that no
//! transaction is open on it: by its answer to COMMIT or to ROLLBACK. A caller may be dropped at any await; the answer
//! is then waited for in a task of its own. A connection without that confirmation is closed.
//!
//! sqlx's own transactions are not used. They count their depth after the answer to BEGIN, so a caller dropped before it
//! leaves a transaction that nobody ends; and they keep the count when COMMIT or ROLLBACK fails, so the next BEGIN
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

/// How long the end of an abandoned transaction is waited for before its connection is closed.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(10);
/// How many connections are tried when one turns out to be inside a transaction already. SQLite has one that writes.
const BEGIN_ATTEMPTS: usize = 2;
/// How SQLite says that BEGIN found a transaction open.
const NOT_IDLE: &str = "within a transaction";
/// How SQLite says that ROLLBACK found none.
const IDLE: &str = "no transaction is active";

/// What a transaction is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// May write. SQLite takes its write lock at once: a transaction that reads first and upgrades later fails under
    /// contention whatever the timeout.
    Write,
    /// Only reads, and reads everything as it was at its first statement.
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
    /// A statement is under way, or was when its caller was dropped.
    is_busy: bool,
    /// The transaction can no longer be committed as its caller believes it to be.
    has_failed: bool,
}

#[derive(Debug)]
enum Pooled {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

/// Does the same with a connection of either kind.
macro_rules! on {
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
            // From here on the connection counts as one with an open transaction, however far BEGIN comes.
            let state = State { connection, is_busy: false, has_failed: false };
            let mut owned = OwnedConnection {
                backend,
                state: Mutex::new(state),
                tasks: tasks.clone(),
                heartbeat: heartbeat.clone(),
            };
            let state = owned.state.get_mut();
            let begun = match &mut state.connection {
                Some(connection) => connection.run(mode.sql(backend)).await,
                None => Err(Error::WorkerCrashed),
            };
            let Err(error) = begun else { return Ok(owned) };
            heartbeat.note(&error);
            // Whether this connection is inside a transaction is unknown now.
            if let Some(connection) = state.connection.take() {
                tasks.spawn(connection.close());
            }
            if attempt == BEGIN_ATTEMPTS || !says(&error, NOT_IDLE) {
                return Err(exec_error(error));
            }
            tracing::error!(%error, "a connection in the pool was inside a transaction; it is closed");
            attempt += 1;
        }
    }

    /// Commits. On any failure nothing is known of the connection, and it is closed.
    pub(super) async fn commit(mut self) -> Result<(), DbErr> {
        let state = self.state.get_mut();
        if state.has_failed || state.is_busy {
            // Postgres would answer COMMIT with success and take everything back; SQLite may have taken back what came
            // before the failure and would keep what came after.
            self.rollback().await?;
            return Err(broken());
        }
        let connection = state.connection.as_mut().ok_or_else(broken)?;
        let committed = connection.run("COMMIT").await;
        let connection = state.connection.take();
        if let Err(error) = &committed {
            tracing::error!(%error, "a commit failed; its connection is closed");
            self.heartbeat.note(error);
            if let Some(connection) = connection {
                self.tasks.spawn(connection.close());
            }
        }
        committed.map_err(exec_error)
    }

    /// Takes everything back, whether or not the caller still waits.
    pub(super) async fn rollback(mut self) -> Result<(), DbErr> {
        let Some(connection) = self.state.get_mut().connection.take() else { return Ok(()) };
        // Where this fails the connection is closed, which takes everything back as well.
        self.tasks.spawn(connection.settle()).await.map_err(|_| broken())
    }

    /// Waits for the statement before this one, and marks that one is under way.
    async fn statement(&self) -> Result<MutexGuard<'_, State>, DbErr> {
        let mut state = self.state.lock().await;
        if state.has_failed || state.is_busy {
            return Err(broken());
        }
        state.is_busy = true;
        Ok(state)
    }

    fn answered<T>(&self, mut state: MutexGuard<'_, State>, answer: Result<T, Error>) -> Result<T, Error> {
        state.is_busy = false;
        if let Err(error) = &answer {
            self.heartbeat.note(error);
            state.has_failed = breaks_transaction(self.backend, error);
        }
        answer
    }
}

impl Drop for OwnedConnection {
    fn drop(&mut self) {
        let Some(connection) = self.state.get_mut().connection.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(self.tasks.spawn_on(connection.settle(), &runtime)),
            // Nobody is left to wait for an answer. A connection that ends takes its transaction with it.
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

    /// Sends what begins or ends a transaction.
    async fn run(&mut self, sql: &'static str) -> Result<(), Error> {
        on!(self, connection => connection.execute(sql).await.map(drop))
    }

    async fn execute(&mut self, statement: Statement) -> Result<ExecResult, Error> {
        let (sql, values) = parts(statement);
        on!(self, connection => query_with(sql, values).execute(&mut **connection).await.map(Into::into))
    }

    async fn execute_unprepared(&mut self, sql: &str) -> Result<ExecResult, Error> {
        on!(self, connection => connection.execute(AssertSqlSafe(sql)).await.map(Into::into))
    }

    async fn query(&mut self, statement: Statement) -> Result<Vec<QueryResult>, Error> {
        let (sql, values) = parts(statement);
        on!(self, connection => {
            let rows = query_with(sql, values).fetch_all(&mut **connection).await?;
            Ok(rows.into_iter().map(Into::into).collect())
        })
    }

    /// Rolls back whatever is open and returns the connection to its pool, or closes it if that is not confirmed.
    async fn settle(mut self) {
        // Both engines answer statements in their order: what was under way when its caller left is over by then.
        let failure = match tokio::time::timeout(ROLLBACK_TIMEOUT, self.run("ROLLBACK")).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) if says(&error, IDLE) => return,
            Ok(Err(error)) => error.to_string(),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::warn!(failure, "a rollback was not confirmed; its connection is closed");
        self.close().await;
    }

    async fn close(self) {
        if let Err(error) = on!(self, connection => connection.close().await) {
            tracing::debug!(%error, "a connection did not close in order");
        }
    }

    fn detach(self) {
        on!(self, connection => drop(connection.detach()))
    }
}

/// Whether an error leaves nothing of its transaction to commit. On Postgres each does. SQLite takes back the single
/// statement that violates a constraint; after others, such as a full disk, it may have taken back everything before.
fn breaks_transaction(backend: DbBackend, error: &Error) -> bool {
    let violates = |error: &dyn DatabaseError| !matches!(error.kind(), ErrorKind::Other);
    backend == DbBackend::Postgres || !error.as_database_error().is_some_and(violates)
}

fn says(error: &Error, message: &str) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains(message))
}

fn parts(statement: Statement) -> (AssertSqlSafe<String>, SqlxValues) {
    (AssertSqlSafe(statement.sql), SqlxValues(statement.values.unwrap_or(Values(Vec::new()))))
}

fn exec_error(error: Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn query_error(error: Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn broken() -> DbErr {
    DbErr::Conn(RuntimeErr::Internal("the transaction has failed before".to_owned()))
}

#[async_trait]
impl ConnectionTrait for OwnedConnection {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut state = self.statement().await?;
        let connection = state.connection.as_mut().ok_or_else(broken)?;
        let answer = connection.execute(statement).await;
        self.answered(state, answer).map_err(exec_error)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut state = self.statement().await?;
        let connection = state.connection.as_mut().ok_or_else(broken)?;
        let answer = connection.execute_unprepared(sql).await;
        self.answered(state, answer).map_err(exec_error)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        // Reads to the end: sqlx drops what SQLite says about a statement that was left after its first row.
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut state = self.statement().await?;
        let connection = state.connection.as_mut().ok_or_else(broken)?;
        let answer = connection.query(statement).await;
        self.answered(state, answer).map_err(query_error)
    }

    fn support_returning(&self) -> bool {
        true
    }
}
