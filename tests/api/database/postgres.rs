//! Databases on a Postgres server. The tests of one run share a few of them in turn: Postgres empties a database in far
//! less time than it creates one, because creating and dropping a database write hundreds of files.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement, TryGetable};

use super::settings::run_id;
use super::template::{fingerprint, migrate};
use crate::waiting::TIMEOUT;

/// The advisory lock of Postgres under which a template is created.
const TEMPLATE_LOCK: i64 = 7_026_113;
/// A database that has grown beyond this size is created again, because deleted rows stay in its files.
const LARGEST_BYTES: i64 = 64 * 1024 * 1024;
const TERMINATE_OTHERS: &str = "SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
/// Deletes every row except the record of migrations. A template has no other rows.
const EMPTY: &str = "DO $$ DECLARE t text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'seaql_migrations' LOOP
        EXECUTE format('DELETE FROM %I', t);
    END LOOP;
END $$";

/// A database that only one test uses.
pub struct Postgres {
    /// URL of the connection that creates and drops databases.
    admin: String,
    name: String,
    /// The connection whose advisory lock reserves the database. `None` if no other test can use the database.
    lock: Option<DatabaseConnection>,
    is_altered: AtomicBool,
}

impl Postgres {
    /// An empty database: one that an earlier test of this run has released, else a copy of the template.
    pub async fn acquire(admin: &str) -> Postgres {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let new =
            |name: String, lock| Postgres { admin: admin.to_owned(), name, lock, is_altered: AtomicBool::new(false) };
        let run = run_id();
        if run.is_empty() {
            // Without a run, nothing removes databases that are left for later tests.
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let database = new(format!("roost_test_{}_{count}", std::process::id()), None);
            database.create().await;
            return database;
        }
        let server = server(admin).await;
        let number = free_number(&server, &run).await;
        let name = format!("roost_test_{run}_{number}");
        let is_there = exists(&server, &name).await;
        let database = new(name, Some(server));
        if is_there {
            database.empty().await
        } else {
            database.create().await
        }
        database
    }

    /// The URL of this database. Its connections commit without waiting for the disk.
    pub fn url(&self) -> String {
        url_of(&self.admin, &self.name)
    }

    /// Replaces the database, if there is one, with a copy of the template.
    async fn create(&self) {
        let template = template(&self.admin).await;
        let server = server(&self.admin).await;
        run_sql(&server, &format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name)).await;
        run_sql(&server, &format!("CREATE DATABASE \"{}\" TEMPLATE \"{template}\"", self.name)).await;
        server.close().await.unwrap();
    }

    /// Restores the state of the template.
    pub async fn empty(&self) {
        let server = server(&self.url()).await;
        disconnect_others(&server).await;
        let bytes: i64 = number(&server, "SELECT pg_database_size(current_database()) AS n").await;
        // Only a superuser may switch triggers and foreign keys off. Any other role gets a new database.
        let is_emptied = bytes <= LARGEST_BYTES && server.execute_unprepared(EMPTY).await.is_ok();
        server.close().await.unwrap();
        if !is_emptied {
            self.create().await;
        }
    }

    /// Records a statement that changes the schema. Deleting rows does not undo it, so the database is dropped later.
    pub fn record_statement(&self, sql: &str) {
        if ["ALTER ", "CREATE ", "DROP "].iter().any(|verb| sql.starts_with(verb)) {
            self.is_altered.store(true, Ordering::Relaxed);
        }
    }

    /// Leaves the database to the next test of the run.
    pub async fn release(&self) {
        if self.lock.is_none() || self.is_altered.load(Ordering::Relaxed) {
            self.remove().await;
        }
        if let Some(lock) = &self.lock {
            lock.close_by_ref().await.unwrap();
        }
    }

    /// Drops the database.
    pub async fn remove(&self) {
        let server = server(&self.admin).await;
        run_sql(&server, &format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name)).await;
        server.close().await.unwrap();
    }
}

async fn server(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false).acquire_timeout(TIMEOUT);
    sea_orm::Database::connect(options).await.expect("ROOST_TEST_DATABASE_URL names a Postgres server that answers")
}

/// Reserves the lowest number that no other test of the run has. The reservation ends with the connection.
async fn free_number(server: &DatabaseConnection, run: &str) -> u32 {
    for candidate in 0.. {
        let sql = format!("SELECT pg_try_advisory_lock(hashtext('roost_test_{run}'), {candidate})::int::bigint AS n");
        if number(server, &sql).await == 1 {
            return candidate;
        }
    }
    unreachable!("there are more numbers than tests")
}

async fn exists(server: &DatabaseConnection, name: &str) -> bool {
    number(server, &format!("SELECT count(*)::bigint AS n FROM pg_database WHERE datname = '{name}'")).await > 0
}

/// The column `n` of a statement's only row.
async fn number(server: &DatabaseConnection, sql: &str) -> i64 {
    let row = server.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
    i64::try_get(&row.unwrap().unwrap(), "", "n").unwrap()
}

/// Ends all other connections and waits until they are gone. A process that was killed may have left a statement
/// running.
async fn disconnect_others(server: &DatabaseConnection) {
    let all = async { while number(server, TERMINATE_OTHERS).await > 0 {} };
    tokio::time::timeout(TIMEOUT, all).await.expect("all other connections end");
}

async fn run_sql(server: &DatabaseConnection, sql: &str) {
    server.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The URL of another database on the same server.
fn url_of(admin: &str, name: &str) -> String {
    let (url, query) = admin.split_once('?').map_or((admin, ""), |(url, query)| (url, query));
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    let more = if query.is_empty() { String::new() } else { format!("{query}&") };
    format!("{server}/{name}?{more}options=-c%20synchronous_commit%3Doff")
}

/// The name of a database with all migrations. The first test that needs it creates it.
async fn template(admin: &str) -> String {
    let template = match run_id() {
        run if run.is_empty() => format!("roost_template_{}", fingerprint()),
        run => format!("roost_test_{run}_template"),
    };
    let server = server(admin).await;
    if !exists(&server, &template).await {
        run_sql(&server, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
        if !exists(&server, &template).await {
            let draft = format!("{template}_draft");
            run_sql(&server, &format!("DROP DATABASE IF EXISTS \"{draft}\" WITH (FORCE)")).await;
            run_sql(&server, &format!("CREATE DATABASE \"{draft}\"")).await;
            migrate(&url_of(admin, &draft)).await;
            run_sql(&server, &format!("ALTER DATABASE \"{draft}\" RENAME TO \"{template}\"")).await;
        }
        run_sql(&server, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    }
    server.close().await.unwrap();
    template
}
