//! Limits of operations: abusive operations are refused with the reason before they run. Those of API explorers and of
//! the examples are allowed.

use axum::body::Body;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use crate::client::Anonymous;
use crate::harness::TestApp;

/// The longest introspection query that GraphiQL and Apollo's tools send for the whole schema.
const INTROSPECTION: &str = include_str!("limits/introspection.graphql");

/// The error codes of a response, each with the exceeded limit, the actual value and the maximum.
fn refusals(body: &Value) -> Vec<String> {
    assert!(body.get("data").is_none(), "{body:#}");
    let errors = body["errors"].as_array().unwrap();
    let refusals = errors.iter().map(|error| {
        let limit = &error["extensions"]["limit"];
        let code = error["extensions"]["code"].as_str().unwrap();
        match limit["name"].as_str() {
            Some(name) => format!("{code} {name} {} of {}", limit["actual"], limit["max"]),
            None => code.to_owned(),
        }
    });
    refusals.collect()
}

#[tokio::test]
async fn abusive_operations_are_refused_with_the_reason() {
    let app = TestApp::new().await;
    let aliases: String = (0..65).map(|n| format!("a{n}: __typename ")).collect();
    let deep = format!("{{ viewer {} id {} }}", "{ user ".repeat(18), "}".repeat(18));
    let laughs: String = (0..30).map(|n| format!("fragment F{n} on Query {{ ...F{m} ...F{m} }} ", m = n + 1)).collect();
    let laughs = format!("{{ ...F0 }} {laughs} fragment F30 on Query {{ __typename }}");
    let mutations: String = (0..17).map(|n| format!("m{n}: userBecomeHost {{ __typename }} ")).collect();
    let directives = format!("{{ __typename {} }}", "@include(if: true) ".repeat(65));
    let names = format!("{{ {} }}", "n".repeat(129));
    let spreads: String = (0..33).map(|n| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1)).collect();
    let spreads = format!("{{ ...F0 }} {spreads} fragment F33 on Query {{ __typename }}");
    let operations: String = (0..51).map(|n| format!("query Q{n} {{ __typename }} ")).collect();
    let searches: String = (0..64)
        .map(|n| format!("a{n}: listingSearch(where: {{}}) {{ facets {{ amenities {{ count }} }} }} "))
        .collect();
    let around = ("fields { type { ".repeat(6), "} }".repeat(6));
    let introspection = format!("{{ __schema {{ types {{ {} name {} }} }} }}", around.0, around.1);
    let lists = "query Q($n: Int) { listingSearch(where: {}, first: $n) { nodes { reviews(first: $n) { nodes { \
                 author { listings(first: $n) { nodes { title } } } } } } } }";
    for (query, expected) in [
        (format!("{{ {aliases} }}"), "LIMIT_EXCEEDED aliases 65 of 64"),
        (deep, "LIMIT_EXCEEDED depth 19 of 18"),
        (laughs, "LIMIT_EXCEEDED selections 2147483647 of 5000"),
        (format!("mutation {{ {mutations} }}"), "LIMIT_EXCEEDED mutations 17 of 16"),
        (directives, "LIMIT_EXCEEDED directives 65 of 64"),
        ("{ __typename }".repeat(1_334), "LIMIT_EXCEEDED tokens 4002 of 4000"),
        (format!("{{ a(b: {}", "[".repeat(3_000)), "LIMIT_EXCEEDED brackets 3002 of 128"),
        (names, "LIMIT_EXCEEDED name 129 of 128"),
        (spreads, "LIMIT_EXCEEDED nesting 34 of 32"),
        (operations, "LIMIT_EXCEEDED operations 51 of 50"),
        (format!("{{ {searches} }}"), "LIMIT_EXCEEDED cost 23744 of 20000"),
        (lists.to_owned(), "LIMIT_EXCEEDED cost 1040601 of 20000"),
        ("{ ...A } fragment A on Query { ...A }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let body = app.post(&Anonymous, &query, json!({ "n": 100 })).await.json();
        assert_eq!(refusals(&body), [expected], "{}", &query[..query.len().min(200)]);
    }
    let body = app.post(&Anonymous, &introspection, json!({})).await.json();
    assert!(refusals(&body)[0].starts_with("LIMIT_EXCEEDED introspection "), "{body:#}");
    let both = format!("{{ {aliases} viewer {} id {} }}", "{ user ".repeat(18), "}".repeat(18));
    let body = app.post(&Anonymous, &both, json!({})).await.json();
    assert_eq!(refusals(&body), ["LIMIT_EXCEEDED depth 19 of 18", "LIMIT_EXCEEDED aliases 65 of 64"]);
    app.finish().await;
}

