//! A database per test: a copy of a migrated template, which is made once for each state of the migrations.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clap::Parser;
use roost::platform::config::{Config, Settings};
use roost::platform::database::Database;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement, TryGetable};

/// Locks of Postgres are numbers; this one is for making templates.
const TEMPLATE_LOCK: i64 = 7_026_113;
const CONNECTIONS: u32 = 16;
const HANG_UP: &str = "SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
/// Removes every row but the record of migrations: a template holds no other.
const EMPTY: &str = "DO $$ DECLARE t text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'seaql_migrations' LOOP
        EXECUTE format('DELETE FROM %I', t);
    END LOOP;
END $$";
/// What tokens of these tests are signed with.
pub const SECRET: &str = "a secret that only tests of this crate know";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// Where one test's data lives.
pub struct Place {
    pub url: String,
    pub folder: PathBuf,
    postgres: Option<(String, String)>,
}

/// Checked settings for a test; `more` are flags as the command line takes them.
pub fn config(url: &str, folder: &Path, more: &[&str]) -> Config {
    let redis = std::env::var("ROOST_TEST_REDIS_URL").unwrap_or_default();
    let mut line = vec![
        "roost".to_owned(),
        format!("--database-url={url}"),
        format!("--data-dir={}", folder.display()),
        format!("--database-connections={CONNECTIONS}"),
        format!("--redis-url={redis}"),
        // Tests that run at the same time, or ran before, are deployments of their own.
        format!("--redis-prefix=test-{:x}", folder_hash(folder)),
        "--rate-limit=off".to_owned(),
        "--cost-budget=off".to_owned(),
        "--worker=off".to_owned(),
        "--trust-proxy=off".to_owned(),
        "--guest-fee-ppm=0".to_owned(),
        "--host-fee-ppm=155000".to_owned(),
        // A developer's own account must stay out of reach.
        "--stripe-secret-key=".to_owned(),
        "--stripe-webhook-secret=".to_owned(),
        format!("--signing-keys={SECRET}"),
    ];
    let replaced = |flag: &str| more.iter().any(|other| other.split('=').next() == flag.split('=').next());
    line.retain(|flag| !replaced(flag));
    line.extend(more.iter().map(|flag| (*flag).to_owned()));
    Line::parse_from(line).settings.check().expect("the settings of tests are right")
}

fn folder_hash(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    (run(), folder).hash(&mut hasher);
    hasher.finish()
}

/// Whether the tests run on Postgres.
pub fn is_postgres() -> bool {
    std::env::var("ROOST_TEST_DATABASE_URL").is_ok_and(|url| !url.is_empty())
}

impl Place {
    /// A fresh copy of the template.
    pub async fn make() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}_{}_{}", run(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("test{name}"));
        fs::create_dir_all(&folder).unwrap();
        match std::env::var("ROOST_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty()) {
            Some(admin) => {
                let name = format!("roost_test_{name}");
                make_database(&admin, &name).await;
                Place { url: beside(&admin, &name), folder, postgres: Some((admin, name)) }
            }
            None => {
                let file = folder.join("roost.sqlite");
                fs::copy(sqlite_template().await, &file).unwrap();
                Place { url: format!("sqlite://{}?mode=rwc", file.display()), folder, postgres: None }
            }
        }
    }

    /// As new, under the same name: Postgres makes a database in far more time than it needs to empty one, since both
    /// making and dropping wait for the disk.
    pub async fn empty(&self) {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).unwrap();
        match &self.postgres {
            None => drop(fs::copy(sqlite_template().await, self.folder.join("roost.sqlite")).unwrap()),
            Some((admin, name)) => {
                let server = server(&self.url).await;
                hang_up(&server).await;
                // Who may not hold triggers and foreign keys off is no superuser, and gets a new database.
                let emptied = server.execute_unprepared(EMPTY).await;
                server.close().await.unwrap();
                if emptied.is_err() {
                    make_database(admin, name).await;
                }
            }
        }
    }

    /// Removes what was made.
    pub async fn remove(&self) {
        if let Some((admin, name)) = &self.postgres {
            let server = server(admin).await;
            run_sql(&server, &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await;
            server.close().await.unwrap();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The run that this test is part of; whoever started it removes what bears its name.
fn run() -> String {
    let run = std::env::var("ROOST_TEST_RUN_ID").unwrap_or_default();
    run.chars().filter(char::is_ascii_alphanumeric).take(20).collect()
}

async fn server(admin: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(admin);
    options.max_connections(1).sqlx_logging(false).acquire_timeout(Duration::from_secs(60));
    sea_orm::Database::connect(options).await.expect("ROOST_TEST_DATABASE_URL names a Postgres server that answers")
}

/// A copy of the template, also where a process that had the same id left one.
async fn make_database(admin: &str, name: &str) {
    let template = postgres_template(admin).await;
    let server = server(admin).await;
    run_sql(&server, &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await;
    run_sql(&server, &format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\"")).await;
    server.close().await.unwrap();
}

/// Waits until nobody else is connected: a process that was killed may have left a statement running.
async fn hang_up(server: &DatabaseConnection) {
    for _ in 0..1_000 {
        let row = server.query_one_raw(Statement::from_string(DbBackend::Postgres, HANG_UP)).await;
        if i64::try_get(&row.unwrap().unwrap(), "", "n").unwrap() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("somebody stays connected");
}

async fn run_sql(server: &DatabaseConnection, sql: &str) {
    server.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The URL of another database on the same server, where a commit need not reach the disk.
fn beside(admin: &str, name: &str) -> String {
    let (url, query) = admin.split_once('?').map_or((admin, ""), |(url, query)| (url, query));
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    let more = if query.is_empty() { String::new() } else { format!("{query}&") };
    format!("{server}/{name}?{more}options=-c%20synchronous_commit%3Doff")
}

/// Changes whenever a migration does.
fn fingerprint() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file).unwrap().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

async fn migrate(url: &str) {
    let db = Database::connect(&config(url, &std::env::temp_dir(), &["--redis-url="])).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
}

async fn sqlite_template() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let template = folder.join(format!("template-{}.sqlite", fingerprint()));
    if template.exists() {
        return template;
    }
    let lock = File::create(folder.join("template.lock")).unwrap();
    lock.lock().unwrap();
    if !template.exists() {
        let draft = folder.join(format!("draft-{}.sqlite", std::process::id()));
        let _ = fs::remove_file(&draft);
        migrate(&format!("sqlite://{}?mode=rwc", draft.display())).await;
        fs::rename(&draft, &template).unwrap();
    }
    template
}

async fn postgres_template(admin: &str) -> String {
    let template = match run() {
        run if run.is_empty() => format!("roost_template_{}", fingerprint()),
        run => format!("roost_test_{run}_template"),
    };
    let server = server(admin).await;
    let known = async || {
        let sql = format!("SELECT count(*)::bigint AS n FROM pg_database WHERE datname = '{template}'");
        let row = server.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
        i64::try_get(&row.unwrap().unwrap(), "", "n").unwrap() > 0
    };
    if !known().await {
        run_sql(&server, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
        if !known().await {
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
