//! The server under test. It runs in this process, and tests move its clock.

use std::ops::Deref;
use std::process::{Command, Stdio};

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use roost::kernel::id::{Id, Kind};
use roost::platform::App;
use roost::platform::clock::Clock;
use roost::platform::database::Database;
use sea_orm::{QueryResult, TryGetable, Value};
use uuid::Uuid;

use crate::database::{TestDatabase, config};
use crate::{invariants, sql};

/// The time on the clock when a test begins.
pub const START: &str = "2027-01-05T12:00:00Z";

/// The server of one test. A test ends with [`TestApp::finish`], which checks the invariants.
pub struct TestApp {
    pub app: App,
    pub router: Router,
    database: TestDatabase,
    finished: bool,
}

/// A user with a session.
#[derive(Clone, Debug)]
pub struct Person {
    pub user: Uuid,
    pub session: Uuid,
}

impl Person {
    /// The user's global ID.
    pub fn id(&self) -> String {
        Id::new(Kind::User, self.user).to_string()
    }
}

/// Parses a timestamp in RFC 3339 format.
pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl TestApp {
    /// A server with the default settings of tests.
    pub async fn new() -> TestApp {
        TestApp::with(&[]).await
    }

    /// A server with enough database connections for many concurrent requests.
    pub async fn with_many_connections() -> TestApp {
        TestApp::with(&["--database-connections=16"]).await
    }

    /// A server with settings in the form of the command line.
    pub async fn with(flags: &[&str]) -> TestApp {
        let database = TestDatabase::create().await;
        let config = config(&database.url, &database.folder, flags);
        let app = TestApp::start(config, Clock::manual(instant(START))).await;
        TestApp { router: roost::server::router(app.clone()), app, database, finished: false }
    }

    async fn start(config: roost::platform::config::Config, clock: Clock) -> App {
        let db = Database::connect(&config).await.unwrap();
        App::assemble(config, clock, db).await.unwrap()
    }

    /// A second server on the same database, with its own caches, as in another process.
    pub async fn second_node(&self) -> (App, Router) {
        let app = TestApp::start(self.app.config.clone(), self.app.clock.clone()).await;
        (app.clone(), roost::server::router(app))
    }

    /// The built program on this server's database, Redis and files. Its clock starts at [`START`].
    pub fn program(&self, args: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_roost"));
        let unset =
            std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("ROOST_") && name != "ROOST_LOG");
        unset.for_each(|name| {
            program.env_remove(name);
        });
        let config = &self.app.config;
        program.env_remove("STRIPE_SECRET_KEY").env("DATABASE_URL", &config.database_url);
        program.env("REDIS_URL", config.redis_url.as_deref().unwrap_or_default());
        program.env("ROOST_REDIS_PREFIX", &config.redis_prefix);
        program.env("ROOST_DATABASE_CONNECTIONS", config.database_connections.to_string());
        program.env("ROOST_DATA_DIR", &config.data_dir).env("ROOST_TEST_CLOCK", START);
        program.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        program
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: TimeDelta) {
        self.app.clock.advance(by);
    }

    /// Sets the clock to a timestamp.
    pub fn set(&self, to: &str) {
        self.app.clock.set(instant(to));
    }

    /// Runs every job that is due, and returns their number.
    pub async fn drain(&self) -> usize {
        roost::jobs::drain(&self.app).await.unwrap()
    }

    /// See [`sql::rows`].
    pub async fn rows(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Vec<QueryResult> {
        sql::rows(&self.app.db, sql, values).await
    }

    /// See [`sql::value`].
    pub async fn value<T: TryGetable>(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> T {
        sql::value(&self.app.db, sql, values).await
    }

    /// See [`sql::count`].
    pub async fn count(&self, from: &str, values: impl IntoIterator<Item = Value>) -> i64 {
        sql::count(&self.app.db, from, values).await
    }

    /// See [`sql::execute`].
    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> u64 {
        self.database.record_statement(sql);
        sql::execute(&self.app.db, sql, values).await
    }

    /// Checks the invariants, then starts over with the same settings on an empty database.
    pub async fn reset(&mut self) {
        invariants::check(self).await;
        self.app.db.close().await;
        self.database.empty().await;
        self.app = TestApp::start(self.app.config.clone(), Clock::manual(instant(START))).await;
        self.router = roost::server::router(self.app.clone());
    }

    /// Checks the invariants, then closes the database.
    pub async fn finish(mut self) {
        invariants::check(&self).await;
        self.finished = true;
        self.app.db.close().await;
        self.database.release().await;
    }
}

impl Deref for TestApp {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(self.database.remove());
            });
        });
        if !std::thread::panicking() {
            panic!("a test must end with finish()");
        }
    }
}
