//! The HTTP endpoints: health, methods, media types, sizes and rate limits.

use axum::body::Body;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::http::{Method, Request};
use serde_json::json;

use crate::client::{Anonymous, Answer, Caller};
use crate::harness::TestApp;

async fn post(app: &TestApp, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post("/graphql").header(CONTENT_TYPE, content_type).body(body.into()).unwrap();
    app.send(request).await
}

fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or("none").to_owned();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn the_health_endpoints_report_live_and_ready() {
    let app = TestApp::new().await;
    let live = app.get("/health/live").await;
    assert_eq!((live.status.as_u16(), live.json()), (200, json!({ "status": "live" })));
    let ready = app.get("/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.json()), (200, json!({ "database": "up", "cache": "up" })));
    app.finish().await;
}

#[tokio::test]
async fn without_a_database_the_process_is_live_but_not_ready() {
    let app = TestApp::new().await;
    let (other, router) = app.second_node().await;
    other.db.close().await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let ready = crate::client::send(&router, get("/health/ready")).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["database"]), (503, &json!("down")));
    assert_eq!(crate::client::send(&router, get("/health/live")).await.status, 200);
    let answer = crate::client::send(
        &router,
        crate::client::graphql_request(None, "{ listingSearch(where: {}) { totalCount } }", &json!({})),
    )
    .await;
    assert_eq!(code(&answer), (200, "INTERNAL".into()));
    assert_eq!(answer.json()["errors"][0]["message"], "internal error", "the cause is not disclosed");
    app.finish().await;
}

#[tokio::test]
async fn a_query_may_be_sent_by_get_and_a_mutation_may_not() {
    let app = TestApp::new().await;
    let by_get = |query: &str| Request::get(format!("/graphql?query={query}")).header(ACCEPT, "application/json");
    let query = app.send(by_get("%7B__typename%7D").body(Body::empty()).unwrap()).await;
    assert_eq!((query.status.as_u16(), &query.json()["data"]), (200, &json!({ "__typename": "Query" })));
    let host = app.guest().await;
    let token = host.token(&app.app).unwrap();
    for document in [
        "mutation%7BuserBecomeHost%7B__typename%7D%7D",
        "query%20A%7B__typename%7Dmutation%20B%7BuserBecomeHost%7B__typename%7D%7D&operationName=B",
    ] {
        let request = by_get(document).header(AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap();
        assert_eq!(code(&app.send(request).await), (405, "METHOD_NOT_ALLOWED".into()));
    }
    assert_eq!(app.count("\"user\" WHERE is_host = $1", [true.into()]).await, 0);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let request = Request::builder().method(method).uri("/graphql").body(Body::empty()).unwrap();
        assert_eq!(code(&app.send(request).await), (405, "METHOD_NOT_ALLOWED".into()));
    }
    app.finish().await;
}

#[tokio::test]
async fn bodies_that_a_foreign_page_could_send_are_refused() {
    let app = TestApp::new().await;
    let body = json!({ "query": "{ __typename }" }).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        assert_eq!(code(&post(&app, kind, body.clone()).await), (415, "UNSUPPORTED_MEDIA_TYPE".into()), "{kind}");
    }
    assert_eq!(post(&app, "application/json; charset=utf-8", body.clone()).await.status, 200);
    let twice = Request::post("/graphql").header(CONTENT_TYPE, "application/json").header(CONTENT_TYPE, "text/plain");
    assert_eq!(code(&app.send(twice.body(body.into()).unwrap()).await), (400, "BAD_REQUEST".into()));
    app.finish().await;
}

