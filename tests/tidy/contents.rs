//! What a file contains: its first line, its length, nothing unfinished, nothing that panics, no Rust in comments.

use crate::check::{Fault, check_tree, passes, refuses};
use crate::source::{Source, spells};

/// A file longer than this before its tests is two files.
const LONGEST: usize = 400;

/// Marks of unfinished work, spelled in two halves so that a search for them does not find this file.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// What rustdoc takes for Rust after the opening of a block of code, besides nothing at all.
const RUST_BLOCKS: &[&str] =
    &["rust", "ignore", "no_run", "should_panic", "compile_fail", "standalone_crate", "test_harness"];

/// What may not be written, as the words of the code, and the reason.
const FORBIDDEN: &[(&[&str], &str)] = &[
    (&["todo", "!"], "unfinished work belongs in an issue"),
    (&["unimplemented", "!"], "unfinished work belongs in an issue"),
    (&["dbg", "!"], "a leftover of debugging"),
    (&["#", "[", "allow", "("], "write expect with a reason: the compiler reports it when it excuses nothing any more"),
    (
        &["#", "!", "[", "allow", "("],
        "write expect with a reason: the compiler reports it when it excuses nothing any more",
    ),
    (&["#", "[", "ignore"], "a test that does not run proves nothing"),
];

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

/// No step of the checks compiles the documentation's blocks of Rust, so that they would become wrong unnoticed.
fn doc_code(source: &Source) -> Vec<Fault> {
    let (mut faults, mut is_open, mut may_indent, mut is_list) = (Vec::new(), false, true, false);
    for (line, text) in source.text.lines().enumerate() {
        let text = text.trim_start();
        let Some(doc) = ["//!", "///"].iter().find_map(|opening| text.strip_prefix(opening)) else {
            (is_open, may_indent, is_list) = (false, true, false);
            continue;
        };
        let words = doc.trim();
        if let Some(tag) = words.strip_prefix("```").or_else(|| words.strip_prefix("~~~")) {
            if !is_open && is_rust(tag) {
                faults.push((line, "Rust in a comment is never compiled: write ```text, or a test".to_owned()));
            }
            is_open = !is_open;
        } else if !is_open && !words.is_empty() {
            // After an empty line, four more spaces than usual open a block too, unless they continue a list.
            if may_indent && !is_list && doc.starts_with("     ") {
                faults.push((line, "an indented block is taken for Rust: write ```text around it".to_owned()));
            }
            is_list = words.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '*' | '+'))
                || is_list && doc.starts_with("  ");
        }
        may_indent = words.is_empty();
    }
    faults
}

fn is_rust(tag: &str) -> bool {
    let mut words = tag.split([',', ' ', '{', '}']).filter(|word| !word.is_empty());
    words.all(|word| RUST_BLOCKS.contains(&word) || word.starts_with("edition") || word.starts_with("ignore-"))
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

#[test]
fn every_file_opens_with_what_it_is_for() {
    check_tree(opening);
    refuses(opening, "src/a.rs", &["use std::fmt;"]);
    refuses(opening, "src/a.rs", &["//!"]);
    passes(opening, "src/a.rs", "//! What this is for.\n");
}

#[test]
fn no_file_is_longer_than_its_limit() {
    check_tree(length);
    let (full, tests) = ("a();\n".repeat(LONGEST), "#[cfg(test)]\nmod tests {\n}\n".to_owned());
    passes(length, "src/a.rs", &(full.clone() + &tests));
    assert_eq!(length(&Source::new("src/a.rs", &(full.clone() + "a();\n" + &tests))).len(), 1);
    assert_eq!(length(&Source::new("tests/a.rs", &(full.clone() + &tests))).len(), 1);
    assert_eq!(length(&Source::new("migration/src/a.rs", &(full + &tests))).len(), 1);
}

#[test]
fn nothing_unfinished_or_silenced_is_left() {
    check_tree(leftovers);
    let calls = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!();"));
    refuses(leftovers, "src/a.rs", &calls.each_ref().map(String::as_str));
    refuses(leftovers, "tests/a.rs", &["#[allow(dead_code)]", "#![allow(dead_code)]", concat!("#[", "ignore]")]);
    for mark in UNFINISHED {
        refuses(leftovers, "migration/src/a.rs", &[&format!("// {mark}: later")]);
    }
    passes(leftovers, "src/a.rs", "#[expect(dead_code, reason = \"b\")]\nlet c = [ignore, d]; // allow(e)");
}

#[test]
fn no_comment_contains_rust_that_nothing_compiles() {
    check_tree(doc_code);
    refuses(doc_code, "src/a.rs", &["/// ```", "    /// ```rust", "//! ~~~", "/// B.\n/// ```no_run,edition2024"]);
    refuses(doc_code, "src/a.rs", &["/// ```text\n/// b\n/// ```\n/// ```ignore", "/// B:\n///\n///     c();"]);
    refuses(doc_code, "src/a.rs", &["//!     b();", "/// - b\nstruct C;\n///     d();"]);
    passes(
        doc_code,
        "src/a.rs",
        "/// ```text\n///     b();\n///\n///     c();\n/// ```\n/// ```graphql\n/// { d }\n/// ```",
    );
    passes(doc_code, "src/a.rs", "/// - b\n///\n///     c\n// ```\nlet d = \"```\";\n/// E\n///      f");
}

#[test]
fn nothing_panics_outside_tests_without_an_argument() {
    check_tree(panics);
    refuses(panics, "src/a.rs", &["b.unwrap();", "c.expect(\"d\");"]);
    refuses(panics, "src/a.rs", &["// Cannot fail: another one.\nb();\nc\n    .expect(\"d\");"]);
    passes(panics, "src/a.rs", "b.unwrap_or(c); // d.unwrap()\nlet e = \".unwrap()\";");
    passes(panics, "src/a.rs", "// Cannot fail: it is\n// a constant.\nlet b = c()\n    .expect(\"d\");");
    passes(panics, "src/a.rs", "#[cfg(test)]\nmod tests {\n    b.unwrap();\n}");
    passes(panics, "tests/a.rs", "b.unwrap();");
}
