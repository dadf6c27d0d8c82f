//! The contract of the API: the committed schema, its descriptions, and access to every object by its ID.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Anonymous;
use crate::harness::{Person, TestApp};
use crate::scenarios::{stay, text};

#[test]
fn the_committed_schema_equals_the_served_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let served = roost::graphql::sdl();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, served).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let differs = committed.lines().zip(served.lines()).position(|(ours, theirs)| ours != theirs);
    let line = differs.unwrap_or_else(|| committed.lines().count().min(served.lines().count())) + 1;
    assert!(committed == served, "schema.graphql is outdated from line {line} on: run this test with UPDATE_SCHEMA=1");
}

const INTROSPECTION: &str = "{ __schema { types { kind name description \
    fields(includeDeprecated: true) { name description args { name description type { ...T } } type { ...T } } \
    inputFields { name description type { ...T } } enumValues(includeDeprecated: true) { name description } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The types of the schema without those of the GraphQL specification.
async fn load_types(app: &TestApp) -> Vec<Value> {
    let own = ["Int", "Float", "String", "Boolean", "ID"];
    let data = app.gql(&Anonymous, INTROSPECTION, json!({})).await;
    let types = data["__schema"]["types"].as_array().unwrap().iter();
    let ours = |kind: &&Value| {
        let name = kind["name"].as_str().unwrap();
        !name.starts_with("__") && !own.contains(&name)
    };
    types.filter(ours).cloned().collect()
}

fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of[name].as_array().into_iter().flatten()
}

