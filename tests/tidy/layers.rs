//! Who may name whom: the floors of the crate, the wings of the domain, and the homes of some crates.

use crate::check::{Fault, check_tree, passes, refuses};
use crate::source::{Source, spells};

/// The floors, the lowest first; `src/main.rs` is above them all. A module names only floors below its own, so the
/// entry points, which share one floor, do not name each other.
const FLOORS: &[&[&str]] =
    &[&["kernel"], &["platform"], &["domain"], &["graphql", "rest", "jobs", "import", "demo", "audit"], &["server"]];

/// The wings of `src/domain`, the lowest first: a wing names only those before it.
const WINGS: &[&str] =
    &["limits", "error", "viewer", "notifications", "users", "listings", "payments", "bookings", "reviews"];

/// Crates that only some folders may name, and those folders.
const HOMES: &[(&str, &[&str])] = &[
    ("sea_orm", &["src/platform/", "src/domain/"]),
    ("async_graphql", &["src/graphql/", "src/server/"]),
    ("axum", &["src/rest/", "src/server/"]),
];

fn floors(source: &Source) -> Vec<Fault> {
    let Some(own) = source.module().first().copied().filter(|&name| source.is_under("src/") && name != "main") else {
        return Vec::new();
    };
    let floor = |name: &str| FLOORS.iter().position(|names| names.contains(&name));
    let Some(height) = floor(own) else {
        return vec![(0, format!("`{own}` is on no floor: give it one in tests/tidy/layers.rs"))];
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
        return vec![(0, format!("`{own}` is no wing: give it a place in tests/tidy/layers.rs"))];
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

/// `domain` itself re-exports only from its two lowest files: anything else would be a way around the order of the
/// wings.
fn re_exports(source: &Source) -> Vec<Fault> {
    let tokens = source.tokens();
    let uses = (1..tokens.len()).filter(|&at| tokens[at].1 == "use" && ["pub", ")"].contains(&tokens[at - 1].1));
    let judged = uses.map(|at| if spells(&tokens[at + 1..], &["self", "::"]) { at + 3 } else { at + 1 });
    let strangers = judged.filter(|&at| tokens.get(at).is_some_and(|token| !["error", "viewer"].contains(&token.1)));
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

#[test]
fn a_module_names_only_floors_below_its_own() {
    check_tree(floors);
    refuses(floors, "src/kernel/a.rs", &["use crate::platform::App;", "use super::super::domain::Error;"]);
    refuses(
        floors,
        "src/graphql/a.rs",
        &["use crate::rest::b;", "use crate::{domain::c, server::d};", "crate::e::f()"],
    );
    refuses(floors, "src/lost/a.rs", &["struct A;"]);
    passes(
        floors,
        "src/server/mod.rs",
        "use crate::{graphql, rest::a, server::b};\nuse super::kernel; // crate::main::c",
    );
    passes(floors, "src/main.rs", "use roost::{demo, server};");
}

#[test]
fn a_wing_names_only_wings_before_it() {
    check_tree(wings);
    refuses(wings, "src/domain/listings/a.rs", &["use crate::domain::bookings;", "use super::super::reviews::b;"]);
    refuses(wings, "src/domain/users/mod.rs", &["use super::*;", "use crate::domain::{Error, payments::C};"]);
    refuses(wings, "src/domain/error.rs", &["use super::viewer::Viewer;"]);
    refuses(wings, "src/domain/lost/a.rs", &["struct A;"]);
    refuses(wings, "src/domain/mod.rs", &["pub use bookings::Booking;", "pub(crate) use self::users::User;"]);
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
    check_tree(homes);
    refuses(homes, "src/rest/a.rs", &["use sea_orm::Set;", "async_graphql::Value::Null"]);
    refuses(homes, "src/main.rs", &["axum::serve(a, b)"]);
    passes(homes, "src/server/a.rs", "use axum::Router;\nuse async_graphql::Schema;\n/// Not sea_orm.");
    passes(homes, "tests/api/a.rs", "use sea_orm::Set;");
}
