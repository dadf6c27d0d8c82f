//! The settings of the server under test.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use clap::Parser;
use roost::platform::config::{Config, Settings};

/// Enough for a test that sends one request at a time. A connection to Postgres takes longer to open than most tests
/// use it.
const CONNECTIONS: u32 = 4;
/// The key that signs the tokens of these tests.
pub const SECRET: &str = "a secret that only tests of this crate know";

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,
}

/// Checked settings for a test. `flags` are in the form of the command line, and replace the defaults of tests.
pub fn config(url: &str, folder: &Path, flags: &[&str]) -> Config {
    let redis = std::env::var("ROOST_TEST_REDIS_URL").unwrap_or_default();
    let mut line = vec![
        "roost".to_owned(),
        format!("--database-url={url}"),
        format!("--data-dir={}", folder.display()),
        format!("--database-connections={CONNECTIONS}"),
        format!("--redis-url={redis}"),
        // Each test is a deployment of its own and must not share keys with tests that run at the same time or ran
        // before.
        format!("--redis-prefix=test-{:x}", folder_hash(folder)),
        "--rate-limit=off".to_owned(),
        "--cost-budget=off".to_owned(),
        "--worker=off".to_owned(),
        "--trust-proxy=off".to_owned(),
        "--guest-fee-ppm=0".to_owned(),
        "--host-fee-ppm=155000".to_owned(),
        // The environment may name a developer's own account, which tests must not use.
        "--stripe-secret-key=".to_owned(),
        "--stripe-webhook-secret=".to_owned(),
        format!("--signing-keys={SECRET}"),
    ];
    let is_replaced = |flag: &str| flags.iter().any(|other| other.split('=').next() == flag.split('=').next());
    line.retain(|flag| !is_replaced(flag));
    line.extend(flags.iter().map(|flag| (*flag).to_owned()));
    CommandLine::parse_from(line).settings.check().expect("the settings of tests are valid")
}

fn folder_hash(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    (run_id(), folder).hash(&mut hasher);
    hasher.finish()
}

/// Whether the tests run on Postgres.
pub fn is_postgres() -> bool {
    postgres_url().is_some()
}

/// The URL of the Postgres server on which the tests run. `None` if they run on SQLite.
pub fn postgres_url() -> Option<String> {
    std::env::var("ROOST_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

/// The ID of the run that this test is part of. `tests/run` sets it and removes every database whose name contains it.
pub fn run_id() -> String {
    let run = std::env::var("ROOST_TEST_RUN_ID").unwrap_or_default();
    run.chars().filter(char::is_ascii_alphanumeric).take(20).collect()
}
