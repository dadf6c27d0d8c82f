//! Migrated templates. The database of a test is a copy of one.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use roost::platform::database::Database;
use tokio::sync::OnceCell;

use super::settings::config;

/// A hash of the migrations' source.
pub fn fingerprint() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file).unwrap().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Runs all migrations on the database at a URL.
pub async fn migrate(url: &str) {
    let db = Database::connect(&config(url, &std::env::temp_dir(), &["--redis-url="])).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
}

/// The SQLite file with all migrations. The first test that needs it creates it.
pub async fn sqlite_template() -> PathBuf {
    // Once in a process: waiting for the lock blocks the thread, and with it the task of this process that has the lock.
    static TEMPLATE: OnceCell<PathBuf> = OnceCell::const_new();
    TEMPLATE.get_or_init(create_sqlite_template).await.clone()
}

async fn create_sqlite_template() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let template = folder.join(format!("template-{}.sqlite", fingerprint()));
    if template.exists() {
        return template;
    }
    // Tests are processes of their own: the others wait until the template is there.
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
