//! Holds the shape of the source: who may name whom, how long a file may be, and what may not be left in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use source::{Source, spells};

#[path = "tidy/source.rs"]
mod source;

/// The floors, from the ground up; `src/main.rs` stands above them all. A module names only floors below its own, so
/// the doors, which share one floor, do not name each other.
const FLOORS: &[&[&str]] =
    &[&["kernel"], &["platform"], &["domain"], &["graphql", "rest", "jobs", "import", "demo", "audit"], &["server"]];

/// The wings of `src/domain`, from the ground up: a wing names only those before it.
const WINGS: &[&str] = &["error", "viewer", "notifications", "users", "listings", "payments", "bookings", "reviews"];

/// Crates that only some folders may name, and those folders.
const HOMES: &[(&str, &[&str])] = &[
    ("sea_orm", &["src/platform/", "src/domain/"]),
    ("async_graphql", &["src/graphql/", "src/server/"]),
    ("axum", &["src/rest/", "src/server/"]),
];

/// What lies at the top, besides what `.gitignore` names. A newcomer reads this list first, so it stays short.
const TOP: &str = ".ci .config .dockerignore .git .github .gitignore Cargo.lock Cargo.toml Dockerfile LICENSE-APACHE \
    LICENSE-MIT README.md build.rs clippy.toml docker-compose.yml docs examples migration playground rustfmt.toml \
    schema.graphql src tests";

/// A file longer than this before its tests is two files.
const LONGEST: usize = 400;

/// Marks of unfinished work, spelled in two halves so that a search for them does not find this file.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// What may not be written, as the words of the code, and the reason.
const FORBIDDEN: &[(&[&str], &str)] = &[
    (&["todo", "!"], "unfinished work belongs in an issue"),
    (&["unimplemented", "!"], "unfinished work belongs in an issue"),
    (&["dbg", "!"], "a leftover of debugging"),
    (&["#", "[", "allow", "("], "write expect with a reason: it speaks up once there is nothing left to excuse"),
    (&["#", "!", "[", "allow", "("], "write expect with a reason: it speaks up once there is nothing left to excuse"),
    (&["#", "[", "ignore"], "a test that does not run promises nothing"),
];

/// A place, as a line counted from 0, and what is wrong there.
type Fault = (usize, String);

fn floors(source: &Source) -> Vec<Fault> {
    let Some(own) = source.module().first().copied().filter(|&name| source.is_under("src/") && name != "main") else {
        return Vec::new();
    };
    let floor = |name: &str| FLOORS.iter().position(|names| names.contains(&name));
    let Some(height) = floor(own) else {
        return vec![(0, format!("`{own}` stands on no floor: give it one in tests/tidy.rs"))];
    };
    let judge = |name: &str| match floor(name) {
        _ if name == own => None,
        Some(other) if other < height => None,
        Some(_) => Some(format!("`{own}` names `{name}`, which is not on a floor below it")),
        None => Some(format!("`{own}` names `{name}` at the crate's root, which holds only floors")),
    };
    source.named_paths().iter().filter_map(|(line, path)| Some((*line, judge(path.first()?)?))).collect()
}

fn wings(source: &Source) -> Vec<Fault> {
    let Some(own) = source.module().get(1).copied().filter(|_| source.is_under("src/domain/")) else {
        return if source.path == "src/domain/mod.rs" { re_exports(source) } else { Vec::new() };
    };
    let place = |name: &str| WINGS.iter().position(|&wing| wing == name);
    let Some(height) = place(own) else {
        return vec![(0, format!("`{own}` is no wing: give it a place in tests/tidy.rs"))];
    };
    let judge = |name: &str| match place(name) {
        _ if name == own => None,
        Some(other) if other < height => None,
        Some(_) => Some(format!("the wing `{own}` names `{name}`, which does not come before it")),
        // A type by its short name comes from `error` or `viewer`: see `re_exports`.
        None if name.starts_with(char::is_uppercase) => None,
        None => Some(format!("the wing `{own}` names `{name}` in `domain`, which holds only wings")),
    };
    let paths = source.named_paths();
    let named = paths.iter().filter(|(_, path)| path[0] == "domain");
    named.filter_map(|(line, path)| Some((*line, judge(path.get(1)?)?))).collect()
}

/// `domain` itself shares out only the names of its two lowest files: anything else would be a way around the wings.
fn re_exports(source: &Source) -> Vec<Fault> {
    let tokens = source.tokens();
    let uses = (1..tokens.len()).filter(|&at| tokens[at].1 == "use" && ["pub", ")"].contains(&tokens[at - 1].1));
    let judged = uses.map(|at| if spells(&tokens[at + 1..], &["self", "::"]) { at + 3 } else { at + 1 });
    let strangers = judged.filter(|&at| tokens.get(at).is_some_and(|token| !WINGS[..2].contains(&token.1)));
    strangers.map(|at| (tokens[at].0, "`domain` re-exports only from `error` and `viewer`".to_owned())).collect()
}

