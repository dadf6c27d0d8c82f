//! No import cycle between the files of one folder.
//!
//! A file `x.rs` and the folder `x/` beside it are one node, as is a folder `y/` with its `mod.rs`. What a name is
//! imported through does not matter: an import counts from the file that spells it to the file that defines the name.
//! The folder's own `mod.rs` is a node for what it defines and for what its own code uses, not for what it re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::check::sources;
use crate::modules::{Modules, Target};
use crate::source::{Source, Token};

/// The crates whose modules are read: where their modules lie, and the file of their root.
const CRATES: &[(&str, &str)] = &[
    ("src/", "src/lib.rs"),
    ("migration/src/", "migration/src/lib.rs"),
    ("tests/api/", "tests/api/main.rs"),
    ("tests/tidy/", "tests/tidy.rs"),
];

/// The folders whose files may import each other: the types of the GraphQL schema refer to each other in cycles.
const EXEMPT: &[&str] = &["src/graphql/types"];

/// The node of a folder for what its own `mod.rs` defines.
const OWN: &str = "mod.rs";

/// The name under which a module itself is imported.
const ITSELF: &str = "the module";

/// A node imports from a node, and the names it imports, each with where the first of its imports stands.
type Edges<'a> = BTreeMap<(&'a str, &'a str), BTreeMap<&'a str, String>>;

/// The cycles of all folders, one text each: the files, and which imports which names from which other.
fn cycles(sources: &[Source]) -> Vec<String> {
    let tokens: Vec<Vec<Token>> = sources.iter().map(Source::tokens).collect();
    let mut found = Vec::new();
    for &(folder, root) in CRATES {
        let mut files = Vec::new();
        for (source, tokens) in sources.iter().zip(&tokens) {
            if source.path == root {
                files.insert(0, (Vec::new(), tokens.as_slice()));
            } else if let Some(inside) = source.path.strip_prefix(folder).filter(|&name| name != "main.rs") {
                let names = inside.trim_end_matches(".rs").split('/').filter(|&name| name != "mod");
                files.push((names.collect(), tokens.as_slice()));
            }
        }
        for (path, edges) in folders(&Modules::read(&files)) {
            let name = format!("{folder}{}", path.join("/"));
            let name = name.trim_end_matches('/');
            if !EXEMPT.contains(&name) {
                found.extend(groups(&edges).iter().map(|group| describe(name, group, &edges)));
            }
        }
    }
    found
}

/// The imports between the nodes of each folder. A module is named by the one below the folder in which it lies.
fn folders<'a>(modules: &Modules<'a>) -> BTreeMap<Vec<&'a str>, Edges<'a>> {
    let mut folders: BTreeMap<Vec<&str>, Edges> = BTreeMap::new();
    let mut add = |from: usize, line: usize, target: Target<'a>, is_import: bool| {
        let (to, name) = match target {
            Target::Module(to) => (to, ITSELF),
            Target::Item(to, name) => (to, name),
        };
        let [from, to] = [from, to].map(|module| {
            let module = &modules.all[module];
            &module.path[..module.file_depth]
        });
        let common = from.iter().zip(to).take_while(|(one, other)| one == other).count();
        // A module above is named on the way to something in it.
        let is_on_the_way = matches!(target, Target::Module(_)) && common == to.len();
        let is_re_export = is_import && common == from.len();
        if from == to || is_on_the_way || is_re_export {
            return;
        }
        let node = |path: &[&'a str]| path.get(common).copied().unwrap_or(OWN);
        let edge = folders.entry(from[..common].to_vec()).or_default().entry((node(from), node(to))).or_default();
        edge.entry(name).or_insert_with(|| (line + 1).to_string());
    };
    for (from, module) in modules.all.iter().enumerate() {
        for import in &module.imports {
            if let Some(target) = modules.resolve(from, &import.path) {
                // A trait that is imported without a name is used by its methods alone.
                add(from, import.line, target, import.name != "_");
            }
        }
        for spelled in &module.spelled {
            let path: Vec<&str> = spelled.iter().step_by(2).map(|token| token.1).collect();
            if let Some(target) = modules.resolve(from, &path) {
                add(from, spelled[0].0, target, false);
            }
        }
    }
    folders
}

/// The groups of nodes of which each reaches every other.
fn groups<'a>(edges: &Edges<'a>) -> Vec<Vec<&'a str>> {
    let nodes: BTreeSet<&str> = edges.keys().flat_map(|&(from, to)| [from, to]).collect();
    let reached = |start: &'a str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(node) = open.pop() {
            let next = edges.keys().filter(|(from, _)| *from == node).map(|&(_, to)| to);
            open.extend(next.filter(|&to| seen.insert(to)));
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = nodes.iter().map(|&node| (node, reached(node))).collect();
    let (mut groups, mut grouped) = (Vec::new(), BTreeSet::new());
    for &node in nodes.iter().filter(|node| reached[*node].contains(*node)) {
        if grouped.insert(node) {
            let group: Vec<&str> =
                reached[node].iter().copied().filter(|other| reached[other].contains(node)).collect();
            grouped.extend(&group);
            groups.push(group);
        }
    }
    groups
}

