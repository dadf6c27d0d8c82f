//! Options of the connection pools.

use std::time::Duration;

use sea_orm::ConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

/// SQLite: how long a statement waits for a lock that another process has.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The options of a pool with this many connections.
pub(super) fn connect_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(false);
    if url.starts_with("sqlite") {
        options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>).map_sqlx_sqlite_opts(|options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(BUSY_TIMEOUT)
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

/// The path of the SQLite file. None for a database in memory or on Postgres.
pub(super) fn sqlite_file(url: &str) -> Option<std::path::PathBuf> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//").split('?').next()?;
    (!path.is_empty() && path != ":memory:").then(|| path.into())
}

/// The URL without its password, for logs and errors.
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
