//! Compares the measures with those of operations without fragments, and applies them to hostile documents.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use async_graphql::{ServerError, Variables};
use proptest::prelude::*;
use serde_json::json;

use super::limits::{MAX_REPORTED, NESTING, SELECTIONS};
use super::measure::{check_text, measure, variable_defaults};
use super::price::Price;
use super::shape::{Shape, Shapes};
use super::weights::WEIGHTS;
use crate::graphql::support::error_codes::ErrorCode;

fn parse(text: &str) -> ExecutableDocument {
    parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn only_operation(document: &ExecutableDocument) -> &OperationDefinition {
    &document.operations.iter().next().unwrap().1.node
}

fn shape(text: &str) -> Shape {
    let document = parse(text);
    Shapes::of(&document, &WEIGHTS).unwrap().operation(only_operation(&document))
}

fn cost_of(text: &str, variables: serde_json::Value) -> u64 {
    let document = parse(text);
    let operation = only_operation(&document);
    Price::of(&document, operation, &WEIGHTS).evaluate(&Variables::from_json(variables), &variable_defaults(operation))
}

/// The limits that a document exceeds: name, maximum and actual value.
fn exceeded(text: &str) -> Vec<(String, u64, u64)> {
    let response = check_text(text).and_then(|()| measure(&parse(text))).expect_err("it is within all limits");
    let limit = |error: &ServerError| {
        let limit = error.extensions.as_ref()?.get("limit")?.clone().into_json().ok()?;
        Some((limit["name"].as_str()?.to_owned(), limit["max"].as_u64()?, limit["actual"].as_u64()?))
    };
    response.body.errors.iter().map(|error| limit(error).unwrap()).collect()
}

#[test]
fn a_shape_is_that_of_the_operation_with_its_fragments_expanded() {
    let text = "query Q($a: Int @x) @y { one: a { b ...F } __typename ... on T @z { c(d: 1) } } fragment F on T { e { f } ...G } \
                fragment G on T { g: h @w i }";
    let expected = Shape { depth: 3, nesting: 3, selections: 11, aliases: 2, directives: 4, roots: 2, introspected: 0 };
    assert_eq!(shape(text), expected);
}

#[test]
fn a_few_lines_that_expand_to_millions_of_fields_are_counted_quickly() {
    let mut text = "{ ...F0 }".to_owned();
    for n in 0..90 {
        text += &format!(" fragment F{n} on Query {{ ...F{m} ...F{m} }}", m = n + 1);
    }
    text += " fragment F90 on Query { __typename }";
    let expected = [("nesting", NESTING, 91), ("selections", SELECTIONS, MAX_REPORTED)];
    assert_eq!(exceeded(&text), expected.map(|(name, max, actual)| (name.to_owned(), max, actual)));
}

#[test]
fn the_operations_of_a_document_share_one_limit() {
    let fields = "id ".repeat(1_000);
    let operations: String = (0..6).map(|n| format!("query Q{n} {{ viewer {{ ...F }} }} ")).collect();
    let limits = exceeded(&format!("{operations} fragment F on Viewer {{ {fields} }}"));
    assert_eq!(limits, [("selections".to_owned(), SELECTIONS, 5 * 1_002)]);
}

#[test]
fn every_exceeded_limit_is_reported_with_the_actual_value() {
    let aliases: String = (0..70).map(|n| format!("a{n}: __typename ")).collect();
    let directives = "@skip(if: false) ".repeat(65);
    let (open, close) = ("{ user ".repeat(19), "}".repeat(19));
    let limits = exceeded(&format!("{{ {aliases} __typename {directives} user {open} {close} }}"));
    let expected = [("depth", 18, 20), ("aliases", 64, 70), ("directives", 64, 65)];
    assert_eq!(limits, expected.map(|(name, max, actual)| (name.to_owned(), max, actual)));
    let mutations: String = (0..17).map(|n| format!("m{n}: userBecomeHost {{ __typename }} ")).collect();
    assert_eq!(exceeded(&format!("mutation {{ {mutations} }}")), [("mutations".to_owned(), 16, 17)]);
    assert_eq!(exceeded(&"a ".repeat(4_001)), [("tokens".to_owned(), 4_000, 4_001)]);
    assert_eq!(exceeded(&"[".repeat(129)), [("brackets".to_owned(), 128, 129)]);
    assert_eq!(exceeded(&format!("{{ {} }}", "n".repeat(129))), [("name".to_owned(), 128, 129)]);
    let operations: String = (0..51).map(|n| format!("query Q{n} {{ __typename }} ")).collect();
    assert_eq!(exceeded(&operations), [("operations".to_owned(), 50, 51)]);
    let spreads: String = (0..33).map(|n| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1)).collect();
    let limits = exceeded(&format!("{{ ...F0 }} {spreads} fragment F33 on Query {{ __typename }}"));
    assert_eq!(limits, [("nesting".to_owned(), 32, 34)]);
}

