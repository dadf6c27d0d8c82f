//! Folders with made-up files, for tests.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder that goes away with its test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("roost-import-{}-{number}", std::process::id()));
        succeed(std::fs::create_dir_all(&path));
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) {
        succeed(std::fs::write(self.0.join(name), text));
    }

    pub fn write_gz(&self, name: &str, text: &str) {
        let mut file = GzEncoder::new(succeed(File::create(self.0.join(name))), Compression::fast());
        succeed(file.write_all(text.as_bytes()));
        succeed(file.finish());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn succeed<T>(result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("a test's own file: {error}"))
}
