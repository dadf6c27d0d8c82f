//! Cost budgets: charged before an operation runs, refilled over time, stated in every response, shared by all nodes.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{Anonymous, Answer, Caller};
use crate::harness::TestApp;

/// A budget of 100 points that refills by ten points a second. It is local to the process, so that it uses the test's
/// clock. Redis would use its own clock.
const LOCAL_BUDGET: [&str; 5] =
    ["--cost-budget=100", "--cost-refill=10", "--operation-cost=90", "--trust-proxy=on", "--redis-url="];

/// A query that costs `points`.
fn costing(points: usize) -> String {
    format!("{{ {} }}", "viewer { __typename } ".repeat(points))
}

async fn send_from(router: &Router, app: &TestApp, who: &impl Caller, address: &str, query: &str) -> Answer {
    let mut request =
        Request::post("/graphql").header(CONTENT_TYPE, "application/json").header("x-forwarded-for", address);
    if let Some(token) = who.token(&app.app) {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = json!({ "query": query }).to_string();
    crate::client::send(router, request.body(Body::from(body)).unwrap()).await
}

fn headers(answer: &Answer) -> [Option<&str>; 3] {
    ["ratelimit-policy", "ratelimit", "retry-after"]
        .map(|name| answer.headers.get(name).map(|value| value.to_str().unwrap()))
}

fn remaining(answer: &Answer) -> Option<u64> {
    answer.json()["extensions"]["cost"]["remaining"].as_u64()
}

#[tokio::test]
async fn every_response_states_its_cost_and_the_remaining_budget() {
    let app = TestApp::with(&LOCAL_BUDGET).await;
    let policy = Some("\"cost\";q=100;w=10");
    let first = send_from(&app.router, &app, &Anonymous, "192.0.2.1", &costing(35)).await;
    assert_eq!(headers(&first), [policy, Some("\"cost\";r=65;t=4"), None]);
    let cost = json!({ "requested": 35, "limit": 90, "remaining": 65, "resetAt": "2027-01-05T12:00:03.500Z" });
    assert_eq!(first.json()["extensions"]["cost"], cost);
    for query in ["{", "{ nothing }", "query A { __typename } query B { __typename }"] {
        let refused = send_from(&app.router, &app, &Anonymous, "192.0.2.1", query).await;
        assert_eq!(refused.json()["extensions"]["cost"]["requested"], 1, "a refused operation is charged too");
    }
    let response = send_from(
        &app.router,
        &app,
        &Anonymous,
        "192.0.2.1",
        "{ viewer { id } rateLimit { limit cost remaining resetAt } }",
    )
    .await;
    let expected = json!({ "limit": 100, "cost": 6, "remaining": 56, "resetAt": "2027-01-05T12:00:04.400Z" });
    assert_eq!(response.json()["data"]["rateLimit"], expected);
    app.finish().await;
}

#[tokio::test]
async fn a_client_without_budget_waits_until_it_is_refilled() {
    let app = TestApp::with(&LOCAL_BUDGET).await;
    let send_points =
        async |points: usize| send_from(&app.router, &app, &Anonymous, "192.0.2.1", &costing(points)).await;
    assert_eq!(send_points(80).await.status, 200);
    let refused = send_points(65).await;
    assert_eq!(refused.status, 429);
    assert_eq!(headers(&refused), [Some("\"cost\";q=100;w=10"), Some("\"cost\";r=20;t=5"), Some("5")]);
    let body = refused.json();
    assert!(body.get("data").is_none());
    assert_eq!(body["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    assert_eq!(body["errors"][0]["extensions"]["retryAfter"], 5);
    assert_eq!(body["extensions"]["cost"]["remaining"], 20, "an operation refused for its budget is not charged");
    app.advance(TimeDelta::milliseconds(4_400));
    assert_eq!(send_points(65).await.status, 429);
    app.advance(TimeDelta::milliseconds(100));
    let answer = send_points(65).await;
    assert_eq!((answer.status.as_u16(), remaining(&answer)), (200, Some(0)));
    app.advance(TimeDelta::hours(1));
    assert_eq!(remaining(&send_points(1).await), Some(99), "a budget is never above its limit");
    app.finish().await;
}

#[tokio::test]
async fn each_user_and_each_network_has_its_own_budget() {
    let app = TestApp::with(&LOCAL_BUDGET).await;
    let guest = app.guest().await;
    let other = app.guest().await;
    let query = costing(60);
    let networks = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"];
    for address in networks {
        assert_eq!(remaining(&send_from(&app.router, &app, &Anonymous, address, &query).await), Some(40), "{address}");
    }
    assert_eq!(
        send_from(&app.router, &app, &Anonymous, "2001:db8::2", &query).await.status,
        429,
        "a /64 network shares one budget"
    );
    assert_eq!(remaining(&send_from(&app.router, &app, &guest, "192.0.2.1", &query).await), Some(40));
    assert_eq!(
        send_from(&app.router, &app, &guest, "192.0.2.9", &query).await.status,
        429,
        "a user has one budget at all addresses"
    );
    assert_eq!(remaining(&send_from(&app.router, &app, &other, "192.0.2.1", &query).await), Some(40));
    app.finish().await;
}

#[tokio::test]
async fn without_a_budget_only_the_cost_is_reported() {
    let app = TestApp::new().await;
    let answer =
        send_from(&app.router, &app, &Anonymous, "192.0.2.1", "{ viewer { id } rateLimit { remaining } }").await;
    assert_eq!(headers(&answer), [None, None, None]);
    let body = answer.json();
    assert_eq!(body["data"]["rateLimit"], Value::Null);
    let cost = json!({ "requested": 3, "limit": 20_000, "remaining": null, "resetAt": null });
    assert_eq!(body["extensions"]["cost"], cost);
    app.finish().await;
}

#[tokio::test]
async fn nodes_share_a_budget_through_redis_and_have_separate_ones_without_it() {
    let app = TestApp::with(&["--cost-budget=100", "--cost-refill=1", "--operation-cost=90", "--trust-proxy=on"]).await;
    let (_, second) = app.second_node().await;
    let guest = app.guest().await;
    let query = costing(60);
    let first = send_from(&app.router, &app, &guest, "192.0.2.1", &query).await;
    assert_eq!(remaining(&first), Some(40));
    let elsewhere = send_from(&second, &app, &guest, "192.0.2.1", &query).await;
    let expected = if app.redis.is_some() { 429 } else { 200 };
    assert_eq!(elsewhere.status, expected);
    app.finish().await;
}

#[tokio::test]
async fn a_budget_is_enforced_while_redis_is_down() {
    // No process listens on the discard port.
    let redis_down = "--redis-url=redis://127.0.0.1:9";
    let app = TestApp::with(&[&LOCAL_BUDGET[..4], &[redis_down]].concat()).await;
    let query = costing(60);
    assert_eq!(remaining(&send_from(&app.router, &app, &Anonymous, "192.0.2.1", &query).await), Some(40));
    assert_eq!(send_from(&app.router, &app, &Anonymous, "192.0.2.1", &query).await.status, 429);
    app.finish().await;
}
