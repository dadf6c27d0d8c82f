//! Validates documents, and the variables of an operation.

use std::ops::Range;

use apollo_compiler::ast::Document;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::parser::LineColumn;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::validation::{DiagnosticList, Valid};
use async_graphql::{Pos, ServerError};
use serde_json::{Map, Value};

use super::literals;
use super::schema::schema;
use super::suggestions::suggest_name;
use crate::graphql::execution::response::GraphqlResponse;
use crate::graphql::support::error_codes::ErrorCode;

/// The most errors that are reported for one document.
const MAX_ERRORS: usize = 20;
/// Longer messages are truncated. Messages repeat parts of the document.
const MAX_MESSAGE_CHARS: usize = 300;

/// A valid document.
#[derive(Debug)]
pub struct ValidDocument {
    document: Valid<ExecutableDocument>,
    /// The places of integers that are given for an ID and have more than 64 bits, in the order of the text.
    pub long_ids: Vec<Range<usize>>,
}

/// Validates a document. `suggest` says whether errors may suggest names of the schema.
pub fn check(text: &str, suggest: bool) -> Result<ValidDocument, Box<GraphqlResponse>> {
    // Each step runs only if the one before found no error: errors that follow from an unknown name do not help.
    let parsed = Document::parse(text, "").map_err(|faulty| refuse(&faulty.errors, ErrorCode::ParseFailed, suggest))?;
    let invalid = |errors: &DiagnosticList| refuse(errors, ErrorCode::ValidationFailed, suggest);
    let built = parsed.to_executable(schema()).map_err(|faulty| invalid(&faulty.errors))?;
    let document = match built.validate(schema()) {
        Ok(document) => document,
        Err(faulty) if has_only_repeated_subscriptions(&faulty.partial, &faulty.errors) => {
            Valid::assume_valid(faulty.partial)
        }
        Err(faulty) => return Err(invalid(&faulty.errors)),
    };
    let long_ids = literals::check(schema(), &document).map_err(|(message, name)| {
        let at = name.line_column_range(&document.sources).map(|range| range.start);
        let error = ErrorCode::ValidationFailed.error(truncate(message));
        GraphqlResponse::from_errors(vec![with_location(error, at)])
    })?;
    Ok(ValidDocument { document, long_ids })
}

/// Whether the only error is that a subscription selects several fields, and all of them have one response key. The
/// validator counts selections, but the specification counts response keys (section 5.2.4.1).
fn has_only_repeated_subscriptions(document: &ExecutableDocument, errors: &DiagnosticList) -> bool {
    let is_about_count = |name: Option<&str>| name == Some("SubscriptionUsesMultipleFields");
    let has_one_key = |operation: &Operation| {
        let mut keys = operation.root_fields(document).map(|field| field.response_key());
        let first = keys.next();
        keys.all(|key| Some(key) == first)
    };
    errors.iter().all(|found| is_about_count(found.error.unstable_error_name()))
        && document
            .operations
            .iter()
            .filter(|operation| operation.is_subscription())
            .all(|operation| has_one_key(operation))
}

/// Whether a text is a valid string or block string.
pub fn is_string(text: &str) -> bool {
    Document::parse(format!("{{ a(b: {text}) }}"), "").is_ok()
}

impl ValidDocument {
    /// Refuses variables that are missing or that have another type than the operation declares. The contents of custom
    /// scalars are checked by the executor.
    pub fn check_variables(
        &self,
        operation: Option<&str>,
        given: &Map<String, Value>,
    ) -> Result<(), Box<GraphqlResponse>> {
        let Ok(operation) = self.document.operations.get(operation) else { return Ok(()) };
        let is_declared = |name: &String| operation.variables.iter().any(|variable| variable.name == name.as_str());
        let given: JsonMap = given
            .iter()
            .filter(|(name, _)| is_declared(name))
            .map(|(name, value)| (name.as_str().into(), JsonValue::from(value.clone())))
            .collect();
        match coerce_variable_values(schema(), operation, &given) {
            Ok(_) => Ok(()),
            Err(error) => {
                let message = truncate(error.message().to_string());
                Err(GraphqlResponse::from_error(ErrorCode::ValidationFailed, message))
            }
        }
    }
}

/// The same document without ignored tokens, and with its strings in their simplest form. None if it cannot be parsed.
pub fn normalize(text: &str) -> Option<String> {
    Some(Document::parse(text, "").ok()?.serialize().no_indent().to_string())
}

fn refuse(errors: &DiagnosticList, code: ErrorCode, suggest: bool) -> Box<GraphqlResponse> {
    let errors = errors.iter().take(MAX_ERRORS).map(|found| {
        // The messages of graphql-js, which clients may match.
        let mut message = found.error.unstable_compat_message().unwrap_or_else(|| found.error.to_string());
        if suggest && let Some(name) = suggest_name(&message) {
            message = format!("{message} Did you mean \"{name}\"?");
        }
        with_location(code.error(truncate(message)), found.line_column_range().map(|range| range.start))
    });
    GraphqlResponse::from_errors(errors.collect())
}