fn homes(source: &Source) -> Vec<Fault> {
    let stranger = |word: &str| {
        let (name, folders) = HOMES.iter().find(|(name, _)| *name == word)?;
        let at_home = !source.is_under("src/") || folders.iter().any(|folder| source.is_under(folder));
        (!at_home).then(|| format!("`{name}` is named only in {}", folders.join(" and ")))
    };
    source.tokens().iter().filter_map(|&(line, word)| Some((line, stranger(word)?))).collect()
}

fn opening(source: &Source) -> Vec<Fault> {
    let says = source.text.strip_prefix("//! ").is_some_and(|rest| !rest.starts_with(char::is_whitespace));
    if says { Vec::new() } else { vec![(0, "the first line says, after `//! `, what the file is for".to_owned())] }
}

fn length(source: &Source) -> Vec<Fault> {
    let lines = if source.is_under("src/") { source.foot() } else { source.text.lines().count() };
    let fault =
        || (LONGEST, format!("{lines} lines before its tests, {LONGEST} at most: split the file by what it does"));
    if lines > LONGEST { vec![fault()] } else { Vec::new() }
}

fn leftovers(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (line, text) in source.text.lines().enumerate() {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        // Quoted and alone, one of them is ISO 4217's code for no currency.
        let marks = words.filter(|word| UNFINISHED.contains(word) && !text.contains(&format!("\"{word}\"")));
        faults.extend(marks.map(|mark| (line, format!("`{mark}`: unfinished work belongs in an issue"))));
    }
    let tokens = source.tokens();
    for at in 0..tokens.len() {
        let found = FORBIDDEN.iter().filter(|(words, _)| spells(&tokens[at..], words));
        faults.extend(found.map(|(words, reason)| (tokens[at].0, format!("`{}`: {reason}", words.concat()))));
    }
    faults
}

fn panics(source: &Source) -> Vec<Fault> {
    if !source.is_under("src/") || source.path.ends_with("/tests.rs") {
        return Vec::new();
    }
    let (tokens, foot, lines) = (source.tokens(), source.foot(), source.text.lines().collect::<Vec<_>>());
    let calls = |name: &str| {
        let words = [".", name, "("];
        (0..tokens.len()).filter(|&at| spells(&tokens[at..], &words)).map(|at| tokens[at].0).collect::<Vec<_>>()
    };
    // The comment stands above the statement, which may have begun some lines before the call.
    let is_argued = |call: &usize| {
        let above = lines[..*call].iter().rev().map(|line| line.trim());
        let mut near =
            above.take_while(|line| line.starts_with("//") || !line.is_empty() && !line.ends_with([';', '{', '}']));
        near.any(|line| line.starts_with("// Cannot fail:"))
    };
    let unwraps = calls("unwrap").into_iter().map(|line| (line, "`unwrap` outside tests: return an error"));
    let expects = calls("expect").into_iter().filter(|call| !is_argued(call));
    let expects = expects.map(|line| (line, "`expect` outside tests needs a comment above it, `// Cannot fail: why`"));
    let faults = unwraps.chain(expects).filter(|(line, _)| *line < foot);
    faults.map(|(line, reason)| (line, reason.to_owned())).collect()
}

fn strangers_at_the_top(names: &[String], git_ignore: &str) -> Vec<String> {
    let ignored: Vec<&str> = git_ignore.lines().map(|line| line.trim_matches('/')).collect();
    let is_known = |name: &str| TOP.split_whitespace().any(|known| known == name) || ignored.contains(&name);
    names.iter().filter(|name| !is_known(name)).cloned().collect()
}

/// Applies a rule to every file and shows every place that breaks it.
fn hold(rule: fn(&Source) -> Vec<Fault>) {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(sources);
    let mut shown = Vec::new();
    for source in SOURCES.iter() {
        let faults = rule(source).into_iter();
        shown.extend(faults.map(|(line, reason)| format!("{}:{}: {reason}", source.path, line + 1)));
    }
    assert!(shown.is_empty(), "\n{}\n", shown.join("\n"));
}