#[tokio::test]
async fn the_cost_of_an_operation_depends_on_its_variables() {
    let app = TestApp::with(&["--operation-cost=400"]).await;
    let query = "query Q($n: Int = 7) { listingSearch(where: {}, first: $n) { nodes { id title } } }";
    for (variables, cost) in [(json!({}), 315), (json!({ "n": 49 }), 399), (json!({ "n": 1 }), 303)] {
        let body = app.post(&Anonymous, query, variables).await.json();
        assert_eq!(body["extensions"]["cost"]["requested"], cost, "{body:#}");
        assert!(body["errors"].is_null(), "{body:#}");
    }
    let body = app.post(&Anonymous, query, json!({ "n": 50 })).await.json();
    assert_eq!(refusals(&body), ["LIMIT_EXCEEDED cost 401 of 400"]);
    let error = &body["errors"][0];
    assert_eq!(error["message"], "the operation has 401 points of cost; the maximum is 400");
    assert_eq!(error["extensions"]["limit"], json!({ "name": "cost", "max": 400, "actual": 401 }));
    app.finish().await;
}

#[tokio::test]
async fn large_variables_used_many_times_are_refused() {
    let app = TestApp::new().await;
    let query = format!("query Q($ids: [ID!]!) {{ {} }}", "nodes(ids: $ids) { id } ".repeat(100));
    let body = app.post(&Anonymous, &query, json!({ "ids": vec![""; 5_000] })).await.json();
    assert_eq!(refusals(&body), ["LIMIT_EXCEEDED variables 36007200 of 8388608"]);
    app.finish().await;
}

#[tokio::test]
async fn the_full_introspection_query_is_allowed() {
    let app = TestApp::new().await;
    let body = app.post(&Anonymous, INTROSPECTION, json!({})).await.json();
    assert!(body["errors"].is_null(), "{}", body["errors"]);
    let types = body["data"]["__schema"]["types"].as_array().unwrap();
    assert!(types.iter().any(|kind| kind["name"] == "Listing"));
    let cost = body["extensions"]["cost"]["requested"].as_u64().unwrap();
    assert!((100..10_000).contains(&cost), "the cost is neither negligible nor a large part of a budget: {cost}");
    app.finish().await;
}

#[tokio::test]
async fn without_introspection_no_introspection_field_runs() {
    let app = TestApp::with(&["--introspection=off"]).await;
    for query in [
        INTROSPECTION,
        "{ a: __type(name: \"Query\") { name } }",
        "{ ...A } fragment A on Query { __schema { description } }",
    ] {
        let body = app.post(&Anonymous, query, json!({})).await.json();
        assert_eq!(refusals(&body), ["INTROSPECTION_DISABLED"]);
    }
    assert_eq!(
        app.post(&Anonymous, "{ __typename }", json!({})).await.json()["data"],
        json!({ "__typename": "Query" })
    );
    app.finish().await;
}

#[tokio::test]
async fn every_operation_of_the_playground_is_within_all_limits() {
    let app = TestApp::new().await;
    let names = ["booking", "checkIn", "checkOut", "from", "id", "key", "listing", "quote", "refund", "to"];
    let variables: Value = names.into_iter().map(|name| (name.to_owned(), json!("x"))).collect::<Map<_, _>>().into();
    let mut seen = 0;
    for tab in app.get("/graphiql/operations.json").await.json().as_array().unwrap() {
        let query = tab["query"].as_str().unwrap();
        let lines = query.lines().filter_map(|line| line.strip_prefix("query ").or(line.strip_prefix("mutation ")));
        for name in lines.filter_map(|line| line.split([' ', '(']).next()) {
            let body = json!({ "query": query, "operationName": name, "variables": variables }).to_string();
            let request = Request::post("/graphql").header(CONTENT_TYPE, "application/json");
            let body = app.send(request.body(Body::from(body)).unwrap()).await.json();
            let codes: Vec<_> =
                body["errors"].as_array().into_iter().flatten().map(|error| &error["extensions"]["code"]).collect();
            let too_large =
                codes.iter().any(|code| **code == "LIMIT_EXCEEDED" || **code == "OPERATION_RESOLUTION_FAILURE");
            assert!(!too_large, "{name}: {body:#}");
            seen += 1;
        }
    }
    assert!(seen >= 12, "only {seen} operations were tested");
    app.finish().await;
}