fn with_location(error: ServerError, at: Option<LineColumn>) -> ServerError {
    let at = at.map(|at| Pos { line: at.line, column: at.column });
    ServerError { locations: at.into_iter().collect(), ..error }
}

fn truncate(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use apollo_compiler::Schema;

    use super::*;
    use crate::graphql::schema::sdl::sdl;

    fn messages(text: &str, suggest: bool) -> Vec<String> {
        match check(text, suggest) {
            Ok(_) => Vec::new(),
            Err(response) => response.body.errors.iter().map(|error| error.message.clone()).collect(),
        }
    }

    #[test]
    fn the_schema_itself_is_valid() {
        let found = Schema::parse_and_validate(sdl(), "schema.graphql");
        assert_eq!(found.err().map(|faulty| faulty.errors.to_string()), None);
        assert_eq!(
            messages("{ __schema { types { isOneOf fields(includeDeprecated: true) { name } } } }", true),
            [""; 0]
        );
    }

    /// The rules of section 5, in its order: the rule, a document that breaks only this rule, and a valid document.
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
    fn every_rule_of_the_specification_is_checked() {
        for (rule, invalid, valid) in RULES {
            assert_ne!(messages(invalid, false), [""; 0], "{rule}: {invalid}");
            assert_eq!(messages(valid, false), [""; 0], "{rule}: {valid}");
        }
        for invalid in [
            "query($a: Listing) { node(id: $a) { id } }",
            "{ node(id: $a) { id } }",
            "query($a: ID!) { __typename }",
            "query($w: ListingSearchWhere! = { capacity: 1, capacity: 2 }) { listingSearch(where: $w) { totalCount } }",
            "{ ...A } fragment A on Query { listingSearch(where: { within: {}, within: {} }) { totalCount } }",
            "query($a: ID) { nodes(ids: [$a]) { id } }",
            "query($a: Int = null) { ...A } fragment A on Query { listingSearch(where: { totalMax: { amount: $a, currency: \"EUR\" } }) { totalCount } }",
            "query($a: [ID!]!) { nodes(ids: [$a]) { id } }",
        ] {
            assert_ne!(messages(invalid, false), [""; 0], "{invalid}");
        }
        for valid in [
            "query($a: ID = 1) { nodes(ids: [$a, 2]) { id } }",
            "query($a: ID!) { ...A } fragment A on Query { nodes(ids: [$a]) { id } }",
            "query($a: Int) { listingSearch(where: { capacity: $a }) { totalCount } }",
        ] {
            assert_eq!(messages(valid, false), [""; 0], "{valid}");
        }
        let response =
            check("{ ...A } fragment A on Query { a: nodes(ids: []) { id } } { b: __typename }", false).unwrap_err();
        assert!(response.has_code(ErrorCode::ValidationFailed), "it can be parsed");
    }

    #[test]
    fn rules_that_the_executor_omits_are_checked() {
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
            assert_eq!(messages(text, false), [why], "{text}");
        }
    }

    #[test]
    fn names_are_suggested_only_if_introspection_is_on() {
        for (text, name) in [
            ("{ listingSerch(where: {}) { totalCount } }", Some("listingSearch")),
            ("{ amenities { nmae } }", Some("name")),
            ("{ nodes(ids: [], idds: 1) { id } }", Some("ids")),
            ("{ somethingElse }", None),
        ] {
            let (with, without) = (messages(text, true), messages(text, false));
            let hint = name.map(|name| format!(" Did you mean \"{name}\"?")).unwrap_or_default();
            assert_eq!(with[0], format!("{}{hint}", without[0]), "{text}");
        }
    }

    #[test]
    fn the_number_of_errors_of_a_document_is_limited() {
        let operations: String = (0..40).map(|number| format!("query A{number} {{ ...F }} ")).collect();
        let fields: String = (0..200).map(|number| format!("n{number}: node(id: $v{number}) {{ id }} ")).collect();
        for text in [
            format!("{operations} fragment F on Query {{ {fields} }}"),
            format!("{{ amenities({}) {{ name }} }}", "x: 1 ".repeat(1_000)),
            format!("{{ {} }}", "nothing ".repeat(1_000)),
        ] {
            assert_eq!(messages(&text, true).len(), MAX_ERRORS);
        }
    }

    #[test]
    fn variables_are_checked_against_the_declarations_of_the_operation() {
        let text = "query($first: Int!, $where: ListingSearchWhere!) { listingSearch(where: $where, first: $first) { totalCount } }";
        let document = check(text, false).unwrap();
        let message = |given: Value| match document.check_variables(None, given.as_object().unwrap()) {
            Ok(()) => String::new(),
            Err(response) => response.body.errors[0].message.clone(),
        };
        assert_eq!(message(serde_json::json!({ "first": 1, "where": {}, "other": "x" })), "");
        assert_eq!(message(serde_json::json!({ "where": {} })), "missing value for non-null variable 'first'");
        assert_eq!(
            message(serde_json::json!({ "first": 3_000_000_000_u64, "where": {} })),
            "could not coerce variable first: 3000000000 to type Int"
        );
        let long = message(serde_json::json!({ "first": "x".repeat(10_000), "where": {} }));
        assert_eq!(long.chars().count(), MAX_MESSAGE_CHARS + 1);
    }
}
