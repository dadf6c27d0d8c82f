//! Default values of arguments and input fields: what a variable without a value, and null, mean (section 6.4.1 of the
//! specification, CoerceArgumentValues).

use std::collections::BTreeMap;

use axum::http::Request;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::Anonymous;
use crate::harness::{Person, TestApp};
use crate::scenarios::{text, usd};

/// A document for each argument and input field that has a default value, by its coordinate. The value stands at
/// `HERE`, and `LISTING` is the ID of a listing. The second text is a value with another result.
const PLACES: [(&str, &str, &str); 10] = [
    (
        "Mutation.quoteCreate(nonRefundable:)",
        "mutation { quoteCreate(listingId: \"LISTING\", stay: { checkIn: \"2027-03-04\", checkOut: \"2027-03-08\" } HERE) { quote { price { total { amount } } } userErrors { code } } }",
        "true",
    ),
    ("Query.listingSearch(sort:)", "query { listingSearch(where: {} first: 5 HERE) { nodes { id } } }", "TOTAL_ASC"),
    (
        "StayCheck.alternatives(first:)",
        "query { listing(id: \"LISTING\") { stay(input: { checkIn: \"2027-03-04\", checkOut: \"2027-03-08\" }) { __typename alternatives(HERE) { checkIn } } } }",
        "1",
    ),
    (
        "StayInput.adults",
        "query { listing(id: \"LISTING\") { stay(input: { checkIn: \"2027-03-04\", checkOut: \"2027-03-08\" HERE }) { price { total { amount } } violations { message } } } }",
        "100",
    ),
    (
        "StayInput.children",
        "query { listing(id: \"LISTING\") { stay(input: { checkIn: \"2027-03-04\", checkOut: \"2027-03-08\" HERE }) { price { total { amount } } violations { message } } } }",
        "100",
    ),
    (
        "StayInput.infants",
        "query { listing(id: \"LISTING\") { stay(input: { checkIn: \"2027-03-04\", checkOut: \"2027-03-08\" HERE }) { price { total { amount } } violations { message } } } }",
        "101",
    ),
    (
        "StayInput.pets",
        "query { listing(id: \"LISTING\") { stay(input: { checkIn: \"2027-03-04\", checkOut: \"2027-03-08\" HERE }) { price { total { amount } } violations { message } } } }",
        "100",
    ),
    ("Viewer.notifications(unreadOnly:)", "query { viewer { notifications(first: 5 HERE) { totalCount } } }", "true"),
    ("Viewer.reservations(sort:)", "query { viewer { reservations(first: 5 HERE) { nodes { id } } } }", "CHECK_IN_ASC"),
    ("Viewer.trips(sort:)", "query { viewer { trips(first: 5 HERE) { nodes { id } } } }", "CHECK_IN_ASC"),
];

/// An argument or input field with a default value.
struct Default {
    name: String,
    value: String,
    /// The named type.
    of: String,
    is_non_null: bool,
}

/// The default values of the schema, by coordinate.
async fn load_defaults(app: &TestApp) -> BTreeMap<String, Default> {
    let query = "{ __schema { types { name fields { name args { ...V } } inputFields { ...V } } } } \
        fragment V on __InputValue { name defaultValue type { kind name ofType { name } } }";
    let data = app.gql(&Anonymous, query, json!({})).await;
    let list = |of: &Value, name: &str| of[name].as_array().cloned().unwrap_or_default();
    let mut found = BTreeMap::new();
    let mut add = |coordinate: String, value: &Value| {
        let Some(default) = value["defaultValue"].as_str() else { return };
        let is_non_null = value["type"]["kind"] == "NON_NULL";
        let of = text(value, if is_non_null { "/type/ofType/name" } else { "/type/name" });
        let name = text(value, "/name");
        found.insert(coordinate, Default { name, value: default.to_owned(), of, is_non_null });
    };
    for kind in list(&data["__schema"], "types") {
        let name = text(&kind, "/name");
        if name.starts_with("__") {
            continue;
        }
        for field in list(&kind, "fields") {
            for argument in list(&field, "args") {
                let (field, argument_name) = (text(&field, "/name"), text(&argument, "/name"));
                add(format!("{name}.{field}({argument_name}:)"), &argument);
            }
        }
        for field in list(&kind, "inputFields") {
            add(format!("{name}.{}", text(&field, "/name")), &field);
        }
    }
    found
}

/// A host, a guest with two bookings and with one notification that is read, and the listing.
async fn scene(app: &TestApp) -> (Person, Person, String) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    app.published_listing(&host, json!({ "pricing": { "base": usd(3_000), "weekend": null } })).await;
    app.book(&guest, &listing, "2027-04-04", "2027-04-08").await;
    app.advance(TimeDelta::minutes(1));
    app.book(&guest, &listing, "2027-05-04", "2027-05-08").await;
    app.drain().await;
    let query = "{ viewer { notifications(first: 1) { nodes { id } } } }";
    let read = app.gql(&guest, query, json!({})).await;
    let ids = json!({ "ids": [read["viewer"]["notifications"]["nodes"][0]["id"]] });
    app.mutate_ok(&guest, "notificationsMarkRead", ids, "__typename").await;
    (host, guest, listing)
}

