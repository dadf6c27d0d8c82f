//! Persisted documents: Apollo's automatic persisted queries, and a manifest of trusted documents.

use axum::body::Body;
use axum::http::{Request, header};
use roost::platform::persisted_documents::document_hash;
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

/// A document that no other run has sent, since Redis stores documents for a day.
fn unique_document(text: &str) -> String {
    format!("{text} # {:032x}", rand::random::<u128>())
}

fn status_and_result(answer: &Answer) -> (u16, Value) {
    let body = answer.json();
    let code = body["errors"][0]["extensions"]["code"].clone();
    (answer.status.as_u16(), if code.is_null() { body["data"].clone() } else { code })
}

fn success() -> (u16, Value) {
    (200, json!({ "__typename": "Query" }))
}

#[tokio::test]
async fn a_document_is_sent_once_and_then_referred_to_by_its_hash() {
    let app = TestApp::new().await;
    let text = unique_document("{ __typename }");
    let hash = document_hash(&text);
    let unknown = post(&app, by_hash(&hash)).await;
    assert_eq!(status_and_result(&unknown), (200, "PERSISTED_QUERY_NOT_FOUND".into()));
    assert_eq!(unknown.json()["errors"][0]["message"], "PersistedQueryNotFound");
    assert_eq!(status_and_result(&post(&app, with_text(&text, &hash)).await), success());
    assert_eq!(status_and_result(&post(&app, by_hash(&hash)).await), success());
    assert_eq!(status_and_result(&post(&app, json!({ "documentId": format!("sha256:{hash}") })).await), success());
    let extensions = by_hash(&hash)["extensions"].to_string();
    let extensions = extensions.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    for parameters in [format!("extensions={extensions}"), format!("documentId=sha256:{hash}")] {
        let request = Request::get(format!("/graphql?{parameters}")).header(header::ACCEPT, "application/json");
        assert_eq!(status_and_result(&app.send(request.body(Body::empty()).unwrap()).await), success(), "{parameters}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_mutation_by_hash_still_needs_post() {
    let app = TestApp::new().await;
    let text = "mutation { userBecomeHost { userErrors { code } } }";
    assert_eq!(post(&app, with_text(text, &document_hash(text))).await.status, 200);
    let request = Request::get(format!("/graphql?documentId=sha256:{}", document_hash(text)));
    let request = request.header(header::ACCEPT, "application/json").body(Body::empty()).unwrap();
    assert_eq!(status_and_result(&app.send(request).await), (405, "METHOD_NOT_ALLOWED".into()));
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_hash_stores_nothing() {
    let app = TestApp::new().await;
    let other = document_hash(&unique_document("{ __typename }"));
    assert_eq!(
        status_and_result(&post(&app, with_text(QUERY, &other)).await),
        (200, "PERSISTED_QUERY_HASH_MISMATCH".into())
    );
    assert_eq!(status_and_result(&post(&app, by_hash(&other)).await), (200, "PERSISTED_QUERY_NOT_FOUND".into()));
    let broken = "{ __typename";
    assert_eq!(
        status_and_result(&post(&app, with_text(broken, &document_hash(broken))).await),
        (200, "GRAPHQL_PARSE_FAILED".into())
    );
    assert_eq!(
        status_and_result(&post(&app, by_hash(&document_hash(broken))).await),
        (200, "PERSISTED_QUERY_NOT_FOUND".into())
    );
    app.finish().await;
}

#[tokio::test]
async fn malformed_hashes_and_ids_are_refused() {
    let app = TestApp::new().await;
    let extension = |value: Value| json!({ "extensions": { "persistedQuery": value } });
    for (body, status, code) in [
        (extension(json!({ "version": 2, "sha256Hash": document_hash(QUERY) })), 200, "PERSISTED_QUERY_NOT_SUPPORTED"),
        (extension(json!({ "version": 1 })), 400, "BAD_REQUEST"),
        (extension(json!({ "version": 1, "sha256Hash": "x" })), 400, "BAD_REQUEST"),
        (extension(json!(7)), 400, "BAD_REQUEST"),
        (json!({ "documentId": 7 }), 400, "BAD_REQUEST"),
        (json!({ "documentId": "x", "query": QUERY }), 400, "BAD_REQUEST"),
        (json!({ "documentId": "x" }), 200, "PERSISTED_QUERY_NOT_FOUND"),
    ] {
        assert_eq!(status_and_result(&post(&app, body.clone()).await), (status, code.into()), "{body}");
    }
    app.finish().await;
}

#[tokio::test]
async fn with_redis_a_persisted_document_works_on_every_node() {
    let app = TestApp::new().await;
    let (other, router) = app.second_node().await;
    if other.redis.is_some() {
        let text = unique_document("{ __typename }");
        assert_eq!(status_and_result(&post(&app, with_text(&text, &document_hash(&text))).await), success());
        let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json");
        let request = request.body(by_hash(&document_hash(&text)).to_string().into()).unwrap();
        assert_eq!(status_and_result(&crate::client::send(&router, request).await), success());
    }
    app.finish().await;
}

#[tokio::test]
async fn in_trusted_only_mode_other_documents_are_refused() {
    let path = std::env::temp_dir().join(format!("roost-manifest-{:032x}.json", rand::random::<u128>()));
    let manifest = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations":
        [{ "id": "named", "name": "Named", "type": "query", "body": QUERY }] });
    std::fs::write(&path, manifest.to_string()).unwrap();
    let file = format!("--trusted-documents={}", path.display());
    let open = TestApp::with(&[&file]).await;
    let closed = TestApp::with(&[&file, "--trusted-only=on"]).await;
    std::fs::remove_file(&path).unwrap();
    for app in [&open, &closed] {
        assert_eq!(status_and_result(&post(app, json!({ "documentId": "named" })).await), success());
        assert_eq!(status_and_result(&post(app, by_hash(&document_hash(QUERY))).await), success());
        assert_eq!(status_and_result(&post(app, json!({ "query": QUERY })).await), success());
    }
    let other = "{ a: __typename }";
    assert_eq!(post(&open, json!({ "query": other })).await.json()["data"], json!({ "a": "Query" }));
    let refused = (200, json!("DOCUMENT_NOT_TRUSTED"));
    for body in [
        json!({ "query": other }),
        with_text(other, &document_hash(other)),
        by_hash(&document_hash(other)),
        json!({ "documentId": "other" }),
        json!({ "query": "{ __schema { types { name } } }" }),
    ] {
        assert_eq!(status_and_result(&post(&closed, body.clone()).await), refused, "{body}");
    }
    open.finish().await;
    closed.finish().await;
}
