//! Applies a rule to every file of the tree, and to lines that must break or pass it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::source::Source;

/// A place, as a line counted from 0, and what is wrong there.
pub type Fault = (usize, String);

/// Every Rust file of the tree.
pub fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = read_sources(&["src", "migration/src", "tests"], "rs");
        sources.insert(0, Source::new("build.rs", &fs::read_to_string(root.join("build.rs")).unwrap()));
        sources
    });
    &SOURCES
}

/// Every file of these folders that ends in the extension.
pub fn read_sources(folders: &[&str], extension: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Installed packages, which are no part of the tree.
                folders.extend((!path.ends_with("node_modules")).then_some(path));
            } else if path.extension().is_some_and(|other| other == extension) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

/// Applies a rule to every Rust file and shows every place that breaks it.
pub fn check_tree(rule: fn(&Source) -> Vec<Fault>) {
    check_files(sources(), rule);
}

/// Applies a rule to these files and shows every place that breaks it.
pub fn check_files(sources: &[Source], rule: fn(&Source) -> Vec<Fault>) {
    let mut shown = Vec::new();
    for source in sources {
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