#[tokio::test]
async fn a_variable_without_a_value_means_the_default_value() {
    let app = TestApp::new().await;
    let defaults = load_defaults(&app).await;
    let places: BTreeMap<&str, (&str, &str)> =
        PLACES.into_iter().map(|(coordinate, document, other)| (coordinate, (document, other))).collect();
    assert_eq!(defaults.keys().map(String::as_str).collect::<Vec<_>>(), places.keys().copied().collect::<Vec<_>>());
    let (host, guest, listing) = scene(&app).await;
    for (coordinate, default) in &defaults {
        let (document, other) = places[coordinate.as_str()];
        let Default { name, value, of, is_non_null } = default;
        let literal = |value: &str| document.replace("HERE", value).replace("alternatives()", "alternatives");
        let with_variable = literal(&format!("{name}: $value")).replacen(" {", &format!("($value: {of}) {{"), 1);
        let viewer = if coordinate.starts_with("Viewer.reservations") { &host } else { &guest };
        let send = async |document: &str, variables: Value| {
            app.post(viewer, &document.replace("LISTING", &listing), variables).await.json()
        };
        let run = async |document: &str, variables: Value| {
            let answer = send(document, variables).await;
            assert!(answer.get("errors").is_none(), "{coordinate}: {document}: {answer:#}");
            answer["data"].clone()
        };
        let expected = run(&literal(""), json!({})).await;
        assert_eq!(run(&literal(&format!("{name}: {value}")), json!({})).await, expected, "{coordinate}: the default");
        assert_eq!(run(&with_variable, json!({})).await, expected, "{coordinate}: absent");
        let with_default = with_variable.replacen(&format!("$value: {of}"), &format!("$value: {of} = {other}"), 1);
        let different = send(&literal(&format!("{name}: {other}")), json!({})).await;
        assert_ne!(different["data"], expected, "{coordinate}: the document does not show the value");
        let by_variable = send(&with_default, json!({})).await;
        assert_eq!(by_variable["data"], different["data"], "{coordinate}: the default of the variable");
        let null = send(&with_variable, json!({ "value": null })).await;
        let null_literal = send(&literal(&format!("{name}: null")), json!({})).await;
        for answer in [null, null_literal] {
            match is_non_null {
                true => assert_eq!(
                    answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED",
                    "{coordinate}: {answer:#}"
                ),
                false => assert_eq!(answer["data"], expected, "{coordinate}: null, {answer:#}"),
            }
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_variable_without_a_value_is_left_out_wherever_it_stands() {
    let app = TestApp::new().await;
    let (_, guest, _) = scene(&app).await;
    let query = "query($unread: Boolean, $first: Int, $after: String, $text: String) { viewer { ...V \
        b: notifications(unreadOnly: $unread, first: 5) { totalCount } } \
        listingSearch(where: { text: $text }, first: $first, after: $after) { totalCount } } \
        fragment V on Viewer { ... @include(if: true) { a: notifications(unreadOnly: $unread, first: $first) { totalCount } } }";
    for (variables, unread) in [(json!({}), 2), (json!({ "unread": true }), 1), (json!({ "first": 7 }), 2)] {
        let data = app.gql(&guest, query, variables.clone()).await;
        assert_eq!(data["viewer"]["a"]["totalCount"], data["viewer"]["b"]["totalCount"], "{variables}");
        let total = data["viewer"]["a"]["totalCount"].as_i64().unwrap();
        assert!(total >= unread - 1, "{variables}: {data:#}");
        assert_eq!(data["listingSearch"]["totalCount"], 2, "{variables}");
    }
    let operations = "query A($unread: Boolean, $text: String) { listingSearch(where: { text: $text }) { totalCount } ...F } \
        query B($unread: Boolean, $first: Int) { listingSearch(where: {}, first: $first) { totalCount } ...F } \
        mutation C { __typename } \
        fragment F on Query { viewer { notifications(unreadOnly: $unread) { totalCount } } }";
    for (name, root) in [("A", "listingSearch"), ("B", "listingSearch"), ("C", "__typename")] {
        let body = json!({ "query": operations, "operationName": name });
        let request = Request::post("/graphql").header("content-type", "application/json");
        let answer = app.send(request.body(body.to_string().into()).unwrap()).await.json();
        assert!(answer.get("errors").is_none() && !answer["data"][root].is_null(), "{name}: {answer:#}");
    }
    app.finish().await;
}