#[tokio::test]
async fn bodies_that_cannot_be_parsed_get_an_error() {
    let app = TestApp::new().await;
    for body in ["", "{", "[]", "null", "{}", r#"{"query":7}"#, r#"{"query":"{ __typename }","variables":7}"#] {
        assert_eq!(code(&post(&app, "application/json", body).await), (400, "BAD_REQUEST".into()), "{body}");
    }
    let wrong_type = post(&app, "application/json", r#"{"query":"{ a }","variables":7}"#).await;
    assert_eq!(wrong_type.json()["errors"][0]["message"], "`variables` must be a JSON object");
    let huge = json!({ "query": format!("{{ __typename }} #{}", "x".repeat(300_000)) }).to_string();
    let huge = post(&app, "application/json", huge).await;
    assert_eq!(code(&huge), (413, "PAYLOAD_TOO_LARGE".into()));
    assert_eq!(huge.headers["connection"], "close", "the rest of the body is not read");
    assert_eq!(huge.json()["errors"][0]["extensions"]["limit"], json!({ "name": "bytes", "max": 262_144 }));
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_query_is_refused_with_its_error() {
    let app = TestApp::new().await;
    for query in ["{ nothing }", "{ listing }", "{", "query($x: Int!) { viewer { id } }", "{ viewer { id(x: 1) } }"] {
        let answer = app.post(&Anonymous, query, json!({})).await;
        let expected = if query == "{" { "GRAPHQL_PARSE_FAILED" } else { "GRAPHQL_VALIDATION_FAILED" };
        assert_eq!(code(&answer), (200, expected.into()), "{query}");
        assert!(answer.json().get("data").is_none(), "{query}");
    }
    let request = Request::post("/graphql")
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/graphql-response+json")
        .body(Body::from(json!({ "query": "{ nothing }" }).to_string()))
        .unwrap();
    assert_eq!(app.send(request).await.status, 400, "the newer media type has the error in the status");
    app.finish().await;
}

#[tokio::test]
async fn a_mutation_selected_twice_under_one_key_runs_once() {
    let app = TestApp::new().await;
    let host = app.host().await;
    let query = "mutation { listingCreate(listing: {}) { listing { id } } ...A } \
                 fragment A on Mutation { listingCreate(listing: {}) { userErrors { code } } }";
    let body = app.post(&host, query, json!({})).await.json();
    assert!(body.get("errors").is_none(), "{body:#}");
    let payload = &body["data"]["listingCreate"];
    assert!(payload["listing"]["id"].is_string() && payload["userErrors"] == json!([]), "{body:#}");
    assert_eq!(app.count("listing", []).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn other_authorization_schemes_than_bearer_are_challenged() {
    let app = TestApp::new().await;
    for (header, challenge) in
        [("Basic YTpi", "Bearer"), ("Bearer", "Bearer"), ("Bearer nonsense", "Bearer error=\"invalid_token\"")]
    {
        let request = Request::post("/graphql")
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, header)
            .body(Body::from(json!({ "query": "{ __typename }" }).to_string()))
            .unwrap();
        let answer = app.send(request).await;
        assert_eq!(answer.status, 401, "{header}");
        assert_eq!(answer.headers[WWW_AUTHENTICATE], challenge);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_root_redirects_browsers_to_the_playground_and_lists_endpoints() {
    let app = TestApp::new().await;
    let request = Request::get("/").header(ACCEPT, "text/html,*/*").body(Body::empty()).unwrap();
    let answer = app.send(request).await;
    assert_eq!((answer.status.as_u16(), &answer.headers[LOCATION]), (307, &"/graphiql".parse().unwrap()));
    assert_eq!(app.get("/").await.json()["graphql"], "/graphql");
    let page = app.get("/graphiql").await;
    assert_eq!(page.status, 200);
    assert!(page.text().to_lowercase().contains("<!doctype html>"));
    let nowhere = app.get("/nowhere").await;
    assert_eq!(code(&nowhere), (404, "NOT_FOUND".into()));
    assert_eq!(nowhere.json()["extensions"]["requestId"], nowhere.headers["x-request-id"].to_str().unwrap());
    app.finish().await;
}

#[tokio::test]
async fn every_response_has_a_request_id() {
    let app = TestApp::new().await;
    let answers = [app.get("/health/live").await, app.post(&Anonymous, "{ __typename }", json!({})).await];
    let ids = answers.map(|answer| answer.headers["x-request-id"].to_str().unwrap().to_owned());
    assert!(ids.iter().all(|id| id.starts_with("req_")) && ids[0] != ids[1], "{ids:?}");
    app.finish().await;
}

#[tokio::test]
async fn too_many_requests_get_429_with_retry_after() {
    let app = TestApp::with(&["--rate-limit=3", "--trust-proxy=on"]).await;
    let post = async |address: &str| {
        let request = Request::post("/graphql")
            .header(CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", address)
            .body(Body::from(json!({ "query": "{ __typename }" }).to_string()))
            .unwrap();
        app.send(request).await
    };
    assert_eq!(post("192.0.2.1").await.status, 200);
    let unacceptable = Request::get("/graphql").header("x-forwarded-for", "192.0.2.1").header(ACCEPT, "text/html");
    let unacceptable = app.send(unacceptable.body(Body::empty()).unwrap()).await;
    assert_eq!(unacceptable.status, 406, "a request that is not acceptable counts too");
    let nonsense =
        Request::post("/graphql").header("x-forwarded-for", "192.0.2.1").body(Body::from("nonsense")).unwrap();
    assert_eq!(app.send(nonsense).await.status, 415, "a request with an unsupported body counts too");
    let refused = post("192.0.2.1").await;
    assert_eq!(code(&refused), (429, "RATE_LIMITED".into()));
    assert_eq!(refused.json()["errors"][0]["extensions"]["retryAfter"], 20);
    let header = |name: &str| refused.headers[name].to_str().unwrap();
    assert_eq!(header("ratelimit-policy"), "\"requests\";q=3;w=60");
    assert_eq!((header("ratelimit"), header("retry-after")), ("\"requests\";r=0;t=20", "20"));
    assert_eq!(post("192.0.2.2").await.status, 200);
    assert_eq!(post("192.0.2.2, 192.0.2.1").await.status, 429, "the address added by the proxy is the last one");
    app.finish().await;
}
