//! Applies a rule to every file of the tree, and to lines that must break or pass it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::source::Source;

/// A place, as a line counted from 0, and what is wrong there.
pub type Fault = (usize, String);

/// Every Rust file of the tree.
pub fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read_sources);
    &SOURCES
}

fn read_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = ["src", "migration/src", "tests"].map(|folder| root.join(folder)).into();
    let mut sources = vec![Source::new("build.rs", &fs::read_to_string(root.join("build.rs")).unwrap())];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

/// Applies a rule to every file and shows every place that breaks it.
pub fn check_tree(rule: fn(&Source) -> Vec<Fault>) {
    let mut shown = Vec::new();
    for source in sources() {
        let faults = rule(source).into_iter();
        shown.extend(faults.map(|(line, reason)| format!("{}:{}: {reason}", source.path, line + 1)));
    }
    assert!(shown.is_empty(), "\n{}\n{} places\n", shown.join("\n"), shown.len());
}

/// The last line of each of these texts, and no other, breaks the rule.
pub fn refuses(rule: fn(&Source) -> Vec<Fault>, path: &str, lines: &[&str]) {
    for text in lines {
        let faults = rule(&Source::new(path, text)).into_iter().map(|(line, _)| line);
        assert_eq!(faults.collect::<Vec<_>>(), [text.lines().count() - 1], "{path}: {text}");
    }
}

pub fn passes(rule: fn(&Source) -> Vec<Fault>, path: &str, text: &str) {
    assert_eq!(rule(&Source::new(path, text)), [], "{path}: {text}");
}
