//! Temporary folders with files for tests.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder that is deleted at the end of its test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("roost-import-{}-{number}", std::process::id()));
        expect_ok(std::fs::create_dir_all(&path));
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) {
        expect_ok(std::fs::write(self.0.join(name), text));
    }

    pub fn write_gz(&self, name: &str, text: &str) {
        let mut file = GzEncoder::new(expect_ok(File::create(self.0.join(name))), Compression::fast());
        expect_ok(file.write_all(text.as_bytes()));
        expect_ok(file.finish());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn expect_ok<T>(result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("the file of a test cannot be written: {error}"))
}
