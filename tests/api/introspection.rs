//! The committed schema says what introspection says, to the last description.

use apollo_compiler::introspection::partial_execute;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::JsonMap;
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::{Value, json};

use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::scenarios::text;

/// Everything that introspection says, but for `isOneOf`, which the reader of the file does not know.
const INTROSPECTION: &str = "{ __schema { description queryType { name } mutationType { name } \
    subscriptionType { name } types { kind name description specifiedByURL \
    fields(includeDeprecated: true) { name description isDeprecated deprecationReason \
    args(includeDeprecated: true) { ...V } type { ...T } } inputFields(includeDeprecated: true) { ...V } \
    interfaces { name } possibleTypes { name } \
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } } \
    directives { name description isRepeatable locations args(includeDeprecated: true) { ...V } } } } \
    fragment V on __InputValue { name description defaultValue isDeprecated deprecationReason type { ...T } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The built-in scalars. Every implementation describes them in its own words.
const BUILT_IN: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

/// What introspection says without the types of the specification. Its order means nothing.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let is_own = |item: &Value| {
                let name = item["name"].as_str().unwrap_or_default();
                let is_built_in = item.get("kind").is_some() && BUILT_IN.contains(&name);
                !is_built_in && !name.starts_with("__")
            };
            let mut items: Vec<Value> = items.into_iter().filter(is_own).map(sorted).collect();
            items.sort_by_key(|item| item["name"].as_str().map_or_else(|| item.to_string(), str::to_owned));
            Value::Array(items)
        }
        // For an interface that implements no other, the executor says null instead of an empty list.
        Value::Object(fields) => {
            let list =
                |name: &str, value: Value| if name == "interfaces" && value.is_null() { json!([]) } else { value };
            fields.into_iter().map(|(name, value)| (name.clone(), sorted(list(&name, value)))).collect()
        }
        other => other,
    }
}

/// What introspection would say of a schema in a file.
fn introspect(sdl: &str) -> Value {
    let schema = Schema::parse_and_validate(sdl, "schema.graphql").unwrap();
    let document = ExecutableDocument::parse_and_validate(&schema, INTROSPECTION, "introspection.graphql").unwrap();
    let operation = document.operations.get(None).unwrap();
    let variables = coerce_variable_values(&schema, operation, &JsonMap::default()).unwrap();
    let answer = partial_execute(&schema, &schema.implementers_map(), &document, operation, &variables).unwrap();
    serde_json::to_value(answer.data).unwrap()
}

/// The places at which two values differ.
fn differences(path: &str, one: &Value, other: &Value) -> Vec<String> {
    match (one, other) {
        (Value::Object(fields), Value::Object(_)) => {
            let below = fields.iter().map(|(name, value)| differences(&format!("{path}.{name}"), value, &other[name]));
            below.flatten().collect()
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
            let below = items.iter().zip(others);
            below.flat_map(|(item, other)| differences(&format!("{path}.{}", name(item)), item, other)).collect()
        }
        _ if one == other => Vec::new(),
        _ => vec![format!("{path}: {one} and {other}")],
    }
}

#[tokio::test]
async fn the_committed_schema_says_what_introspection_says() {
    let app = TestApp::new().await;
    let served = sorted(app.gql(&Anonymous, INTROSPECTION, json!({})).await);
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).unwrap();
    let mut printed = sorted(introspect(&file));
    // The description of the schema is a comment, because not every parser accepts a description there.
    let comments: Vec<&str> = file.lines().filter_map(|line| line.strip_prefix("# ")).collect();
    printed["__schema"]["description"] = comments.join("\n").into();
    assert_eq!(differences("", &served, &printed), [""; 0]);
    assert_eq!(served, printed);
    let names: Vec<&str> =
        served["__schema"]["directives"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    for name in ["cost", "deprecated", "idempotent", "include", "oneOf", "skip", "specifiedBy"] {
        assert!(names.contains(&name), "{name}");
    }
    assert!(text(&served, "/__schema/description").contains("Roost"));
    let one_line = app.gql(&Anonymous, "{ a: __schema { b: description } }", json!({})).await;
    assert_eq!(one_line["a"]["b"], served["__schema"]["description"]);
    app.finish().await;
}

#[tokio::test]
async fn every_scalar_names_its_specification() {
    let app = TestApp::new().await;
    let data = app.gql(&Anonymous, "{ __schema { types { kind name specifiedByURL } } }", json!({})).await;
    let types = data["__schema"]["types"].as_array().unwrap().iter().filter(|kind| kind["kind"] == "SCALAR");
    let own: Vec<&Value> = types.filter(|kind| !BUILT_IN.contains(&text(kind, "/name").as_str())).collect();
    assert!(own.len() >= 7, "{own:?}");
    for scalar in own {
        assert!(scalar["specifiedByURL"].as_str().is_some_and(|url| url.starts_with("https://")), "{scalar}");
    }
    app.finish().await;
}
