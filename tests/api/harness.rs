//! The server under test, in this process, with a clock that is moved by hand.

use std::ops::Deref;
use std::process::{Command, Stdio};

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use roost::kernel::id::{Id, Kind};
use roost::platform::App;
use roost::platform::clock::Clock;
use roost::platform::database::Database;
use sea_orm::{ConnectionTrait, QueryResult, Statement, TryGetable, Value};
use uuid::Uuid;

use crate::database::{Place, config};
use crate::invariants;

/// When every test begins.
pub const START: &str = "2027-01-05T12:00:00Z";

/// A server of its own for one test. Ends with [`TestApp::finish`], which checks what must hold after any test.
pub struct TestApp {
    pub app: App,
    pub router: Router,
    place: Place,
    finished: bool,
}

/// Somebody who signed in.
#[derive(Clone, Debug)]
pub struct Person {
    pub user: Uuid,
    pub session: Uuid,
}

impl Person {
    /// The id as clients see it.
    pub fn id(&self) -> String {
        Id::new(Kind::User, self.user).to_string()
    }
}

/// Reads an instant.
pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl TestApp {
    /// A server with the settings of all tests.
    pub async fn new() -> TestApp {
        TestApp::with(&[]).await
    }

    /// A server with connections for many who ask at the same time.
    pub async fn busy() -> TestApp {
        TestApp::with(&["--database-connections=16"]).await
    }

    /// A server with other settings, as the command line takes them.
    pub async fn with(flags: &[&str]) -> TestApp {
        let place = Place::make().await;
        let config = config(&place.url, &place.folder, flags);
        let app = TestApp::start(config, Clock::manual(at(START))).await;
        TestApp { router: roost::server::router(app.clone()), app, place, finished: false }
    }

    async fn start(config: roost::platform::config::Config, clock: Clock) -> App {
        let db = Database::connect(&config).await.unwrap();
        App::assemble(config, clock, db).await.unwrap()
    }

    /// Another process on the same database, with caches of its own.
    pub async fn second_node(&self) -> (App, Router) {
        let app = TestApp::start(self.app.config.clone(), self.app.clock.clone()).await;
        (app.clone(), roost::server::router(app))
    }

    /// The built program on this server's database, Redis and files, with its clock beginning where tests begin.
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

    /// Moves the clock on.
    pub fn advance(&self, by: TimeDelta) {
        self.app.clock.advance(by);
    }

    /// Sets the clock.
    pub fn set(&self, to: &str) {
        self.app.clock.set(at(to));
    }

    /// Runs every job that is due.
    pub async fn drain(&self) -> usize {
        roost::jobs::drain(&self.app).await.unwrap()
    }

    /// Rows of a statement; `$1` and so on are the values.
    pub async fn rows(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Vec<QueryResult> {
        let db = self.app.db.write();
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        db.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The first column of the first row.
    pub async fn value<T: TryGetable>(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> T {
        let rows = self.rows(sql, values).await;
        let row = rows.first().unwrap_or_else(|| panic!("{sql}: no row"));
        T::try_get_by(row, 0).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// How many rows match.
    pub async fn count(&self, from: &str, values: impl IntoIterator<Item = Value>) -> i64 {
        self.value(&format!("SELECT count(*) FROM {from}"), values).await
    }

    /// A statement that changes rows; answers with their number.
    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> u64 {
        self.place.heed(sql);
        let db = self.app.db.write();
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        db.execute_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
    }

    /// Ends this test and begins another of the same settings, where nothing of it is left.
    pub async fn begin_again(&mut self) {
        invariants::check(self).await;
        self.app.db.close().await;
        self.place.empty().await;
        self.app = TestApp::start(self.app.config.clone(), Clock::manual(at(START))).await;
        self.router = roost::server::router(self.app.clone());
    }

    /// Checks what must hold after any test, and takes the server down.
    pub async fn finish(mut self) {
        invariants::check(&self).await;
        self.finished = true;
        self.app.db.close().await;
        self.place.give_back().await;
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
                runtime.unwrap().block_on(self.place.remove());
            });
        });
        if !std::thread::panicking() {
            panic!("a test must end with finish()");
        }
    }
}
