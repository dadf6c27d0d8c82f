//! Whether documents and variables are what the schema allows, by every rule of the specification (sections 5 and 6.1.2).
//!
//! **Invariant:** the executor is never given a document that is not valid. Its own validation leaves some rules out, and
//! the errors that it collects for others grow with the square of the document.

mod literals;

use std::sync::LazyLock;

use apollo_compiler::ast::{Document, FieldDefinition};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::parser::LineColumn;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{Name, Schema};
use async_graphql::{Pos, ServerError};
use serde_json::{Map, Value};

use super::request::Answer;
use crate::graphql::support::error_codes::ErrorCode;

/// More errors of one document are not told.
const MOST_TOLD: usize = 20;
/// Longer texts are cut off in errors, which repeat what was sent.
const LONGEST_CHARS: usize = 300;
/// How much a name that is meant must be like the one that is written, of 1.
const ALIKE: f64 = 0.8;

/// The schema that documents are held against.
static SCHEMA: LazyLock<Valid<Schema>> = LazyLock::new(|| read(crate::graphql::sdl()));

/// This program's schema.
pub fn schema() -> &'static Schema {
    &SCHEMA
}

/// A valid document.
#[derive(Debug)]
pub struct ValidDocument(Valid<ExecutableDocument>);

/// Reads a schema. What is wrong with it is left out; a test sees to it that nothing is.
fn read(sdl: &str) -> Valid<Schema> {
    // The specification's newest field of introspection, which the validator does not know yet.
    let sdl = format!("{sdl}\nextend type __Type {{ isOneOf: Boolean }}\n");
    let schema = Schema::parse(sdl, "schema.graphql").unwrap_or_else(|faulty| faulty.partial);
    Valid::assume_valid(schema)
}

/// Holds a document against the schema; `suggest` says whether names that exist may be told to who misses them.
pub fn check(text: &str, suggest: bool) -> Result<ValidDocument, Box<Answer>> {
    // One after the other: what follows from a name that does not exist is of no interest.
    let read = Document::parse(text, "").map_err(|faulty| refused(&faulty.errors, ErrorCode::ParseFailed, suggest))?;
    let not_valid = |errors: &DiagnosticList| refused(errors, ErrorCode::ValidationFailed, suggest);
    let built = read.to_executable(&SCHEMA).map_err(|faulty| not_valid(&faulty.errors))?;
    let valid = built.validate(&SCHEMA).map_err(|faulty| not_valid(&faulty.errors))?;
    if let Some((message, name)) = literals::fault(&SCHEMA, &valid) {
        let at = name.line_column_range(&valid.sources).map(|range| range.start);
        return Err(Answer::failed(vec![located(ErrorCode::ValidationFailed.error(cut(message)), at)]));
    }
    Ok(ValidDocument(valid))
}

impl ValidDocument {
    /// Refuses variables that are missing or of another type than the operation declares; what is in a custom scalar is
    /// looked at by the executor.
    pub fn check_variables(&self, operation: Option<&str>, given: &Map<String, Value>) -> Result<(), Box<Answer>> {
        let Ok(operation) = self.0.operations.get(operation) else { return Ok(()) };
        let declared = |name: &String| operation.variables.iter().any(|variable| variable.name == name.as_str());
        let given: JsonMap = given
            .iter()
            .filter(|(name, _)| declared(name))
            .map(|(name, value)| (name.as_str().into(), JsonValue::from(value.clone())))
            .collect();
        match coerce_variable_values(&SCHEMA, operation, &given) {
            Ok(_) => Ok(()),
            Err(error) => {
                let message = cut(error.message().to_string());
                Err(Answer::refused(ErrorCode::ValidationFailed, message))
            }
        }
    }
}

/// The same document without what is written between its words, and with its texts in their plainest form; nothing where
/// it cannot be read.
pub fn plain(text: &str) -> Option<String> {
    Some(Document::parse(text, "").ok()?.serialize().no_indent().to_string())
}

