//! A database per test: a copy of a migrated template, which is made once for each state of the migrations.

mod postgres;

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use clap::Parser;
use roost::platform::config::{Config, Settings};
use roost::platform::database::Database;

use self::postgres::Postgres;

/// Enough for one who asks after another; making a connection to Postgres takes longer than most of what it is used for.
const CONNECTIONS: u32 = 4;
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
    postgres: Option<Postgres>,
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
    /// Empty but for the migrations.
    pub async fn make() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}_{}_{}", run(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("test{name}"));
        fs::create_dir_all(&folder).unwrap();
        match std::env::var("ROOST_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty()) {
            Some(admin) => {
                let database = Postgres::take(&admin).await;
                Place { url: database.url(), folder, postgres: Some(database) }
            }
            None => {
                let file = folder.join("roost.sqlite");
                fs::copy(sqlite_template().await, &file).unwrap();
                Place { url: format!("sqlite://{}?mode=rwc", file.display()), folder, postgres: None }
            }
        }
    }

    /// As new, under the same name.
    pub async fn empty(&self) {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).unwrap();
        match &self.postgres {
            None => drop(fs::copy(sqlite_template().await, self.folder.join("roost.sqlite")).unwrap()),
            Some(database) => database.empty().await,
        }
    }

    /// Takes note of a statement that a test runs by itself.
    pub fn heed(&self, sql: &str) {
        if let Some(database) = &self.postgres {
            database.heed(sql);
        }
    }

    /// Gives up what was taken, as the test has left it in order.
    pub async fn give_back(&self) {
        if let Some(database) = &self.postgres {
            database.give_back().await;
        }
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Removes what was made, in whatever state it is.
    pub async fn remove(&self) {
        if let Some(database) = &self.postgres {
            database.remove().await;
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The run that this test is part of; whoever started it removes what bears its name.
fn run() -> String {
    let run = std::env::var("ROOST_TEST_RUN_ID").unwrap_or_default();
    run.chars().filter(char::is_ascii_alphanumeric).take(20).collect()
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
