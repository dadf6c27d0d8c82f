//! Checks the shape of the source: who may name whom, how long a file may be, and what may not be left in it.

use std::fs;
use std::path::Path;

#[path = "tidy/check.rs"]
mod check;
#[path = "tidy/contents.rs"]
mod contents;
#[path = "tidy/cycles.rs"]
mod cycles;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/mod_files.rs"]
mod mod_files;
#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/time.rs"]
mod time;
#[path = "tidy/words.rs"]
mod words;

/// The files and folders at the top, besides those that `.gitignore` names. A newcomer reads this list first, so it
/// stays short.
const TOP: &str = ".ci .config .dockerignore .git .github .gitignore CHANGELOG.md Cargo.lock Cargo.toml Dockerfile \
    LICENSE-APACHE LICENSE-MIT README.md build.rs clippy.toml deny.toml docker-compose.yml docs examples justfile \
    migration playground rust-toolchain.toml rustfmt.toml schema.graphql src tests";

fn strangers_at_the_top(names: &[String], git_ignore: &str) -> Vec<String> {
    let ignored: Vec<&str> = git_ignore.lines().map(|line| line.trim_matches('/')).collect();
    let is_known = |name: &str| TOP.split_whitespace().any(|known| known == name) || ignored.contains(&name);
    names.iter().filter(|name| !is_known(name)).cloned().collect()
}

#[test]
fn the_top_level_stays_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap();
    let strangers = strangers_at_the_top(&names.collect::<Vec<_>>(), &ignored);
    assert!(strangers.is_empty(), "at the top lies what tests/tidy.rs and .gitignore do not name: {strangers:?}");
    let names = ["src", "target", "notes.txt"].map(str::to_owned);
    assert_eq!(strangers_at_the_top(&names, "/target\n"), ["notes.txt"]);
}