#[tokio::test]
async fn every_element_of_the_schema_has_a_description() {
    let app = TestApp::new().await;
    let mut bare = Vec::new();
    let mut count = 0;
    let mut check = |path: String, element: &Value| {
        count += 1;
        if element["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
            bare.push(path);
        }
    };
    for kind in load_types(&app).await {
        let name = text(&kind, "/name");
        check(name.clone(), &kind);
        for field in list(&kind, "fields") {
            let path = format!("{name}.{}", field["name"].as_str().unwrap());
            for argument in list(field, "args") {
                check(format!("{path}({}:)", argument["name"].as_str().unwrap()), argument);
            }
            check(path, field);
        }
        for part in list(&kind, "inputFields").chain(list(&kind, "enumValues")) {
            check(format!("{name}.{}", part["name"].as_str().unwrap()), part);
        }
    }
    assert!(count > 500, "only {count} elements were checked");
    assert_eq!(bare, [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn names_and_shapes_follow_the_rules_of_the_schema() {
    let app = TestApp::new().await;
    let types = load_types(&app).await;
    let named = |name: &str| types.iter().find(|kind| kind["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    for mutation in list(named("Mutation"), "fields") {
        let name = text(mutation, "/name");
        let mut letters = name.chars();
        let capital: String = letters.next().unwrap().to_uppercase().chain(letters).collect();
        let payload = format!("{capital}Payload");
        assert_eq!(mutation["type"]["kind"], "NON_NULL", "{name}");
        assert_eq!(mutation["type"]["ofType"]["name"], payload.as_str(), "{name}");
        for field in list(named(&payload), "fields") {
            let is_errors = field["name"] == "userErrors";
            let is_list = field["type"]["ofType"]["kind"] == "LIST";
            assert!(is_errors || is_list || field["type"]["kind"] != "NON_NULL", "{payload}.{}", field["name"]);
        }
    }
    for kind in &types {
        let name = text(kind, "/name");
        if name.ends_with("Connection") {
            let fields: BTreeSet<_> = list(kind, "fields").map(|field| text(field, "/name")).collect();
            for field in ["edges", "nodes", "pageInfo", "totalCount"] {
                assert!(fields.contains(field), "{name}.{field}");
            }
        }
    }
    app.finish().await;
}

/// Creates a stay with every kind of object that has an ID. Returns the IDs as the guest and the host see them.
async fn create_everything(app: &TestApp) -> (Person, Person, Vec<(String, String)>, Vec<(String, String)>) {
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let cancelled = app.book(&guest, &listing, "2027-03-10", "2027-03-12").await;
    app.cancel(&guest, &cancelled).await;
    let booking = app.book(&guest, &listing, "2027-03-04", "2027-03-08").await;
    let request = json!({ "id": booking["id"], "stay": stay("2027-03-04", "2027-03-09") });
    let request = app.mutate_ok(&guest, "bookingAlterationRequest", request, "alteration { id }").await;
    let change = json!({ "id": request["alteration"]["id"] });
    app.mutate_ok(&guest, "bookingAlterationWithdraw", change, "__typename").await;
    app.set("2027-03-08T16:00:00Z");
    app.drain().await;
    let review = |text: &str| json!({ "bookingId": booking["id"], "review": { "overall": 5, "text": text } });
    app.mutate_ok(&guest, "reviewSubmit", review("Good."), "__typename").await;
    app.mutate_ok(&host, "reviewSubmit", review("Good too."), "__typename").await;
    let query = "query($done: ID!, $cancelled: ID!) { viewer { __typename id sessions { nodes { __typename id } } \
        notifications { nodes { __typename id } } } \
        done: booking(id: $done) { __typename id guest { __typename id } host { __typename id } \
        listing { __typename id } events { nodes { __typename id } } \
        alterations { nodes { __typename id } } payouts { __typename id } \
        payment { __typename id } guestReview { __typename id } \
        hostReview { __typename id } } \
        cancelled: booking(id: $cancelled) { payment { refunds { __typename id } } } }";
    let mut seen = Vec::new();
    for who in [&guest, &host] {
        let data = app.gql(who, query, json!({ "done": booking["id"], "cancelled": cancelled["id"] })).await;
        let mut found = Vec::new();
        collect(&data, &mut found);
        seen.push(found);
    }
    let of_host = seen.remove(1);
    (host, guest, seen.remove(0), of_host)
}

/// Collects the type and the ID of every object in a value.
fn collect(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            if let (Some(kind), Some(id)) = (value["__typename"].as_str(), value["id"].as_str()) {
                found.push((kind.to_owned(), id.to_owned()));
            }
            fields.values().for_each(|field| collect(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_object_with_an_id_can_be_fetched_by_node() {
    let app = TestApp::new().await;
    let (host, guest, of_guest, of_host) = create_everything(&app).await;
    let query = "{ __type(name: \"Node\") { possibleTypes { name } } }";
    let data = app.gql(&Anonymous, query, json!({})).await;
    let possible: BTreeSet<String> = list(&data["__type"], "possibleTypes").map(|kind| text(kind, "/name")).collect();
    let mut covered: BTreeSet<String> = of_guest.iter().chain(&of_host).map(|(kind, _)| kind.clone()).collect();
    // Only staff see the ledger. The tests of the ledger fetch its transactions as nodes.
    covered.insert("LedgerTransaction".into());
    assert_eq!(covered, possible);
    for (who, objects) in [(&guest, &of_guest), (&host, &of_host)] {
        let ids: Vec<&String> = objects.iter().map(|(_, id)| id).collect();
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
        let data = app.gql(who, query, json!({ "ids": ids })).await;
        let expected: Vec<Value> = objects.iter().map(|(kind, id)| json!({ "__typename": kind, "id": id })).collect();
        assert_eq!(data["nodes"], json!(expected));
        let (kind, id) = &objects[0];
        let query = "query($id: ID!) { node(id: $id) { __typename id } }";
        let data = app.gql(who, query, json!({ "id": id })).await;
        assert_eq!(data["node"], json!({ "__typename": kind, "id": id }));
    }
    app.finish().await;
}

#[tokio::test]
async fn anonymous_clients_fetch_only_public_nodes() {
    let app = TestApp::new().await;
    let (_, _, of_guest, _) = create_everything(&app).await;
    let ids: Vec<&String> = of_guest.iter().map(|(_, id)| id).collect();
    let stranger = app.guest().await;
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }";
    for data in [
        app.gql(&Anonymous, query, json!({ "ids": ids })).await,
        app.gql(&stranger, query, json!({ "ids": ids })).await,
    ] {
        for ((kind, _), node) in of_guest.iter().zip(list(&data, "nodes")) {
            let public = ["User", "Listing", "Review"].contains(&kind.as_str());
            assert_eq!(node.is_object(), public, "{kind}: {node}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn the_amenities_are_listed_with_name_and_category() {
    let app = TestApp::new().await;
    let data = app.gql(&Anonymous, "{ amenities { code name category } }", json!({})).await;
    let amenities: Vec<&Value> = list(&data, "amenities").collect();
    assert!(amenities.len() >= 100);
    assert_eq!(amenities[0], &json!({ "code": "WIFI", "name": "Wi-Fi", "category": "Basics" }));
    app.finish().await;
}

#[test]
fn docs_errors_lists_exactly_the_error_codes() {
    let page = include_str!("../../docs/errors.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let listed: Vec<&str> = rows.flat_map(|cell| cell.split("`, `")).map(|word| word.trim_matches('`')).collect();
    let known: BTreeSet<&str> = roost::graphql::ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(listed.len(), known.len(), "a code is listed twice");
}

#[test]
fn every_test_named_in_docs_security_exists() {
    let mut folders: Vec<PathBuf> =
        ["src", "tests"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).into();
    let mut sources = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() && !path.ends_with("node_modules") => folders.push(path),
                Some("rs") => sources.push_str(&std::fs::read_to_string(path).unwrap()),
                _ => {}
            }
        }
    }
    let page = include_str!("../../docs/security.md");
    let words = page.split('`').skip(1).step_by(2).map(|word| word.rsplit("::").next().unwrap());
    let tests: Vec<&str> = words.filter(|word| word.matches('_').count() >= 4 && !word.contains(' ')).collect();
    assert!(tests.len() > 20, "only {} tests are named", tests.len());
    let missing: Vec<_> = tests.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