#[test]
fn a_variable_in_a_list_literal_counts_as_one_item() {
    let text = format!("query Q($a: ID!) {{ nodes(ids: [{}]) {{ id }} }}", "$a ".repeat(1_000));
    assert_eq!(cost_of(&text, json!({ "a": "x".repeat(100_000) })), 1 + 1_000);
}

#[test]
fn variables_count_as_often_as_they_are_used() {
    let text = format!("query Q($a: [ID!]!) {{ {} }}", "nodes(ids: $a) { id } ".repeat(400));
    let measured = measure(&parse(&text)).unwrap();
    let given = |count: usize| json!({ "a": vec!["some id"; count] });
    assert!(measured[0].1.check_variables(given(200).as_object().unwrap()).is_ok());
    let response = measured[0].1.check_variables(given(400).as_object().unwrap()).unwrap_err();
    assert!(
        response.has_code(ErrorCode::LimitExceeded) && response.body.errors[0].message.contains("bytes of variables")
    );
}

#[test]
fn introspection_counts_by_the_size_of_the_schema() {
    let bomb = format!("{{ __schema {{ types {{ {} name {} }} }} }}", "fields { type { ".repeat(6), "} }".repeat(6));
    assert_eq!(exceeded(&bomb)[0].0, "introspection", "{:?}", shape(&bomb));
    let (open, close) = ("possibleTypes { interfaces { ".repeat(4), "} }".repeat(4));
    let bomb = format!("{{ __type(name: \"MutationPayload\") {{ {open} name {close} }} }}");
    assert_eq!(exceeded(&bomb)[0].0, "introspection", "{:?}", shape(&bomb));
    assert!(shape("{ __schema { queryType { name } } }").introspected < 10);
    assert!(shape("{ __schema { types { ...T } } } fragment T on __Type { fields { name } }").introspected > 1_000);
    assert_eq!(shape("{ amenities { name } }").introspected, 0);
}

#[test]
fn a_fragment_that_contains_itself_is_named() {
    for text in [
        "{ ...A } fragment A on Query { ...A }",
        "{ __typename } fragment A on Query { a { ...B } } fragment B on Query { ... on Query { ...A } }",
    ] {
        let response = measure(&parse(text)).unwrap_err();
        assert!(
            response.has_code(ErrorCode::ValidationFailed)
                && response.body.errors[0].message.contains("contains itself")
        );
    }
}

#[test]
fn the_fields_of_an_item_cost_once_for_each_item_of_the_page() {
    // The search costs 300 points, its total 3, `nodes` 1; each of ten listings has a title, a host and their name.
    let text = "{ listingSearch(where: {}, first: 10) { totalCount nodes { title host { displayName } } } }";
    assert_eq!(cost_of(text, json!({})), 300 + 3 + 1 + 10 * 3);
    let by_default = text.replace(", first: 10", "");
    assert_eq!(cost_of(&by_default, json!({})), 300 + 3 + 1 + 20 * 3);
    let edges = "{ listingSearch(where: {}, last: 10) { edges { cursor node { title } } pageInfo { endCursor } } }";
    assert_eq!(cost_of(edges, json!({})), 300 + 1 + 10 * 3 + 2);
}