fn describe(folder: &str, group: &[&str], edges: &Edges) -> String {
    let mut text = format!("{folder}: {} files import each other in a cycle: {}", group.len(), group.join(", "));
    let inside = edges.iter().filter(|((from, to), _)| group.contains(from) && group.contains(to));
    for ((from, to), names) in inside {
        let names = names.iter().filter(|(name, _)| names.len() == 1 || **name != ITSELF);
        let names: Vec<String> = names.map(|(name, line)| format!("{name} (line {line})")).collect();
        // Writing into a string cannot fail.
        let _ = write!(text, "\n    {from} imports from {to}: {}", names.join(", "));
    }
    text
}

#[test]
fn no_files_of_a_folder_import_each_other_in_a_cycle() {
    for (_, root) in CRATES {
        assert!(sources().iter().any(|source| source.path == *root), "{root} is not the root of a crate any more");
    }
    let found = cycles(sources());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The cycles between files of `src/a`, each given by its name and its text.
fn cycles_of(files: &[(&str, &str)]) -> String {
    let mut sources = vec![Source::new("src/lib.rs", "pub mod a;")];
    sources.extend(files.iter().map(|(name, text)| Source::new(&format!("src/a/{name}"), text)));
    cycles(&sources).join("\n")
}

#[test]
fn a_cycle_is_shown_with_its_files_and_the_names_that_tie_them() {
    let shown = cycles_of(&[
        ("mod.rs", "mod b;\nmod c;\nmod d;"),
        ("b.rs", "use super::c::{C, self as other};\nfn f() {}"),
        ("c.rs", "struct C;\nfn g() { super::b::f() }"),
        ("d.rs", "use super::b::f;"),
    ]);
    let expected = "src/a: 2 files import each other in a cycle: b, c\n    b imports from c: C (line 1)\n    c imports from b: f (line 2)";
    assert_eq!(shown, expected);
}

#[test]
fn imports_are_followed_to_the_file_that_defines_the_name() {
    let mod_rs = "mod b;\nmod c;\npub use b::{B, f as g};\npub use c::*;";
    let b = ("b.rs", "use super::C;\npub struct B;\npub fn f() {}");
    let c = |text: &'static str| ("c.rs", text);
    let ties = |text| cycles_of(&[("mod.rs", mod_rs), b, c(text)]);
    for text in [
        "pub struct C(super::B);",
        "pub struct C;\nuse crate::a::g;",
        "pub struct C;\nuse crate::a;\nfn h() { a::g() }",
        "pub struct C;\nuse super::*;\nfn h() -> B {}",
        "pub struct C;\nmod inner {\n    use super::super::b::f;\n}",
        "pub struct C;\nfn h(b: &'static super::b::Other) {}",
    ] {
        assert!(ties(text).starts_with("src/a: 2 files import each other in a cycle: b, c"), "{text}");
    }
    for text in [
        "pub struct C;",
        "pub struct C;\n// use super::B;\n/// [`super::B`]",
        "pub struct C;\n#[cfg(test)]\nmod tests {\n    use super::super::B;\n}",
        "pub struct C;\n#[cfg(test)]\nuse super::B;\n#[cfg(test)]\nfn h<T, U>() -> super::B {}",
        "pub struct C;\nuse other::B;\nfn h() { b::f() }",
    ] {
        assert_eq!(ties(text), "", "{text}");
    }
}

#[test]
fn what_mod_rs_defines_itself_takes_part() {
    let child = ("b.rs", "use super::helper;\npub fn f() {}");
    let shown = cycles_of(&[("mod.rs", "mod b;\nuse b::f;\nfn helper() {}\nfn g() { f() }"), child]);
    assert!(shown.starts_with("src/a: 2 files import each other in a cycle: b, mod.rs"), "{shown}");
    assert_eq!(cycles_of(&[("mod.rs", "mod b;\npub use b::f;\nfn helper() {}"), child]), "");
    assert_eq!(
        cycles_of(&[("mod.rs", "mod b;\nfn helper() {}\n#[cfg(test)]\nmod tests { use super::b::f; }"), child]),
        ""
    );
}

#[test]
fn a_folder_is_one_node_with_the_file_beside_it() {
    let shown = cycles_of(&[
        ("mod.rs", "mod b;\nmod c;"),
        ("b.rs", "mod deep;"),
        ("b/deep.rs", "use crate::a::c::C;"),
        ("c/mod.rs", "mod deep;\npub struct C;"),
        ("c/deep.rs", "use super::super::b::B;"),
    ]);
    assert!(shown.starts_with("src/a: 2 files import each other in a cycle: b, c"), "{shown}");
}

#[test]
fn the_types_of_the_schema_may_import_each_other() {
    let files = [("b.rs", "use super::c::C;"), ("c.rs", "use super::b::B;")];
    let mut sources = vec![Source::new("src/lib.rs", "pub mod graphql;")];
    sources.extend(files.map(|(name, text)| Source::new(&format!("src/graphql/types/{name}"), text)));
    assert_eq!(cycles(&sources), Vec::<String>::new());
}
