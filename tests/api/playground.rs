//! The playground: its content security policy, the caching of its files, and the validity of its operations.

use std::io::Read;

use async_graphql::parser::parse_query;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use base64::Engine;
use flate2::read::GzDecoder;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha384};

use crate::client::{Anonymous, Answer};
use crate::harness::TestApp;

const CDN: &str = "https://cdn.jsdelivr.net";

async fn get(app: &TestApp, path: &str, headers: &[(axum::http::HeaderName, &str)]) -> Answer {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, *value));
    app.send(request.body(Body::empty()).unwrap()).await
}

fn header(answer: &Answer, name: axum::http::HeaderName) -> &str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// The values of an attribute, in the order of the page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    page.split(&format!(" {name}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn the_playgrounds_policy_allows_only_named_resources() {
    let app = TestApp::new().await;
    let page = app.get("/graphiql").await;
    assert_eq!(page.status, 200);
    assert_eq!(header(&page, CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&page, X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(header(&page, REFERRER_POLICY), "no-referrer");
    // A program built without npm, or configured for it, serves a page that loads files from a CDN.
    let text = page.text();
    let loaded = |end: &str| -> String {
        let files = text.split('"').filter(|file| file.starts_with(CDN) && file.ends_with(end));
        files.map(|file| format!(" {file}")).collect()
    };
    let (scripts, styles) = (loaded(".js"), loaded(".css"));
    let nonce = attributes(&page.text(), "nonce")[0].to_owned();
    assert_eq!(nonce.len(), 32);
    assert_eq!(
        header(&page, CONTENT_SECURITY_POLICY),
        format!(
            "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles} 'nonce-{nonce}'; font-src 'self' data:; img-src 'self' data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    assert_eq!(page.text().matches("<script").count(), attributes(&page.text(), "src").len(), "no script is inline");
    let second = app.get("/graphiql").await.text();
    assert_ne!(attributes(&second, "nonce"), [nonce], "a nonce is used for one page only");
    assert!(!page.text().contains("<style") && !page.text().contains(" style="));
    app.finish().await;
}

#[tokio::test]
async fn third_party_files_match_their_hashes_and_are_cached_permanently() {
    let app = TestApp::new().await;
    let page = app.get("/graphiql").await.text();
    let hashes = attributes(&page, "integrity");
    let files = page.split('"').filter(|text| text.contains('@') && text.contains('/'));
    let files: Vec<(&str, &str)> = files.zip(hashes).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for (path, hash) in files {
        if path.starts_with(CDN) {
            assert_eq!(app.get(&path.replace(&format!("{CDN}/npm"), "/graphiql/npm")).await.status, 404, "{path}");
            continue;
        }
        let plain = get(&app, path, &[]).await;
        let media = if path.ends_with(".css") { "text/css" } else { "text/javascript" };
        assert_eq!((plain.status.as_u16(), header(&plain, CONTENT_TYPE)), (200, &*format!("{media}; charset=utf-8")));
        assert_eq!(header(&plain, CACHE_CONTROL), "public, max-age=31536000, immutable", "{path}");
        assert_eq!((header(&plain, X_CONTENT_TYPE_OPTIONS), header(&plain, VARY)), ("nosniff", "accept-encoding"));
        let digest = base64::prelude::BASE64_STANDARD.encode(Sha384::digest(&plain.body));
        assert_eq!(format!("sha384-{digest}"), hash, "{path}");

        let packed = get(&app, path, &[(ACCEPT_ENCODING, "br, gzip;q=0.5")]).await;
        assert_eq!(header(&packed, CONTENT_ENCODING), "gzip");
        let mut unpacked = Vec::new();
        GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain.body && packed.body.len() < plain.body.len(), "{path}");
        let refused = get(&app, path, &[(ACCEPT_ENCODING, "gzip;q=0")]).await;
        assert_eq!(header(&refused, CONTENT_ENCODING), "");

        let unchanged = get(&app, path, &[(IF_NONE_MATCH, &format!("\"other\", {}", header(&packed, ETAG)))]).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0), "{path}");
    }
    assert_eq!(app.get("/graphiql/npm/graphiql@4.1.2/package.json").await.status, 404);
    app.finish().await;
}

