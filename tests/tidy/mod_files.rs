//! A `mod.rs` re-exports and states invariants: what its folder defines lies in the other files of the folder.
//!
//! Helpers in `mod.rs` are what makes the files of a folder import their parent.

use crate::check::{Fault, check_tree, passes, refuses};
use crate::source::{Source, Token, spells};

fn definitions(source: &Source) -> Vec<Fault> {
    if !source.is_under("src/") || !source.path.ends_with("/mod.rs") {
        return Vec::new();
    }
    let (tokens, mut faults, mut at) = (source.tokens(), Vec::new(), 0);
    while at < tokens.len() {
        let start = at;
        at = end_of_item(&tokens, start);
        let item = &tokens[start..at];
        let is_module = spells(item, &["mod"]) && item.last().is_some_and(|token| token.1 == ";");
        let is_visibility = item.len() == 1 && item[0].1 == "pub" || spells(item, &["("]);
        let is_attribute = spells(item, &["#"]);
        if !(is_module || is_visibility || is_attribute || spells(item, &["use"])) {
            let reason = format!("`{}` in a `mod.rs`, which only re-exports: move it to a file of its own", item[0].1);
            faults.push((item[0].0, reason));
        }
    }
    faults
}

/// The place after the item, visibility or attribute at `start`.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while let Some(&(_, word)) = tokens.get(at) {
        at += 1;
        match word {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_complete = match tokens[start].1 {
            "pub" => true,
            "(" => word == ")",
            "#" => word == "]",
            // The braces of a `use` are followed by a semicolon.
            "use" => word == ";",
            _ => matches!(word, "}" | ";"),
        };
        if depth == 0 && is_complete {
            return at;
        }
    }
    at
}

#[test]
fn a_mod_file_only_re_exports() {
    check_tree(definitions);
    refuses(
        definitions,
        "src/a/mod.rs",
        &[
            "mod b;\npub use b::{B, f as g};\nfn h() { c(); }",
            "pub(in crate::a) struct A;",
            "#[derive(Clone)]\npub struct A { b: u8, c: u8 }",
            "struct A(u8);",
            "pub enum A { B }",
            "trait A { fn b(); }",
            "impl A { fn b() {} }",
            "const A: [u8; 2] = [1, 2];",
            "pub(super) static A: u8 = 1;",
            "type A = B<u8>;",
            "macro_rules! a { () => { 1 }; }",
            "a! { b }",
            "a!(b);",
            "mod tests { use super::b; }",
            "pub async fn a() {}",
        ],
    );
    passes(
        definitions,
        "src/a/mod.rs",
        "//! **Invariant:** fn b() {}\n#![expect(dead_code, reason = \"c\")]\n\n#[macro_use]\nmod b;\npub mod c;\n\
         #[cfg(test)]\nmod tests;\n\n/// D.\npub(in crate::a) use self::b::{B, d::{E, F}};\n\
         pub(crate) use c::*;\nuse g as _;",
    );
    passes(definitions, "src/a/b.rs", "fn c() {}");
    passes(definitions, "tests/api/a/mod.rs", "fn c() {}");
}
