//! The database by URL: one code for SQLite and Postgres, and the one place that knows where they differ.

mod connection;
mod heartbeat;
mod owned;
mod transaction;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, DbBackend, DbErr, RuntimeErr, SqlErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

pub use self::connection::{Connection, Meter};
use self::heartbeat::Heartbeat;
use self::owned::{Mode, OwnedConnection};
pub use self::transaction::Transaction;
use super::StartError;
use super::config::Config;
use super::messaging::publisher::Events;

const BUSY: Duration = Duration::from_secs(10);
const ACQUIRE: Duration = Duration::from_secs(10);
const SQLITE_READERS: u32 = 4;
/// How long commits that are under way are waited for at the end.
const LAST_COMMITS: Duration = Duration::from_secs(5);

/// Connections for reading and for writing; cheap to clone.
///
/// On Postgres both are one pool. SQLite has one writer at a time, so its writers wait in line for one connection
/// instead of spinning on its lock, and readers have connections of their own.
#[derive(Clone)]
pub struct Database {
    read: Connection,
    write: Connection,
    statements: Arc<AtomicU64>,
    events: Events,
    /// Commits and rollbacks under way, which outlive their callers.
    commits: TaskTracker,
    heartbeat: Heartbeat,
    /// Who reads because of an event: about half as many at a time as there are connections.
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
            let options = options(url, connections);
            let statements = statements.clone();
            async move { Ok::<_, DbErr>(Connection::new(sea_orm::Database::connect(options).await?, statements)) }
        };
        if url.starts_with("sqlite") {
            let folder = sqlite_file(url).and_then(|file| file.parent().map(ToOwned::to_owned));
            if let Some(folder) = folder.filter(|_| url.contains("mode=rwc")) {
                std::fs::create_dir_all(&folder)
                    .map_err(|error| failed(DbErr::Conn(RuntimeErr::Internal(error.to_string()))))?;
            }
            // The writer first: it makes the file and switches it to write-ahead logging.
            let write = open(1).await.map_err(failed)?;
            let read = open(SQLITE_READERS).await.map_err(failed)?;
            let turns = turns(SQLITE_READERS);
            return Ok(Database { read, write, statements, events, commits, heartbeat, turns });
        }
        let pool = open(config.database_connections).await.map_err(failed)?;
        let turns = turns(config.database_connections);
        Ok(Database { read: pool.clone(), write: pool, statements, events, commits, heartbeat, turns })
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<(), StartError> {
        Migrator::up(self.write.inner(), None)
            .await
            .map_err(|cause| StartError::Database { url: "the configured URL".into(), cause: cause.to_string() })
    }

    /// For statements outside a transaction that only read.
    pub fn read(&self) -> &Connection {
        &self.read
    }

    /// For single statements that write.
    pub fn write(&self) -> &Connection {
        &self.write
    }

    /// Begins a transaction that may write. SQLite takes its write lock at once (BEGIN IMMEDIATE): a transaction that
    /// reads first and upgrades later fails under contention whatever the timeout.
    pub async fn begin_write(&self) -> Result<Transaction, DbErr> {
        self.begin(&self.write, Mode::Write).await
    }

    /// Begins a transaction that only reads, and reads everything as it was at its first statement, whatever others
    /// write meanwhile. It stands in nobody's way.
    pub async fn begin_snapshot(&self) -> Result<Transaction, DbErr> {
        self.begin(&self.read, Mode::Snapshot).await
    }

    async fn begin(&self, pool: &Connection, mode: Mode) -> Result<Transaction, DbErr> {
        let owned = OwnedConnection::begin(pool.inner(), mode, &self.commits, &self.heartbeat).await?;
        let connection = Connection::new(owned, self.statements.clone());
        Ok(Transaction::new(connection, self.events.clone(), self.commits.clone()))
    }

    /// Reads because of an event, when it is one's turn: one event may concern thousands of listeners at once, who must
    /// not keep requests from the connections. Nobody asks for a second turn while having one. A task of its own, so that
    /// a listener who is not asked to go on, as its client does not read, keeps no turn from others.
    pub async fn in_turn<T: Send + 'static>(&self, read: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let db = self.clone();
        let reads = async move {
            let _turn = db.turn().await;
            read.await
        };
        match tokio::spawn(reads.in_current_span()).await {
            Ok(read) => Some(read),
            // Only a process that ends gives it up.
            Err(error) => error.try_into_panic().map(|cause| resume_unwind(cause)).ok(),
        }
    }

    /// Waits for a turn.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.turns.clone().acquire_owned().await.ok()
    }

    /// What commits tell of.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The pool itself, for what only Postgres can do.
    pub(super) fn postgres_pool(&self) -> &sea_orm::sqlx::PgPool {
        self.read.inner().get_postgres_connection_pool()
    }

    /// How many statements were sent since the start.
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

    /// Closes the pools once their work is done, and tells the rest of what it came to.
    pub async fn close(&self) {
        self.commits.close();
        if tokio::time::timeout(LAST_COMMITS, self.commits.wait()).await.is_err() {
            tracing::warn!("the last commits are not done; subscribers elsewhere may not be told of them");
        }
        self.events.close().await;
        for pool in [&self.read, &self.write] {
            if let Err(error) = pool.inner().close_by_ref().await {
                tracing::warn!(%error, "a database pool did not close");
            }
        }
    }
}

/// Whether `connection` speaks to Postgres.
pub fn is_postgres(connection: &impl sea_orm::ConnectionTrait) -> bool {
    connection.get_database_backend() == DbBackend::Postgres
}

/// What a queue or a counter adds to a SELECT so that rivals take other rows: Postgres skips locked rows, SQLite has
/// one writer anyway.
pub fn skip_locked(connection: &impl sea_orm::ConnectionTrait) -> &'static str {
    if is_postgres(connection) { " FOR UPDATE SKIP LOCKED" } else { "" }
}

/// Whether the database refused a duplicate.
pub fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

fn turns(connections: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(connections / 2).unwrap_or(1).max(1)))
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(false);
    if url.starts_with("sqlite") {
        options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>).map_sqlx_sqlite_opts(|options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(BUSY)
                .foreign_keys(true)
                .pragma("cache_size", "-20000")
                .pragma("temp_store", "memory")
                .pragma("mmap_size", "268435456")
                .statement_cache_capacity(256)
        });
    } else {
        options.test_before_acquire_if_idle_for(Duration::from_secs(30)).set_application_name("roost");
        options.map_sqlx_postgres_opts(|options| options.statement_cache_capacity(256));
    }
    options
}

fn sqlite_file(url: &str) -> Option<std::path::PathBuf> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//").split('?').next()?;
    (!path.is_empty() && path != ":memory:").then(|| path.into())
}

/// The URL as logs and errors may show it.
pub fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => {
            let user = url[scheme + 3..at].split(':').next().unwrap_or("");
            format!("{}{user}{}", &url[..scheme + 3], &url[at..])
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_their_password() {
        assert_eq!(without_password("postgres://me:secret@host:1/db"), "postgres://me@host:1/db");
        assert_eq!(without_password("sqlite://./x.sqlite?mode=rwc"), "sqlite://./x.sqlite?mode=rwc");
    }
}
