//! Unusual GraphQL documents: which of them run, and which are refused.

use axum::http::Request;
use roost::platform::persisted_documents::document_hash;
use serde_json::{Value, json};

use crate::client::Anonymous;
use crate::harness::TestApp;

#[tokio::test]
async fn unusual_but_valid_documents_run() {
    let app = TestApp::new().await;
    for (query, variables) in [
        ("query($a: ID !) { node(id: $a) { id } }", json!({ "a": "x" })),
        ("query($a: [ID!]\n!) { nodes(ids: $a) { id } }", json!({ "a": [] })),
        ("query($a: [ # one\n ID ! , ]!) { nodes(ids: $a) { id } }", json!({ "a": [] })),
        ("query($w: Boolean!) { __typename @include(if: $w) }", json!({ "w": true })),
        ("query($w: Boolean = true) { amenities { code __typename @skip(if: $w) } }", json!({})),
        ("\u{feff}{,,,__typename,,,}", json!({})),
        ("mutation { __typename __typename }", json!({})),
        ("{ node(id: 123456789012345678901234567890) { id } }", json!({})),
        ("{ listingSearch(where: {}, first: -0) { edges { cursor } } }", json!({})),
        (
            "\"\"\"\nA 'query'.\n\"\"\"\nquery A(\"The ID.\" $a: ID = \"y\", \"Both.\" $b: ID!) { node(id: $a) { id } b: node(id: $b) { id } }",
            json!({ "b": "x" }),
        ),
        ("\"One.\" query { ...F } \"\"\"Two.\"\"\" fragment F on Query { __typename }", json!({})),
        (r#"{ listingSearch(where: { text: "caf\u00e9 \ud83d\ude00 \u{1F600}" }) { totalCount } }"#, json!({})),
    ] {
        let answer = app.post(&Anonymous, query, variables).await.json();
        assert!(answer["data"].is_object(), "{query}: {answer:#}");
        let code = &answer["errors"][0]["extensions"]["code"];
        assert!(code.is_null() || code == "INVALID", "{query}: {answer:#}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_string_means_the_same_in_every_notation() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for (literal, means) in [
        (r#""one \"\"\" \u00e9 \/ \ud83d\ude00""#, "one \"\"\" é / 😀"),
        (r#""""one \""" two \ three""""#, "one \"\"\" two \\ three"),
        ("\"\"\"\n    one\n      \\\"\"\" two\n\n    three\n  \"\"\"", "one\n  \"\"\" two\n\nthree"),
        ("\"\"\"\n    one\n      two\n  \"\"\"", "one\n  two"),
    ] {
        let query =
            format!("mutation {{ userUpdate(user: {{ about: {literal} }}) {{ viewer {{ user {{ about }} }} }} }}");
        let answer = app.gql(&guest, &query, Value::Null).await;
        assert_eq!(answer["userUpdate"]["viewer"]["user"]["about"], means, "{literal}");
    }
    app.finish().await;
}

#[tokio::test]
async fn invalid_documents_are_refused_even_if_the_executor_would_run_them() {
    let app = TestApp::new().await;
    for query in [
        "query($a: ID) { nodes(ids: [$a]) { id } }",
        "query($a: Date) { listingSearch(where: { stay: { checkIn: $a, checkOut: \"2027-03-08\" } }) { totalCount } }",
        "mutation($a: MinorUnits, $id: ID!) { bookingCancel(id: $id, expectedRefund: { amount: $a, currency: \"EUR\" }) \
         @idempotent(key: \"a key of mine\") { userErrors { code } } }",
    ] {
        let answer = app.post(&Anonymous, query, json!({ "a": "2027-03-04", "id": "bkg_x" })).await.json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{query}: {answer:#}");
        assert!(answer.get("data").is_none());
    }
    app.finish().await;
}

#[tokio::test]
async fn validating_free_fields_has_a_cost() {
    let app = TestApp::new().await;
    for (fields, points) in [(1, 1), (100, 1), (101, 2), (3_000, 30)] {
        let query = format!("{{ {} }}", "__typename ".repeat(fields));
        let answer = app.post(&Anonymous, &query, json!({})).await.json();
        assert_eq!(answer["extensions"]["cost"]["requested"], points, "{answer:#}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_description_changes_neither_places_nor_hashes() {
    let app = TestApp::new().await;
    for (text, line, column) in [
        ("\"One.\" query A { nothing }", 1, 18),
        ("\"\"\"\nOne,\ntwo.\n\"\"\"\nquery A(\"é\" $a: Int) { nothing }", 5, 24),
        ("\"One.\" query A { __typename } \"Two.\" query B { nothing }", 1, 48),
        ("\"One.\" query A { viewer }", 1, 18),
        ("\"One.\" query A { __typename", 1, 28),
    ] {
        let answer = app.post(&Anonymous, text, json!({})).await.json();
        assert_eq!(answer["errors"][0]["locations"][0], json!({ "line": line, "column": column }), "{answer:#}");
    }
    let text = "\"One.\" query { __typename }";
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": document_hash(text) } });
    for body in [json!({ "query": text, "extensions": extensions }), json!({ "extensions": extensions })] {
        let request = Request::post("/graphql").header("content-type", "application/json");
        let answer = app.send(request.body(body.to_string().into()).unwrap()).await.json();
        assert_eq!(answer["data"], json!({ "__typename": "Query" }), "{body}: {answer:#}");
    }
    // The specification allows no description before the short form of a query.
    for text in ["\"One.\" { __typename }", "\"One.\" \"Two.\" query { __typename }", "\"One.\" type A { b: Int }"] {
        let answer = app.post(&Anonymous, text, json!({})).await.json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "GRAPHQL_PARSE_FAILED", "{text}: {answer:#}");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_id_may_be_an_integer_of_any_length() {
    let app = TestApp::new().await;
    let long = "9".repeat(80);
    for id in ["18446744073709551616", "-9223372036854775809", &long] {
        let as_string = app.post(&Anonymous, &format!("{{ node(id: \"{id}\") {{ id }} }}"), json!({})).await.json();
        let fragment = format!("{{ ...F }} fragment F on Query {{ node(id: {id}) {{ id }} }}");
        let default = format!("query($id: ID! = {id}) {{ node(id: $id) {{ id }} }}");
        for text in [format!("{{ node(id: {id}) {{ id }} }}"), fragment, default] {
            let answer = app.post(&Anonymous, &text, json!({})).await.json();
            assert_eq!(answer["data"], as_string["data"], "{text}: {answer:#}");
            let message = |answer: &Value| answer["errors"][0]["message"].clone();
            assert_eq!(message(&answer), message(&as_string), "{text}");
        }
    }
    let refused =
        app.post(&Anonymous, "{ listingSearch(where: {}, first: 18446744073709551616) { totalCount } }", json!({}));
    assert_eq!(refused.await.json()["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    app.finish().await;
}

const DRAFT: &str = "listingCreate(listing: { title: \"Cabin\" })";

#[tokio::test]
async fn a_mutation_that_is_selected_twice_runs_once() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let count = async || app.count("listing", []).await;
    for (query, variables) in [
        (format!("mutation {{ {DRAFT} {{ listing {{ id }} }} {DRAFT} {{ listing {{ title }} }} }}"), json!({})),
        (
            format!(
                "mutation {{ ...A ...B ...A }} fragment A on Mutation {{ {DRAFT} {{ listing {{ id }} }} }} \
                 fragment B on Mutation {{ ... {{ {DRAFT} {{ listing {{ title }} }} }} }}"
            ),
            json!({}),
        ),
        (
            format!(
                "mutation($yes: Boolean!, $no: Boolean = false) {{ {DRAFT} @include(if: $yes) {{ listing {{ id }} }} \
                 ... @skip(if: $no) {{ {DRAFT} {{ listing {{ title }} }} }} \
                 a: {DRAFT} @skip(if: $yes) {{ __typename }} b: {DRAFT} @include(if: $no) {{ __typename }} }}"
            ),
            json!({ "yes": true }),
        ),
    ] {
        let before = count().await;
        let data = app.gql(&host, &query, variables).await;
        assert_eq!(count().await, before + 1, "{query}");
        assert!(data["listingCreate"]["listing"]["id"].is_string(), "{query}: {data:#}");
        assert_eq!(data.as_object().unwrap().len(), 1, "{query}: {data:#}");
    }
    let before = count().await;
    let two = format!(
        "mutation {{ a: {DRAFT} {{ __typename }} b: {DRAFT} {{ __typename }} a: {DRAFT} {{ listing {{ id }} }} }}"
    );
    let data = app.gql(&host, &two, json!({})).await;
    assert_eq!((count().await, data["a"]["listing"]["id"].is_string()), (before + 2, true));
    app.finish().await;
}

#[tokio::test]
async fn a_mutation_that_is_selected_twice_has_one_idempotency_key() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let count = async || app.count("listing", []).await;
    let before = count().await;
    let keyed = |one: &str, other: &str| {
        format!(
            "mutation($key: String = \"one\") {{ {DRAFT} {one} {{ listing {{ id }} }} {DRAFT} {other} {{ listing {{ title }} }} }}"
        )
    };
    let same = keyed("@idempotent(key: \"one\")", "@idempotent(key: $key)");
    let first = app.post(&host, &same, json!({})).await.json();
    let report = |replayed: bool| json!({ "listingCreate": { "key": "one", "replayed": replayed } });
    assert_eq!(first["extensions"]["idempotency"], report(false), "{first:#}");
    let half = keyed("", "@idempotent(key: $key)");
    let second = app.post(&host, &half, json!({})).await.json();
    assert_eq!(second["extensions"]["idempotency"], report(true), "{second:#}");
    assert_eq!(second["data"], first["data"]);
    let different = app.post(&host, &same, json!({ "key": "two" })).await.json();
    assert_eq!(different["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{different:#}");
    assert_eq!(different.get("data"), None);
    assert_eq!(count().await, before + 1);
    app.finish().await;
}
