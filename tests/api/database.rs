//! One database per test: a copy of a migrated template, which is created once for each state of the migrations.

mod postgres;
mod settings;
mod template;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use self::postgres::Postgres;
use self::settings::{postgres_url, run_id};
use self::template::sqlite_template;

pub use self::settings::{SECRET, config, is_postgres};

/// The database and the data folder of one test.
pub struct TestDatabase {
    pub url: String,
    pub folder: PathBuf,
    postgres: Option<Postgres>,
}

impl TestDatabase {
    /// A database with all migrations and no other rows.
    pub async fn create() -> TestDatabase {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}_{}_{}", run_id(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("test{name}"));
        fs::create_dir_all(&folder).unwrap();
        match postgres_url() {
            Some(admin) => {
                let database = Postgres::acquire(&admin).await;
                TestDatabase { url: database.url(), folder, postgres: Some(database) }
            }
            None => {
                let file = folder.join("roost.sqlite");
                fs::copy(sqlite_template().await, &file).unwrap();
                TestDatabase { url: format!("sqlite://{}?mode=rwc", file.display()), folder, postgres: None }
            }
        }
    }

    /// Restores the initial state, at the same URL.
    pub async fn empty(&self) {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder).unwrap();
        match &self.postgres {
            None => drop(fs::copy(sqlite_template().await, self.folder.join("roost.sqlite")).unwrap()),
            Some(database) => database.empty().await,
        }
    }

    /// Records whether a statement that a test runs directly changes the schema.
    pub fn record_statement(&self, sql: &str) {
        if let Some(database) = &self.postgres {
            database.record_statement(sql);
        }
    }

    /// Releases the database after a test that ended normally. A later test may use it.
    pub async fn release(&self) {
        if let Some(database) = &self.postgres {
            database.release().await;
        }
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Removes the database and the folder, in whatever state they are.
    pub async fn remove(&self) {
        if let Some(database) = &self.postgres {
            database.remove().await;
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