fn sources() -> Vec<Source> {
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

#[test]
fn a_module_names_only_floors_below_its_own() {
    hold(floors);
    bites(floors, "src/kernel/a.rs", &["use crate::platform::App;", "use super::super::domain::Error;"]);
    bites(floors, "src/graphql/a.rs", &["use crate::rest::b;", "use crate::{domain::c, server::d};", "crate::e::f()"]);
    bites(floors, "src/lost/a.rs", &["struct A;"]);
    passes(
        floors,
        "src/server/mod.rs",
        "use crate::{graphql, rest::a, server::b};\nuse super::kernel; // crate::main::c",
    );
    passes(floors, "src/main.rs", "use roost::{demo, server};");
}

#[test]
fn a_wing_names_only_wings_before_it() {
    hold(wings);
    bites(wings, "src/domain/listings/a.rs", &["use crate::domain::bookings;", "use super::super::reviews::b;"]);
    bites(wings, "src/domain/users/mod.rs", &["use super::*;", "use crate::domain::{Error, payments::C};"]);
    bites(wings, "src/domain/error.rs", &["use super::viewer::Viewer;"]);
    bites(wings, "src/domain/lost/a.rs", &["struct A;"]);
    bites(wings, "src/domain/mod.rs", &["pub use bookings::Booking;", "pub(crate) use self::users::User;"]);
    passes(wings, "src/domain/mod.rs", "pub mod users;\npub use error::Error;\npub use self::viewer::Viewer;");
    passes(
        wings,
        "src/domain/reviews/a.rs",
        "use crate::domain::{Error, Viewer, bookings, users::User};\nuse super::b;",
    );
    passes(wings, "src/graphql/users.rs", "use crate::domain::{users, reviews};");
}

#[test]
fn a_crate_is_named_only_where_it_is_at_home() {
    hold(homes);
    bites(homes, "src/rest/a.rs", &["use sea_orm::Set;", "async_graphql::Value::Null"]);
    bites(homes, "src/main.rs", &["axum::serve(a, b)"]);
    passes(homes, "src/server/a.rs", "use axum::Router;\nuse async_graphql::Schema;\n/// Not sea_orm.");
    passes(homes, "tests/api/a.rs", "use sea_orm::Set;");
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    hold(opening);
    bites(opening, "src/a.rs", &["use std::fmt;"]);
    bites(opening, "src/a.rs", &["//!"]);
    passes(opening, "src/a.rs", "//! What this is for.\n");
}

#[test]
fn no_file_is_longer_than_its_limit() {
    hold(length);
    let (full, tests) = ("a();\n".repeat(LONGEST), "#[cfg(test)]\nmod tests {\n}\n".to_owned());
    passes(length, "src/a.rs", &(full.clone() + &tests));
    assert_eq!(length(&Source::new("src/a.rs", &(full.clone() + "a();\n" + &tests))).len(), 1);
    assert_eq!(length(&Source::new("tests/a.rs", &(full.clone() + &tests))).len(), 1);
    assert_eq!(length(&Source::new("migration/src/a.rs", &(full + &tests))).len(), 1);
}

#[test]
fn nothing_unfinished_or_silenced_is_left() {
    hold(leftovers);
    let calls = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!();"));
    bites(leftovers, "src/a.rs", &calls.each_ref().map(String::as_str));
    bites(leftovers, "tests/a.rs", &["#[allow(dead_code)]", "#![allow(dead_code)]", concat!("#[", "ignore]")]);
    for mark in UNFINISHED {
        bites(leftovers, "migration/src/a.rs", &[&format!("// {mark}: later")]);
    }
    passes(leftovers, "src/a.rs", "#[expect(dead_code, reason = \"b\")]\nlet c = [ignore, d]; // allow(e)");
}

#[test]
fn nothing_panics_outside_tests_without_an_argument() {
    hold(panics);
    bites(panics, "src/a.rs", &["b.unwrap();", "c.expect(\"d\");"]);
    bites(panics, "src/a.rs", &["// Cannot fail: another one.\nb();\nc\n    .expect(\"d\");"]);
    passes(panics, "src/a.rs", "b.unwrap_or(c); // d.unwrap()\nlet e = \".unwrap()\";");
    passes(panics, "src/a.rs", "// Cannot fail: it is\n// a constant.\nlet b = c()\n    .expect(\"d\");");
    passes(panics, "src/a.rs", "#[cfg(test)]\nmod tests {\n    b.unwrap();\n}");
    passes(panics, "tests/a.rs", "b.unwrap();");
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

/// Each of these lines, and nothing but its last line, breaks the rule.
fn bites(rule: fn(&Source) -> Vec<Fault>, path: &str, lines: &[&str]) {
    for text in lines {
        let faults = rule(&Source::new(path, text)).into_iter().map(|(line, _)| line);
        assert_eq!(faults.collect::<Vec<_>>(), [text.lines().count() - 1], "{path}: {text}");
    }
}

fn passes(rule: fn(&Source) -> Vec<Fault>, path: &str, text: &str) {
    assert_eq!(rule(&Source::new(path, text)), [], "{path}: {text}");
}