#[test]
fn variables_and_their_defaults_determine_the_number_of_items() {
    let query = |rest: &str| {
        format!("query Q($n: Int{rest}) {{ listingSearch(where: {{}}, first: $n) {{ nodes {{ title }} }} }}")
    };
    assert_eq!(cost_of(&query(""), json!({ "n": 100 })), 301 + 100);
    assert_eq!(cost_of(&query(""), json!({ "n": 2_000_000_000 })), 301 + 100, "a page has at most 100 items");
    assert_eq!(cost_of(&query(""), json!({ "n": -1 })), 301);
    assert_eq!(cost_of(&query(""), json!({})), 301 + 20);
    assert_eq!(cost_of(&query(" = 7"), json!({})), 301 + 7);
    assert_eq!(cost_of(&query(" = 7"), json!({ "n": null })), 301 + 20);
    let nodes = "query Q($ids: [ID!]!, $one: ID!) { nodes(ids: $ids) { id } two: nodes(ids: [$one, $one]) { id } }";
    assert_eq!(cost_of(nodes, json!({ "ids": ["a", "b", "c"], "one": "a" })), 2 + 3 + 2);
    let days = "query Q($to: Date!) { listing(id: 1) { calendar(from: \"2027-01-01\", to: $to) { date } } }";
    assert_eq!(cost_of(days, json!({ "to": "2027-01-31" })), 6 + 30);
    assert_eq!(cost_of(days, json!({ "to": "2099-01-31" })), 6 + 366);
    assert_eq!(cost_of(days, json!({ "to": "2026-01-31" })), 6);
    assert_eq!(cost_of(days, json!({ "to": 7 })), 6 + 366, "an invalid date counts as the longest range");
}

#[test]
fn nested_lists_multiply() {
    let text = "query Q($n: Int) { listingSearch(where: {}, first: $n) { nodes { reviews(first: $n) { nodes { author { \
                listings(first: $n) { nodes { title } } } } } } } }";
    let listings = 2 + 1 + 100;
    let reviews = 2 + 1 + 100 * (1 + listings);
    assert_eq!(cost_of(text, json!({ "n": 100 })), 300 + 1 + 100 * reviews);
}

/// Selections on `User` that can be nested in each other in any way.
fn selections(deep: u32) -> BoxedStrategy<String> {
    let leaf =
        prop_oneof![Just("id".to_owned()), Just("a: title".to_owned()), Just("__typename @skip(if: false)".to_owned())];
    leaf.prop_recursive(deep, 12, 4, |inner| {
        let list = prop::collection::vec(inner, 1..4).prop_map(|fields| fields.join(" "));
        prop_oneof![
            list.clone().prop_map(|fields| format!("listings(first: $n) {{ nodes {{ {fields} }} totalCount }}")),
            list.clone().prop_map(|fields| format!("host {{ {fields} }}")),
            list.prop_map(|fields| format!("... on User {{ {fields} }}")),
            Just("...F1".to_owned()),
            Just("...F2".to_owned()),
        ]
    })
    .boxed()
}

proptest! {
    #[test]
    fn a_fragment_measures_like_its_expansion(root in selections(3), one in selections(2), two in selections(2), n in 0..150) {
        // F1 may spread F2, and F2 nothing.
        let two = two.replace("...F1", "id").replace("...F2", "id");
        let one = one.replace("...F1", "...F2");
        let spread = format!("query Q($n: Int) {{ user(id: 1) {{ {root} }} }} fragment F1 on User {{ {one} }} fragment F2 on User {{ {two} }}");
        let written = root.replace("...F1", &format!("... on User {{ {one} }}")).replace("...F2", &format!("... on User {{ {two} }}"));
        let written = format!("query Q($n: Int) {{ user(id: 1) {{ {written} }} }}");
        prop_assert_eq!(shape(&spread), shape(&written));
        prop_assert_eq!(cost_of(&spread, json!({ "n": n })), cost_of(&written, json!({ "n": n })));
        prop_assert_eq!(cost_of(&spread, json!({ "n": n })), cost_of(&spread.replace("$n)", &format!("{n})")), json!({})));
    }

    #[test]
    fn every_document_can_be_measured(root in selections(4), one in selections(4), two in selections(4)) {
        let text = format!("query Q($n: Int) {{ {root} }} fragment F1 on User {{ {one} }} fragment F2 on User {{ {two} }}");
        let measured = check_text(&text).and_then(|()| measure(&parse(&text)));
        let fits = measured.map(|measured| measured[0].1.points(&Variables::default(), u64::MAX, true));
        prop_assert!(fits.map_or(true, |points| points.unwrap() >= 1));
    }
}
