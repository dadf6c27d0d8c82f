//! Tests do not wait for time to pass, and take it from the clock of the app, which they move: a test that sleeps is
//! slow or fails on a slow machine, and a row with the database's time does not fit the app's.

use crate::check::{Fault, check_files, check_tree, passes, read_sources, refuses};
use crate::source::{Source, is_word};

/// What gives the real time in SQL, spelled in two halves so that the rule does not find this file.
const SQL_TIME: &[&str] = &[
    concat!("current", "_timestamp"),
    concat!("current", "_time"),
    concat!("current", "_date"),
    concat!("now", "()"),
    concat!("clock_time", "stamp()"),
    concat!("'no", "w'"),
];

fn sleeps(source: &Source) -> Vec<Fault> {
    let tokens = source.tokens();
    let calls = tokens
        .windows(2)
        .filter(|pair| source.is_under("tests/") && matches!(pair[0].1, "sleep" | "sleep_until") && pair[1].1 == "(");
    calls.map(|pair| (pair[0].0, "a test sleeps: wait for what it waits for, or move `app.clock`".to_owned())).collect()
}

/// JavaScript is read as it is: what is a comment or a literal is known for Rust only.
fn sleeps_in_script(source: &Source) -> Vec<Fault> {
    let is_call = |line: &str| {
        let mut found = line.match_indices("sleep(");
        found.any(|(at, _)| !line[..at].ends_with(is_word))
            || line.contains("setTimeout") && line.contains("timers/promises")
    };
    let lines = source.text.lines().enumerate();
    let calls = lines.filter(|(_, line)| !line.trim_start().starts_with(['/', '*']) && is_call(line));
    calls.map(|(line, _)| (line, "a test sleeps: wait for what it waits for".to_owned())).collect()
}

fn sql_time(source: &Source) -> Vec<Fault> {
    if !source.is_under("tests/") {
        return Vec::new();
    }
    let found = |text: &str| {
        let text = text.to_ascii_lowercase();
        SQL_TIME.iter().copied().find(|name| {
            // What follows a word or a dot is a part of another name.
            let mut places = text.match_indices(name);
            places.any(|(at, _)| {
                let after = &text[at + name.len()..];
                !text[..at].ends_with(|c| is_word(c) || c == '.') && !after.starts_with(is_word)
            })
        })
    };
    let faults = source.literals().filter_map(|(line, text)| Some((line, found(text)?)));
    faults.map(|(line, name)| (line, format!("`{name}` in SQL: bind the time of `app.clock`"))).collect()
}

#[test]
fn no_test_sleeps() {
    check_tree(sleeps);
    refuses(sleeps, "tests/api/a.rs", &["tokio::time::sleep(b).await;", "thread::sleep(b);", "sleep_until (b)"]);
    passes(sleeps, "tests/api/a.rs", "b.sleeps(); // sleep(c)\nd(\"sleep(1)\");\nuse e::sleep;");
    passes(sleeps, "src/a.rs", "sleep(b).await;");
}

#[test]
fn no_script_sleeps() {
    let scripts = read_sources(&["tests"], "mjs");
    assert!(!scripts.is_empty(), "the scripts of the tests lie elsewhere");
    check_files(&scripts, sleeps_in_script);
    refuses(
        sleeps_in_script,
        "tests/a.mjs",
        &["await sleep(100)", "await clock.sleep(1)", "import { setTimeout } from 'node:timers/promises'"],
    );
    passes(sleeps_in_script, "tests/a.mjs", "// sleep(1)\n * sleep(1)\nisAsleep(1)\nsetTimeout(stop, TIMEOUT_MS)");
    passes(sleeps_in_script, "tests/a.mjs", "import { setImmediate } from 'node:timers/promises'");
}

#[test]
fn no_test_takes_its_time_from_the_database() {
    check_tree(sql_time);
    for name in SQL_TIME {
        let call = format!("let sql = \"\n    UPDATE b SET c = {}\";", name.to_ascii_uppercase());
        refuses(sql_time, "tests/api/a.rs", &[&call]);
        passes(sql_time, "src/a.rs", &call);
        passes(sql_time, "tests/api/a.rs", &format!("let b = c.{name};\n// {name}\nd(\"e.{name} f_{name}\");"));
    }
}
