//! GraphQL over HTTP: media types, statuses, cross-origin requests, batches, and extensions.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::TestApp;

const NEWER: &str = "application/graphql-response+json";
const OLDER: &str = "application/json";

async fn post(app: &TestApp, accept: &str, body: Value) -> Answer {
    let request = Request::post("/graphql").header(header::CONTENT_TYPE, OLDER).header(header::ACCEPT, accept);
    app.send(request.body(body.to_string().into()).unwrap()).await
}

async fn get(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get("/graphql?query=%7B__typename%7D");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

fn code(answer: &Answer) -> String {
    answer.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or("none").to_owned()
}

#[tokio::test]
async fn the_http_status_reflects_errors_only_in_the_newer_media_type() {
    let app = TestApp::new().await;
    let bad_id = json!({ "query": "{ __typename listing(id: \"x\") { id } }" });
    let bad_page = json!({ "query": "{ listingSearch(where: {}, first: -1) { totalCount } }" });
    for (body, newer, older, code_is, data) in [
        (json!({ "query": "{ __typename }" }), 200, 200, "none", Some(json!({ "__typename": "Query" }))),
        (json!({ "query": "{" }), 400, 200, "GRAPHQL_PARSE_FAILED", None),
        (json!({ "query": "{ nothing }" }), 400, 200, "GRAPHQL_VALIDATION_FAILED", None),
        (
            json!({ "query": "query A { __typename }", "operationName": "B" }),
            400,
            200,
            "OPERATION_RESOLUTION_FAILURE",
            None,
        ),
        (
            json!({ "query": "query A { a: __typename } query B { __typename }" }),
            400,
            200,
            "OPERATION_RESOLUTION_FAILURE",
            None,
        ),
        (json!({ "query": "query($id: ID!) { user(id: $id) { id } }" }), 400, 200, "GRAPHQL_VALIDATION_FAILED", None),
        (
            json!({ "query": "query($id: ID!) { __typename }", "variables": { "id": null } }),
            400,
            200,
            "GRAPHQL_VALIDATION_FAILED",
            None,
        ),
        (
            json!({ "query": "query($size: Int!) { listingSearch(where: {}, first: $size) { totalCount } }", "variables": { "size": "x" } }),
            400,
            200,
            "GRAPHQL_VALIDATION_FAILED",
            None,
        ),
        (
            json!({ "query": "query($day: Date!) { listingSearch(where: { stay: { checkIn: $day, checkOut: $day } }) { totalCount } }", "variables": { "day": "tomorrow" } }),
            400,
            200,
            "GRAPHQL_VALIDATION_FAILED",
            None,
        ),
        (json!({ "query": "subscription { notificationReceived { id } }" }), 400, 200, "OPERATION_NOT_SUPPORTED", None),
        (json!({ "documentId": "never-seen" }), 400, 200, "PERSISTED_QUERY_NOT_FOUND", None),
        (json!({ "operationName": "A" }), 400, 400, "BAD_REQUEST", None),
        (bad_id, 294, 200, "INVALID", Some(json!({ "__typename": "Query", "listing": null }))),
        (bad_page, 294, 200, "INVALID", Some(Value::Null)),
    ] {
        for (media, status) in [(NEWER, newer), (OLDER, older)] {
            let answer = post(&app, media, body.clone()).await;
            assert_eq!((answer.status.as_u16(), code(&answer)), (status, code_is.to_owned()), "{media}: {body}");
            assert_eq!(answer.headers[header::CONTENT_TYPE], format!("{media}; charset=utf-8"));
            assert_eq!(answer.json().get("data"), data.as_ref(), "{media}: {body}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn partial_responses_have_the_configured_status() {
    let app = TestApp::with(&["--partial-status=200"]).await;
    let answer = post(&app, NEWER, json!({ "query": "{ __typename listing(id: \"x\") { id } }" })).await;
    assert_eq!((answer.status.as_u16(), code(&answer)), (200, "INVALID".into()));
    app.finish().await;
}

#[tokio::test]
async fn unacceptable_media_types_and_encodings_are_refused() {
    let app = TestApp::new().await;
    let answer = post(&app, "text/html", json!({ "query": "{ __typename }" })).await;
    assert_eq!((answer.status.as_u16(), code(&answer)), (406, "NOT_ACCEPTABLE".into()));
    let request = Request::post("/graphql").header(header::CONTENT_TYPE, "application/json; charset=utf-16");
    let answer = app.send(request.body("{}".into()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), code(&answer)), (415, "UNSUPPORTED_MEDIA_TYPE".into()));
    let request = Request::builder().method(Method::PUT).uri("/graphql").body(Body::empty()).unwrap();
    let answer = app.send(request).await;
    assert_eq!((answer.status.as_u16(), &answer.headers[header::ALLOW]), (405, &"GET, POST".parse().unwrap()));
    app.finish().await;
}

#[tokio::test]
async fn an_error_has_the_accepted_media_type_and_the_request_id() {
    let app = TestApp::new().await;
    for media in [NEWER, OLDER] {
        let answer = post(&app, media, json!("nonsense")).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (400, "BAD_REQUEST".into()));
        assert_eq!(answer.headers[header::CONTENT_TYPE], format!("{media}; charset=utf-8"));
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert_eq!(answer.json()["errors"][0]["extensions"]["requestId"], id);
        assert_eq!(answer.json()["extensions"]["requestId"], id);
    }
    app.finish().await;
}

#[tokio::test]
async fn responses_are_not_cached_and_vary_by_accept() {
    let app = TestApp::new().await;
    let query = || json!({ "query": "{ __typename }" });
    for (answer, status) in [
        (post(&app, OLDER, query()).await, 200),
        (post(&app, "text/event-stream", query()).await, 200),
        (post(&app, NEWER, json!({ "query": "{" })).await, 400),
        (post(&app, "text/html", query()).await, 406),
        (get(&app, &[("accept", OLDER)]).await, 200),
        (get(&app, &[("accept", OLDER), ("origin", "https://evil.example")]).await, 403),
    ] {
        let all = |name| answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!((answer.status.as_u16(), all(header::CACHE_CONTROL)), (status, vec!["no-store"]));
        assert!(all(header::VARY).join(",").split(',').any(|name| name.trim() == "accept"), "{:?}", all(header::VARY));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_link_or_a_page_of_another_origin_runs_no_query() {
    let app = TestApp::with(&["--cors-origins=https://app.example"]).await;
    let json = ("accept", OLDER);
    let browser = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)");
    for (headers, status) in [
        (&[][..], 200),
        (&[("accept", "*/*"), ("user-agent", "curl/8.5.0")], 200),
        (&[browser], 403),
        (&[browser, ("accept", "text/html,application/xhtml+xml,*/*;q=0.8")], 403),
        (&[browser, ("accept", "image/avif,image/webp,*/*")], 403),
        (&[("accept", "*/*"), ("sec-fetch-site", "none")], 403),
        (&[("accept", "*/*"), ("origin", "https://other.example")], 403),
        (&[("accept", "*/*"), ("referer", "https://other.example/")], 403),
        (&[browser, json], 200),
        (&[("accept", NEWER)], 200),
        (&[browser, ("apollo-require-preflight", "1")], 200),
        (&[browser, ("accept", "*/*"), ("x-apollo-operation-name", "A")], 200),
        (&[browser, ("apollo-require-preflight", "")], 403),
        (&[("accept", "image/avif,*/*")], 403),
        (&[("accept", "application/*")], 403),
        (&[("sec-fetch-dest", "script")], 403),
        (&[json, ("origin", "https://evil.example")], 403),
        (&[json, ("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], 403),
        (&[json, ("origin", "https://app.example")], 200),
        (&[json, ("origin", "http://roost.test"), ("host", "roost.test")], 200),
        (&[json, ("sec-fetch-site", "same-origin")], 200),
        (&[json, ("sec-fetch-site", "none")], 200),
        (&[json, ("sec-fetch-site", "cross-site")], 403),
        (&[json, ("sec-fetch-site", "same-site"), ("origin", "https://other.example")], 403),
        (&[json, ("sec-fetch-site", "cross-site"), ("origin", "https://app.example")], 200),
    ] {
        let answer = get(&app, headers).await;
        let expected = if status == 403 { "CSRF_BLOCKED" } else { "none" };
        assert_eq!((answer.status.as_u16(), code(&answer)), (status, expected.to_owned()), "{headers:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn pages_of_other_origins_may_call_only_if_configured() {
    let closed = TestApp::new().await;
    let listed = TestApp::with(&["--cors-origins=https://app.example,http://localhost:3000"]).await;
    let open = TestApp::with(&["--cors-origins=*"]).await;
    for (app, origin, allowed) in [
        (&closed, "https://app.example", None),
        (&listed, "https://app.example", Some("https://app.example")),
        (&listed, "https://evil.example", None),
        (&open, "https://evil.example", Some("*")),
    ] {
        let preflight = Request::builder()
            .method(Method::OPTIONS)
            .uri("/graphql")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type,authorization");
        let preflight_response = app.send(preflight.body(Body::empty()).unwrap()).await;
        let got = get(app, &[("accept", OLDER), ("origin", origin)]).await;
        for answer in [preflight_response, got] {
            let header = answer.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(header.map(|value| value.to_str().unwrap()), allowed, "{origin}");
            assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "{origin}");
        }
    }
    for app in [closed, listed, open] {
        app.finish().await;
    }
}

#[tokio::test]
async fn batches_are_refused_beyond_the_configured_size() {
    let one = || json!({ "query": "{ __typename }" });
    let closed = TestApp::new().await;
    let answer = post(&closed, OLDER, json!([one()])).await;
    assert_eq!((answer.status.as_u16(), code(&answer)), (400, "BAD_REQUEST".into()));
    closed.finish().await;

    let app = TestApp::with(&["--batch-limit=3"]).await;
    for calls in [json!([]), json!([one(), one(), one(), one()]), json!([one(), 7])] {
        assert_eq!(post(&app, OLDER, calls.clone()).await.status, 400, "{calls}");
    }
    let answer = post(&app, OLDER, json!([one(), { "query": "{" }, { "query": "query { a: __typename }" }])).await;
    assert_eq!(answer.status, 200);
    let answers = answer.json();
    assert_eq!(answers[0]["data"], json!({ "__typename": "Query" }));
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
    assert_eq!(answers[2]["data"], json!({ "a": "Query" }));
    app.finish().await;
}

async fn load_traced_extensions(app: &TestApp) -> Value {
    let request = Request::post("/graphql").header(header::CONTENT_TYPE, OLDER).header("x-roost-trace", "1");
    let body = json!({ "query": "{ amenities { code } }" }).to_string();
    app.send(request.body(body.into()).unwrap()).await.json()["extensions"].clone()
}

#[tokio::test]
async fn development_mode_shows_database_statements_and_production_does_not() {
    let query = json!({ "query": "{ listingSearch(where: {}) { nodes { id } } amenities { code } }" });
    let open = TestApp::new().await;
    let extensions = post(&open, OLDER, query.clone()).await.json()["extensions"]["sql"].clone();
    assert_eq!((extensions["statements"].as_u64(), extensions["rows"].as_u64()), (Some(1), Some(0)), "{extensions}");
    assert!(extensions["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{extensions}");
    assert_eq!(load_traced_extensions(&open).await["tracing"]["version"], 1);
    open.finish().await;

    let closed = TestApp::with(&["--mode=production"]).await;
    let extensions = post(&closed, OLDER, query).await.json()["extensions"].clone();
    assert!(extensions["requestId"].is_string() && extensions.get("sql").is_none(), "{extensions}");
    assert!(load_traced_extensions(&closed).await.get("tracing").is_none());
    closed.finish().await;
}

#[tokio::test]
async fn in_production_errors_suggest_no_names_and_there_is_no_playground() {
    let typo = json!({ "query": "{ listin(id: 1) { id } }" });
    let message = |answer: Answer| answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    let open = TestApp::new().await;
    assert!(message(post(&open, OLDER, typo.clone()).await).contains("listing"));
    assert_eq!(open.get("/graphiql").await.status, 200);
    open.finish().await;
    let closed = TestApp::with(&["--mode=production"]).await;
    let closed_message = message(post(&closed, OLDER, typo).await);
    assert!(!closed_message.contains("listing"), "{closed_message}");
    assert_eq!(closed.get("/graphiql").await.status, 404);
    let browser = Request::get("/").header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
    let root = closed.send(browser).await;
    assert_eq!(
        (root.status.as_u16(), root.json().get("playground")),
        (200, None),
        "no link to a playground that is switched off"
    );
    closed.finish().await;
}