#[tokio::test]
async fn own_files_are_revalidated_and_sent_only_if_changed() {
    let app = TestApp::new().await;
    for (name, media) in [
        ("app.js", "text/javascript"),
        ("request.js", "text/javascript"),
        ("session.js", "text/javascript"),
        ("status.js", "text/javascript"),
        ("app.css", "text/css"),
    ] {
        let path = format!("/graphiql/{name}");
        let file = get(&app, &path, &[]).await;
        assert_eq!(header(&file, CONTENT_TYPE), format!("{media}; charset=utf-8"), "{name}");
        assert_eq!((header(&file, CACHE_CONTROL), header(&file, X_CONTENT_TYPE_OPTIONS)), ("no-cache", "nosniff"));
        let tag = header(&file, ETAG);
        assert_eq!(get(&app, &path, &[(IF_NONE_MATCH, tag)]).await.status, 304, "{name}");
        assert_eq!(get(&app, &path, &[(IF_NONE_MATCH, "W/\"older\"")]).await.body, file.body, "{name}");
    }
    assert_eq!(app.get("/graphiql/index.html").await.status, 404);
    app.finish().await;
}

#[tokio::test]
async fn only_the_demonstration_lists_its_accounts() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/graphiql/accounts.json").await.json(), json!([]));
    let guest = json!({ "user": { "email": roost::demo::GUEST, "password": roost::demo::PASSWORD,
        "displayName": "Gil", "timeZone": "Europe/Lisbon" } });
    let register = "mutation($user: UserRegisterInput!) { userRegister(user: $user) { userErrors { code } } }";
    assert_eq!(app.gql(&Anonymous, register, guest).await["userRegister"]["userErrors"], json!([]));
    let names = ["guest", "host", "admin"].map(|name| {
        let email = format!("{name}@demo.roost.example");
        json!({ "name": name, "email": email, "password": "roost-demo-2027" })
    });
    assert_eq!(app.get("/graphiql/accounts.json").await.json(), json!(names));
    app.finish().await;
}

/// A value for each type of the operations' variables.
fn value(kind: &str) -> Value {
    match kind.trim_end_matches('!') {
        "ID" => json!("bkg_00000000000000000000000000"),
        "[ID!]" => json!([]),
        "Date" => json!("2027-01-05"),
        "String" => json!("word"),
        "Boolean" => json!(true),
        "Int" => json!(1),
        "MoneyInput" => json!({ "amount": 100, "currency": "EUR" }),
        other => panic!("no value for {other}"),
    }
}

#[tokio::test]
async fn every_playground_operation_is_valid_against_the_schema() {
    let app = TestApp::new().await;
    let operations = app.get("/graphiql/operations.json").await.json();
    let mut names = Vec::new();
    for tab in operations.as_array().unwrap() {
        let text = tab["query"].as_str().unwrap();
        let document = parse_query(text).unwrap_or_else(|error| panic!("{}: {error}", tab["name"]));
        for (name, operation) in document.operations.iter() {
            let name = name.unwrap_or_else(|| panic!("{}: an operation without a name", tab["name"])).to_string();
            let declared = operation.node.variable_definitions.iter();
            let variables: Map<String, Value> = declared
                .map(|variable| (variable.node.name.to_string(), value(&variable.node.var_type.node.to_string())))
                .collect();
            let body = json!({ "query": text, "operationName": name, "variables": variables }).to_string();
            let request = Request::post("/graphql").header(CONTENT_TYPE, "application/json").body(Body::from(body));
            let answer = app.send(request.unwrap()).await.json();
            // Plain HTTP refuses a valid subscription because of its type.
            let is_subscription = answer["errors"][0]["extensions"]["code"] == "OPERATION_NOT_SUPPORTED";
            assert!(answer.get("data").is_some() || is_subscription, "{name}: {answer:#}");
            names.push(name);
        }
    }
    let count = names.len();
    assert!(count > 30, "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "two operations share a name");
    app.finish().await;
}
