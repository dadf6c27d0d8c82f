//! Connects to SQLite or Postgres by URL, and begins transactions.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::{DbErr, RuntimeErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::connection::Connection;
use super::engine::is_postgres;
use super::heartbeat::Heartbeat;
use super::options::{connect_options, sqlite_file, without_password};
use super::owned_connection::{Mode, OwnedConnection};
use super::transaction::Transaction;
use crate::platform::config::Config;
use crate::platform::messaging::Events;
use crate::platform::start_error::StartError;

/// SQLite: connections that read. One more writes.
const SQLITE_READERS: u32 = 4;
/// How long closing waits for commits that are under way.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections for reading and for writing; cheap to clone.
///
/// On Postgres both are one pool. SQLite has one writer at a time, so writers queue for one connection instead of
/// retrying its lock, and readers have connections of their own.
#[derive(Clone)]
pub struct Database {
    read: Connection,
    write: Connection,
    statements: Arc<AtomicU64>,
    events: Events,
    /// Commits and rollbacks under way, which outlive their callers.
    commits: TaskTracker,
    pub(super) heartbeat: Heartbeat,
    /// Permits to read because of an event: about half as many as there are connections.
    turns: Arc<Semaphore>,
}

impl Database {
    /// Opens the pools.
    pub async fn connect(config: &Config) -> Result<Database, StartError> {
        let url = &config.database_url;
        let failed = |cause: DbErr| {
            let shown = without_password(url);
            StartError::Database { cause: cause.to_string().replace(url.as_str(), &shown), url: shown }
        };
        let statements = Arc::new(AtomicU64::new(0));
        let (events, commits, heartbeat) = (Events::default(), TaskTracker::new(), Heartbeat::default());
        let open = |connections| {
            let options = connect_options(url, connections);
            let statements = statements.clone();
            async move { Ok::<_, DbErr>(Connection::new(sea_orm::Database::connect(options).await?, statements)) }
        };
        if url.starts_with("sqlite") {
            let folder = sqlite_file(url).and_then(|file| file.parent().map(ToOwned::to_owned));
            if let Some(folder) = folder.filter(|_| url.contains("mode=rwc")) {
                std::fs::create_dir_all(&folder)
                    .map_err(|error| failed(DbErr::Conn(RuntimeErr::Internal(error.to_string()))))?;
            }
            // The writer first: it creates the file and switches it to write-ahead logging.
            let write = open(1).await.map_err(failed)?;
            let read = open(SQLITE_READERS).await.map_err(failed)?;
            let turns = turns(SQLITE_READERS);
            return Ok(Database { read, write, statements, events, commits, heartbeat, turns });
        }
        let pool = open(config.database_connections).await.map_err(failed)?;
        let turns = turns(config.database_connections);
        Ok(Database { read: pool.clone(), write: pool, statements, events, commits, heartbeat, turns })
    }

    /// Applies pending migrations.
    pub async fn migrate(&self) -> Result<(), StartError> {
        Migrator::up(self.write.inner(), None)
            .await
            .map_err(|cause| StartError::Database { url: "the configured URL".into(), cause: cause.to_string() })
    }

    /// The connection for statements that only read, outside a transaction.
    pub fn read(&self) -> &Connection {
        &self.read
    }

    /// The connection for single statements that write, outside a transaction.
    pub fn write(&self) -> &Connection {
        &self.write
    }

    /// Begins a transaction that may write. SQLite takes its write lock at once (BEGIN IMMEDIATE): a transaction that
    /// reads first and upgrades later fails under contention whatever the timeout.
    pub async fn begin_write(&self) -> Result<Transaction, DbErr> {
        self.begin(&self.write, Mode::Write).await
    }

    /// Begins a transaction that only reads, and reads everything as it was at its first statement, whatever others
    /// write meanwhile. It blocks nobody.
    pub async fn begin_snapshot(&self) -> Result<Transaction, DbErr> {
        self.begin(&self.read, Mode::Snapshot).await
    }

    async fn begin(&self, pool: &Connection, mode: Mode) -> Result<Transaction, DbErr> {
        let owned = OwnedConnection::begin(pool.inner(), mode, &self.commits, &self.heartbeat).await?;
        let connection = Connection::new(owned, self.statements.clone());
        Ok(Transaction::new(connection, self.events.clone(), self.commits.clone()))
    }

    /// Runs `read` because of an event, once a permit is free: one event may concern thousands of listeners at once,
    /// which must not take all connections from requests. Nobody waits for a second permit while holding one. `read`
    /// runs in a task of its own, so that a listener that is not polled, as its client does not read, keeps no permit.
    /// None only if the process is stopping.
    pub async fn in_turn<T: Send + 'static>(&self, read: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let db = self.clone();
        let reads = async move {
            let _turn = db.turn().await;
            read.await
        };
        match tokio::spawn(reads.in_current_span()).await {
            Ok(read) => Some(read),
            // A task is cancelled only when the process stops.
            Err(error) => error.try_into_panic().map(|cause| resume_unwind(cause)).ok(),
        }
    }

    /// Waits for a permit to read because of an event.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }

    /// The events that commits publish.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The Postgres pool, for what only Postgres can do. Panics on SQLite.
    pub(in crate::platform) fn postgres_pool(&self) -> &sea_orm::sqlx::PgPool {
        self.read.inner().get_postgres_connection_pool()
    }

    /// The number of statements since the start.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Whether the engine is Postgres.
    pub fn is_postgres(&self) -> bool {
        is_postgres(&self.read)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.inner().ping().await
    }

    /// Closes the pools after the commits under way, and ends all listeners.
    pub async fn close(&self) {
        self.commits.close();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.commits.wait()).await.is_err() {
            tracing::warn!("the last commits are not finished; subscribers of other nodes may miss their events");
        }
        self.events.close().await;
        for pool in [&self.read, &self.write] {
            if let Err(error) = pool.inner().close_by_ref().await {
                tracing::warn!(%error, "a database pool did not close");
            }
        }
    }
}

fn turns(connections: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(connections / 2).unwrap_or(1).max(1)))
}
