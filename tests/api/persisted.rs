//! Documents that are named instead of sent: Apollo's automatic persisted queries, and a manifest of trusted ones.

use axum::body::Body;
use axum::http::{Request, header};
use roost::platform::persisted::hash;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;

const QUERY: &str = "query Named { __typename }";

async fn post(app: &TestApp, body: Value) -> Answer {
    let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
    app.send(request.body(body.to_string().into()).unwrap()).await
}

fn by_hash(hash: &str) -> Value {
    json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } })
}

fn with_text(text: &str, hash: &str) -> Value {
    let mut body = by_hash(hash);
    body["query"] = text.into();
    body
}

/// A document that no other run has sent: Redis keeps them for a day.
fn of_this_run(text: &str) -> String {
    format!("{text} # {:032x}", rand::random::<u128>())
}

fn told(answer: &Answer) -> (u16, Value) {
    let body = answer.json();
    let code = body["errors"][0]["extensions"]["code"].clone();
    (answer.status.as_u16(), if code.is_null() { body["data"].clone() } else { code })
}

fn ran() -> (u16, Value) {
    (200, json!({ "__typename": "Query" }))
}

#[tokio::test]
async fn a_document_is_sent_once_and_named_by_its_hash_from_then_on() {
    let app = TestApp::new().await;
    let text = of_this_run("{ __typename }");
    let hash = hash(&text);
    let unknown = post(&app, by_hash(&hash)).await;
    assert_eq!(told(&unknown), (200, "PERSISTED_QUERY_NOT_FOUND".into()));
    assert_eq!(unknown.json()["errors"][0]["message"], "PersistedQueryNotFound");
    assert_eq!(told(&post(&app, with_text(&text, &hash)).await), ran());
    assert_eq!(told(&post(&app, by_hash(&hash)).await), ran());
    assert_eq!(told(&post(&app, json!({ "documentId": format!("sha256:{hash}") })).await), ran());
    let extensions = by_hash(&hash)["extensions"].to_string();
    let extensions = extensions.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    for parameters in [format!("extensions={extensions}"), format!("documentId=sha256:{hash}")] {
        let request = Request::get(format!("/graphql?{parameters}")).header(header::ACCEPT, "application/json");
        assert_eq!(told(&app.send(request.body(Body::empty()).unwrap()).await), ran(), "{parameters}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_mutation_by_its_hash_still_needs_post() {
    let app = TestApp::new().await;
    let text = "mutation { userBecomeHost { userErrors { code } } }";
    assert_eq!(post(&app, with_text(text, &hash(text))).await.status, 200);
    let request = Request::get(format!("/graphql?documentId=sha256:{}", hash(text)));
    let request = request.header(header::ACCEPT, "application/json").body(Body::empty()).unwrap();
    assert_eq!(told(&app.send(request).await), (405, "METHOD_NOT_ALLOWED".into()));
    app.finish().await;
}

#[tokio::test]
async fn a_hash_that_is_not_the_documents_keeps_nothing() {
    let app = TestApp::new().await;
    let other = hash(&of_this_run("{ __typename }"));
    assert_eq!(told(&post(&app, with_text(QUERY, &other)).await), (200, "PERSISTED_QUERY_HASH_MISMATCH".into()));
    assert_eq!(told(&post(&app, by_hash(&other)).await), (200, "PERSISTED_QUERY_NOT_FOUND".into()));
    let broken = "{ __typename";
    assert_eq!(told(&post(&app, with_text(broken, &hash(broken))).await), (200, "GRAPHQL_PARSE_FAILED".into()));
    assert_eq!(told(&post(&app, by_hash(&hash(broken))).await), (200, "PERSISTED_QUERY_NOT_FOUND".into()));
    app.finish().await;
}

#[tokio::test]
async fn names_that_make_no_sense_are_refused() {
    let app = TestApp::new().await;
    let extension = |said: Value| json!({ "extensions": { "persistedQuery": said } });
    for (body, status, code) in [
        (extension(json!({ "version": 2, "sha256Hash": hash(QUERY) })), 200, "PERSISTED_QUERY_NOT_SUPPORTED"),
        (extension(json!({ "version": 1 })), 400, "BAD_REQUEST"),
        (extension(json!({ "version": 1, "sha256Hash": "x" })), 400, "BAD_REQUEST"),
        (extension(json!(7)), 400, "BAD_REQUEST"),
        (json!({ "documentId": 7 }), 400, "BAD_REQUEST"),
        (json!({ "documentId": "x", "query": QUERY }), 400, "BAD_REQUEST"),
        (json!({ "documentId": "x" }), 200, "PERSISTED_QUERY_NOT_FOUND"),
    ] {
        assert_eq!(told(&post(&app, body.clone()).await), (status, code.into()), "{body}");
    }
    app.finish().await;
}

#[tokio::test]
async fn with_redis_a_document_is_known_on_every_node() {
    let app = TestApp::new().await;
    let (other, router) = app.second_node().await;
    if other.redis.is_some() {
        let text = of_this_run("{ __typename }");
        assert_eq!(told(&post(&app, with_text(&text, &hash(&text))).await), ran());
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        let request = request.body(by_hash(&hash(&text)).to_string().into()).unwrap();
        assert_eq!(told(&crate::client::send(&router, request).await), ran());
    }
    app.finish().await;
}

#[tokio::test]
async fn where_only_trusted_documents_are_served_nothing_else_runs() {
    let path = std::env::temp_dir().join(format!("roost-manifest-{:032x}.json", rand::random::<u128>()));
    let manifest = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations":
        [{ "id": "named", "name": "Named", "type": "query", "body": QUERY }] });
    std::fs::write(&path, manifest.to_string()).unwrap();
    let file = format!("--trusted-documents={}", path.display());
    let open = TestApp::with(&[&file]).await;
    let closed = TestApp::with(&[&file, "--trusted-only=on"]).await;
    std::fs::remove_file(&path).unwrap();
    for app in [&open, &closed] {
        assert_eq!(told(&post(app, json!({ "documentId": "named" })).await), ran());
        assert_eq!(told(&post(app, by_hash(&hash(QUERY))).await), ran());
        assert_eq!(told(&post(app, json!({ "query": QUERY })).await), ran());
    }
    let other = "{ a: __typename }";
    assert_eq!(post(&open, json!({ "query": other })).await.json()["data"], json!({ "a": "Query" }));
    let refused = (200, json!("DOCUMENT_NOT_TRUSTED"));
    for body in [
        json!({ "query": other }),
        with_text(other, &hash(other)),
        by_hash(&hash(other)),
        json!({ "documentId": "other" }),
        json!({ "query": "{ __schema { types { name } } }" }),
    ] {
        assert_eq!(told(&post(&closed, body.clone()).await), refused, "{body}");
    }
    open.finish().await;
    closed.finish().await;
}