fn refused(errors: &DiagnosticList, code: ErrorCode, suggest: bool) -> Box<Answer> {
    let told = errors.iter().take(MOST_TOLD).map(|found| {
        // The messages of graphql-js, which clients know.
        let mut message = found.error.unstable_compat_message().unwrap_or_else(|| found.error.to_string());
        if suggest && let Some(meant) = meant(&message) {
            message = format!("{message} Did you mean \"{meant}\"?");
        }
        located(code.error(cut(message)), found.line_column_range().map(|range| range.start))
    });
    Answer::failed(told.collect())
}

fn located(error: ServerError, at: Option<LineColumn>) -> ServerError {
    let at = at.map(|at| Pos { line: at.line, column: at.column });
    ServerError { locations: at.into_iter().collect(), ..error }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The name that was meant, where a message tells of one that does not exist.
fn meant(message: &str) -> Option<&'static str> {
    let mut quoted = message.split('"').skip(1).step_by(2);
    let (wrong, place) = (quoted.next()?, quoted.next()?);
    if message.starts_with("Cannot query field") {
        return nearest(wrong, fields(place)?.keys().map(Name::as_str));
    }
    if message.starts_with("Unknown argument") {
        let (ty, field) = place.split_once('.')?;
        let arguments = &fields(ty)?.get(field)?.arguments;
        return nearest(wrong, arguments.iter().map(|argument| argument.name.as_str()));
    }
    None
}

fn fields(ty: &str) -> Option<&'static IndexMap<Name, Component<FieldDefinition>>> {
    match SCHEMA.types.get(ty)? {
        ExtendedType::Object(object) => Some(&object.fields),
        ExtendedType::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}

fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = names.map(|name| (strsim::jaro_winkler(wrong, name), name)).filter(|(alike, _)| *alike >= ALIKE);
    alike.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, suggest: bool) -> Vec<String> {
        match check(text, suggest) {
            Ok(_) => Vec::new(),
            Err(answer) => answer.response.errors.iter().map(|error| error.message.clone()).collect(),
        }
    }

    #[test]
    fn the_schema_itself_is_valid() {
        let found = Schema::parse_and_validate(crate::graphql::sdl(), "schema.graphql");
        assert_eq!(found.err().map(|faulty| faulty.errors.to_string()), None);
        assert_eq!(told("{ __schema { types { isOneOf fields(includeDeprecated: true) { name } } } }", true), [""; 0]);
    }

    /// The rules of section 5, in its order: a document that breaks one alone, and the same without the fault.
    const RULES: [(&str, &str, &str); 27] = [
        ("5.1.1 executable definitions", "{ __typename } type A { b: Int }", "{ __typename }"),
        (
            "5.2.1.1 operation names",
            "query A { __typename } query A { __typename }",
            "query A { __typename } query B { __typename }",
        ),
        (
            "5.2.2.1 lone anonymous operation",
            "{ __typename } query A { __typename }",
            "query B { __typename } query A { __typename }",
        ),
        (
            "5.2.3.1 single root field",
            "subscription { hostBookingChanged { __typename } notificationReceived { id } }",
            "subscription { notificationReceived { id } }",
        ),
        ("5.3.1 field selections", "{ viewer { nothing } }", "{ viewer { __typename } }"),
        (
            "5.3.2 merging",
            "{ a: amenities { name: code } a: amenities { name } }",
            "{ a: amenities { code } a: amenities { name } }",
        ),
        ("5.3.3 leaf fields, of objects", "{ amenities }", "{ amenities { code } }"),
        ("5.3.3 leaf fields, of scalars", "{ amenities { code { a } } }", "{ amenities { code } }"),
        ("5.4.1 argument names", "{ node(id: 1, nothing: 2) { id } }", "{ node(id: 1) { id } }"),
        ("5.4.2 argument uniqueness", "{ node(id: 1, id: 1) { id } }", "{ node(id: 1) { id } }"),
        ("5.4.3 required arguments", "{ node { id } }", "{ node(id: 1) { id } }"),
        (
            "5.5.1.1 fragment names",
            "{ ...A } fragment A on Query { __typename } fragment A on Query { __typename }",
            "{ ...A } fragment A on Query { __typename }",
        ),
        ("5.5.1.2 fragment types", "{ ... on Nothing { __typename } }", "{ ... on Query { __typename } }"),
        ("5.5.1.3 fragments on composites", "{ ... on Int { __typename } }", "{ ... on Query { __typename } }"),
        (
            "5.5.1.4 unused fragments",
            "{ __typename } fragment A on Query { __typename }",
            "{ ...A } fragment A on Query { __typename }",
        ),
        ("5.5.2.1 fragment targets", "{ ...A }", "{ __typename }"),
        (
            "5.5.2.2 cycles",
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
            "{ ...A } fragment A on Query { ...B } fragment B on Query { __typename }",
        ),
        (
            "5.5.2.3 possible spreads",
            "{ node(id: 1) { ... on Amenity { code } } }",
            "{ node(id: 1) { ... on Listing { id } } }",
        ),
        ("5.6.1 values of correct type", "{ node(id: true) { id } }", "{ node(id: 1) { id } }"),
        (
            "5.6.2 input object fields",
            "{ listingSearch(where: { nothing: 1 }) { totalCount } }",
            "{ listingSearch(where: { capacity: 1 }) { totalCount } }",
        ),
        (
            "5.6.3 input object field uniqueness",
            "{ listingSearch(where: { capacity: 1, capacity: 2 }) { totalCount } }",
            "{ listingSearch(where: { capacity: 1, bedsMin: 2 }) { totalCount } }",
        ),
        (
            "5.6.4 input object required fields",
            "{ listingSearch(where: { totalMax: {} }) { totalCount } }",
            "{ listingSearch(where: {}) { totalCount } }",
        ),
        ("5.7.1 directives are defined", "{ __typename @nothing }", "{ __typename @skip(if: false) }"),
        ("5.7.2 directives in valid places", "query @skip(if: true) { __typename }", "{ __typename @skip(if: true) }"),
        (
            "5.7.3 unique directives",
            "{ __typename @skip(if: false) @skip(if: false) }",
            "{ __typename @skip(if: false) @include(if: true) }",
        ),
        (
            "5.8.1 to 5.8.4 variables",
            "query($a: ID!, $a: ID!) { node(id: $a) { id } }",
            "query($a: ID!) { node(id: $a) { id } }",
        ),
        (
            "5.8.5 variable usages",
            "query($id: ID) { node(id: $id) { id } }",
            "query($id: ID!) { node(id: $id) { id } }",
        ),
    ];

    #[test]
    fn every_rule_of_the_specification_is_kept() {
        for (rule, broken, whole) in RULES {
            assert_ne!(told(broken, false), [""; 0], "{rule}: {broken}");
            assert_eq!(told(whole, false), [""; 0], "{rule}: {whole}");
        }
        for broken in [
            "query($a: Listing) { node(id: $a) { id } }",
            "{ node(id: $a) { id } }",
            "query($a: ID!) { __typename }",
            "query($w: ListingSearchWhere! = { capacity: 1, capacity: 2 }) { listingSearch(where: $w) { totalCount } }",
            "{ ...A } fragment A on Query { listingSearch(where: { within: {}, within: {} }) { totalCount } }",
            "query($a: ID) { nodes(ids: [$a]) { id } }",
            "query($a: Int = null) { ...A } fragment A on Query { listingSearch(where: { totalMax: { amount: $a, currency: \"EUR\" } }) { totalCount } }",
            "query($a: [ID!]!) { nodes(ids: [$a]) { id } }",
        ] {
            assert_ne!(told(broken, false), [""; 0], "{broken}");
        }
        for whole in [
            "query($a: ID = 1) { nodes(ids: [$a, 2]) { id } }",
            "query($a: ID!) { ...A } fragment A on Query { nodes(ids: [$a]) { id } }",
            "query($a: Int) { listingSearch(where: { capacity: $a }) { totalCount } }",
        ] {
            assert_eq!(told(whole, false), [""; 0], "{whole}");
        }
        let answer =
            check("{ ...A } fragment A on Query { a: nodes(ids: []) { id } } { b: __typename }", false).unwrap_err();
        assert!(answer.is(ErrorCode::ValidationFailed), "it can be parsed");
    }

    #[test]
    fn rules_that_the_executor_does_not_know_are_kept() {
        for (text, why) in [
            ("{ __typename(x: 1) }", "Unknown argument \"x\" on field \"Query.__typename\"."),
            ("{ __typename @nothing }", "Unknown directive \"@nothing\"."),
            (
                "query($id: ID) { node(id: $id) { id } }",
                "Variable \"$id\" of type \"ID\" used in position expecting type \"ID!\".",
            ),
            (
                "{ listingSearch(where: {}, first: 99999999999) { totalCount } }",
                "Int cannot represent non 32-bit signed integer value: 99999999999",
            ),
            (
                "{ listingSearch(where: {}, sort: \"RELEVANCE\") { totalCount } }",
                "ListingSearchSort cannot represent value: \"RELEVANCE\"",
            ),
        ] {
            assert_eq!(told(text, false), [why], "{text}");
        }
    }

    #[test]
    fn what_was_meant_is_told_only_where_the_schema_is_shown() {
        for (text, meant) in [
            ("{ listingSerch(where: {}) { totalCount } }", Some("listingSearch")),
            ("{ amenities { nmae } }", Some("name")),
            ("{ nodes(ids: [], idds: 1) { id } }", Some("ids")),
            ("{ somethingElse }", None),
        ] {
            let (shown, hidden) = (told(text, true), told(text, false));
            let hint = meant.map(|meant| format!(" Did you mean \"{meant}\"?")).unwrap_or_default();
            assert_eq!(shown[0], format!("{}{hint}", hidden[0]), "{text}");
        }
    }

    #[test]
    fn no_document_has_many_errors_however_often_it_is_wrong() {
        let operations: String = (0..40).map(|number| format!("query A{number} {{ ...F }} ")).collect();
        let fields: String = (0..200).map(|number| format!("n{number}: node(id: $v{number}) {{ id }} ")).collect();
        for text in [
            format!("{operations} fragment F on Query {{ {fields} }}"),
            format!("{{ amenities({}) {{ name }} }}", "x: 1 ".repeat(1_000)),
            format!("{{ {} }}", "nothing ".repeat(1_000)),
        ] {
            assert_eq!(told(&text, true).len(), MOST_TOLD);
        }
    }

    #[test]
    fn variables_are_held_against_what_the_operation_declares() {
        let text = "query($first: Int!, $where: ListingSearchWhere!) { listingSearch(where: $where, first: $first) { totalCount } }";
        let document = check(text, false).unwrap();
        let wrong = |given: Value| match document.check_variables(None, given.as_object().unwrap()) {
            Ok(()) => String::new(),
            Err(answer) => answer.response.errors[0].message.clone(),
        };
        assert_eq!(wrong(serde_json::json!({ "first": 1, "where": {}, "other": "x" })), "");
        assert_eq!(wrong(serde_json::json!({ "where": {} })), "missing value for non-null variable 'first'");
        assert_eq!(
            wrong(serde_json::json!({ "first": 3_000_000_000_u64, "where": {} })),
            "could not coerce variable first: 3000000000 to type Int"
        );
        let long = wrong(serde_json::json!({ "first": "x".repeat(10_000), "where": {} }));
        assert_eq!(long.chars().count(), LONGEST_CHARS + 1);
    }
}
