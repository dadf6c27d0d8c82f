//! Unusual GraphQL documents: which of them run, and which are refused.

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
