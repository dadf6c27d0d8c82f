//! Printing the schema.

use std::fmt::Write;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use async_graphql::SDLExportOptions;
use serde_json::Value;

use super::builder::{DESCRIPTION, Purpose, build_schema};

/// The directives as introspection lists them, in the order of their names.
const DIRECTIVES: &str = "{ __schema { directives { name description isRepeatable locations args { name description \
    defaultValue type { ...T } } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The schema as text, as committed in `schema.graphql`. It says what introspection says; the description of the schema
/// itself is a comment.
pub fn sdl() -> &'static str {
    static SDL: LazyLock<String> = LazyLock::new(print);
    &SDL
}

fn print() -> String {
    let schema = build_schema(true, Purpose::Introspection);
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by();
    let exported = schema.sdl_with_options(options);
    let (types, roots) = split_off_directives(&exported);
    let answer = run_now(schema.execute(DIRECTIVES)).data.into_json().unwrap_or_default();
    let mut text = types.to_owned();
    for directive in answer["__schema"]["directives"].as_array().into_iter().flatten() {
        print_directive(directive, &mut text);
    }
    // A comment, because not every parser accepts a description here. That of the Rust crate `graphql_client` does not.
    for line in DESCRIPTION.lines() {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str(roots);
    format!("{}\n", text.trim_end())
}

/// The types and the block of the roots. The directives between the two are left out: the exporter prints neither those
/// that no type uses nor the descriptions of arguments.
fn split_off_directives(exported: &str) -> (&str, &str) {
    let roots = exported.rfind("\nschema {").map_or(exported.len(), |at| at + 1);
    let first = exported.find("\ndirective @").unwrap_or(roots);
    // The description before it, between its two marks.
    let marks = exported[..first].rmatch_indices("\"\"\"").nth(1);
    (&exported[..marks.map_or(first, |(at, _)| at)], &exported[roots..])
}

/// Runs a request that waits for nothing: introspection reads the registry only.
fn run_now<F: Future>(request: F) -> F::Output {
    let mut request = pin!(request);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = request.as_mut().poll(&mut context) {
            return output;
        }
    }
}

fn print_directive(directive: &Value, text: &mut String) {
    let arguments: Vec<&Value> = directive["args"].as_array().into_iter().flatten().collect();
    print_description(directive["description"].as_str().unwrap_or_default(), "", text);
    let _ = write!(text, "directive @{}", directive["name"].as_str().unwrap_or_default());
    if !arguments.is_empty() {
        text.push_str("(\n");
        for argument in arguments {
            print_description(argument["description"].as_str().unwrap_or_default(), "\t", text);
            let name = argument["name"].as_str().unwrap_or_default();
            let default = argument["defaultValue"].as_str().map(|default| format!(" = {default}"));
            let _ = writeln!(text, "\t{name}: {}{}", type_name(&argument["type"]), default.unwrap_or_default());
        }
        text.push(')');
    }
    if directive["isRepeatable"] == true {
        text.push_str(" repeatable");
    }
    let locations: Vec<&str> =
        directive["locations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let _ = writeln!(text, " on {}\n", locations.join(" | "));
}

fn print_description(description: &str, indent: &str, text: &mut String) {
    if !description.is_empty() {
        let description = description.replace('\n', &format!("\n{indent}"));
        let _ = writeln!(text, "{indent}\"\"\"\n{indent}{description}\n{indent}\"\"\"");
    }
}

/// The type as it is written, such as `[ID!]!`.
fn type_name(of: &Value) -> String {
    match of["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", type_name(&of["ofType"])),
        Some("LIST") => format!("[{}]", type_name(&of["ofType"])),
        _ => of["name"].as_str().unwrap_or_default().to_owned(),
    }
}
