//! Databases on a Postgres server. The tests of one run take turns with a few: Postgres makes a database in far more time
//! than it needs to empty one, since making and dropping write hundreds of files.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement, TryGetable};

use super::{fingerprint, migrate, run};
use crate::node::PATIENCE;

/// Locks of Postgres are numbers; this one is for making templates.
const TEMPLATE_LOCK: i64 = 7_026_113;
/// One that has grown beyond this is made anew: what is deleted stays in its files.
const LARGEST_BYTES: i64 = 64 * 1024 * 1024;
const HANG_UP: &str = "SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
/// Removes every row but the record of migrations: a template holds no other.
const EMPTY: &str = "DO $$ DECLARE t text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'seaql_migrations' LOOP
        EXECUTE format('DELETE FROM %I', t);
    END LOOP;
END $$";

/// A database that is one test's alone.
pub struct Postgres {
    /// Where commands for other databases are given.
    admin: String,
    name: String,
    /// Keeps other tests of the run away, by a lock that ends with the connection.
    held: Option<DatabaseConnection>,
    is_altered: AtomicBool,
}

impl Postgres {
    /// An empty database: one that an earlier test of this run has given back, else a copy of the template.
    pub async fn take(admin: &str) -> Postgres {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let of =
            |name: String, held| Postgres { admin: admin.to_owned(), name, held, is_altered: AtomicBool::new(false) };
        let run = run();
        if run.is_empty() {
            // Nobody would remove what is kept for later.
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let database = of(format!("roost_test_{}_{count}", std::process::id()), None);
            database.make().await;
            return database;
        }
        let server = server(admin).await;
        let number = free_number(&server, &run).await;
        let name = format!("roost_test_{run}_{number}");
        let is_there = exists(&server, &name).await;
        let database = of(name, Some(server));
        if is_there {
            database.empty().await
        } else {
            database.make().await
        }
        database
    }

    /// The URL that leads there, where a commit need not reach the disk.
    pub fn url(&self) -> String {
        beside(&self.admin, &self.name)
    }

    /// A copy of the template, whatever was there.
    async fn make(&self) {
        let template = template(&self.admin).await;
        let server = server(&self.admin).await;
        run_sql(&server, &format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name)).await;
        run_sql(&server, &format!("CREATE DATABASE \"{}\" TEMPLATE \"{template}\"", self.name)).await;
        server.close().await.unwrap();
    }

    /// As new.
    pub async fn empty(&self) {
        let server = server(&self.url()).await;
        hang_up(&server).await;
        let bytes: i64 = number(&server, "SELECT pg_database_size(current_database()) AS n").await;
        // Who may not hold triggers and foreign keys off is no superuser, and gets a new database.
        let is_emptied = bytes <= LARGEST_BYTES && server.execute_unprepared(EMPTY).await.is_ok();
        server.close().await.unwrap();
        if !is_emptied {
            self.make().await;
        }
    }

    /// Takes note of a statement that leaves more behind than rows.
    pub fn heed(&self, sql: &str) {
        if ["ALTER ", "CREATE ", "DROP "].iter().any(|verb| sql.starts_with(verb)) {
            self.is_altered.store(true, Ordering::Relaxed);
        }
    }

    /// Leaves the database to the next test.
    pub async fn give_back(&self) {
        if self.held.is_none() || self.is_altered.load(Ordering::Relaxed) {
            self.remove().await;
        }
        if let Some(held) = &self.held {
            held.close_by_ref().await.unwrap();
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
    options.max_connections(1).sqlx_logging(false).acquire_timeout(PATIENCE);
    sea_orm::Database::connect(options).await.expect("ROOST_TEST_DATABASE_URL names a Postgres server that answers")
}

/// The lowest number that no other test of the run has, which is this one's while the connection lasts.
async fn free_number(server: &DatabaseConnection, run: &str) -> u32 {
    for place in 0.. {
        let sql = format!("SELECT pg_try_advisory_lock(hashtext('roost_test_{run}'), {place})::int::bigint AS n");
        if number(server, &sql).await == 1 {
            return place;
        }
    }
    unreachable!("as many numbers as there are tests")
}

async fn exists(server: &DatabaseConnection, name: &str) -> bool {
    number(server, &format!("SELECT count(*)::bigint AS n FROM pg_database WHERE datname = '{name}'")).await > 0
}

/// What a statement answers with under the name `n`.
async fn number(server: &DatabaseConnection, sql: &str) -> i64 {
    let row = server.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
    i64::try_get(&row.unwrap().unwrap(), "", "n").unwrap()
}

/// Waits until nobody else is connected: a process that was killed may have left a statement running.
async fn hang_up(server: &DatabaseConnection) {
    let all = async { while number(server, HANG_UP).await > 0 {} };
    tokio::time::timeout(PATIENCE, all).await.expect("everybody else hangs up");
}

async fn run_sql(server: &DatabaseConnection, sql: &str) {
    server.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn beside(admin: &str, name: &str) -> String {
    let (url, query) = admin.split_once('?').map_or((admin, ""), |(url, query)| (url, query));
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    let more = if query.is_empty() { String::new() } else { format!("{query}&") };
    format!("{server}/{name}?{more}options=-c%20synchronous_commit%3Doff")
}

/// A database with all migrations, which is made once.
async fn template(admin: &str) -> String {
    let template = match run() {
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
            migrate(&beside(admin, &draft)).await;
            run_sql(&server, &format!("ALTER DATABASE \"{draft}\" RENAME TO \"{template}\"")).await;
        }
        run_sql(&server, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    }
    server.close().await.unwrap();
    template
}
