//! Operations over a WebSocket: their responses, errors and limits.

use roost::server::Limits;
use serde_json::json;

use super::Socket;
use crate::client::{Anonymous, document_with};
use crate::harness::TestApp;
use crate::live_server::Node;

#[tokio::test]
async fn a_query_gets_one_response_and_its_id_becomes_free() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::open(&node).await;
    socket.send_json(json!({ "type": "connection_init" })).await;
    let connection = socket.receive().await["payload"]["requestId"].as_str().unwrap().to_owned();
    for number in 1..=3 {
        let payload = json!({ "query": "query A { __typename } query B { b: __typename }", "operationName": "B" });
        socket.send_json(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        let mut next = socket.receive().await;
        let request = next["payload"]["extensions"]["requestId"].take();
        assert_eq!(request, format!("{connection}/{number}"), "every operation has its own request ID");
        assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("1")));
        assert_eq!(next["payload"]["data"], json!({ "b": "Query" }));
        assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "1" }));
    }
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_mutation_runs_once_under_its_own_key() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let mut socket = Socket::initialized(&app, &node, &guest).await;
    let query = document_with("userBecomeHost", &json!({}), "viewer { user { id } }", Some("key-of-one-socket"));
    for replayed in [false, true] {
        socket.subscribe("m", &query, json!({})).await;
        let next = socket.receive().await;
        assert_eq!(next["payload"]["data"]["userBecomeHost"]["viewer"]["user"]["id"], guest.id(), "{next:#}");
        assert_eq!(next["payload"]["extensions"]["idempotency"]["userBecomeHost"]["replayed"], replayed, "{next:#}");
        assert_eq!(socket.receive().await["type"], "complete");
    }
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_refused_operation_is_one_error_and_nothing_else() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
    let wide: String = (0..200).map(|n| format!("a{n}: __typename ")).collect();
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($x: Int!) { viewer { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { hostBookingChanged { id } }", "UNAUTHENTICATED"),
    ] {
        socket.subscribe("x", query, json!({})).await;
        assert_eq!(socket.error_code("x").await, code, "{query}");
        socket.assert_open().await;
    }
    socket.subscribe("x", &format!("{{ {wide} }}"), json!({})).await;
    assert_eq!(socket.receive().await["type"], "error", "the limits of documents apply to sockets too");
    socket.assert_open().await;
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_response_with_data_and_errors_is_a_next_message() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
    for query in ["{ __typename user(id: \"wrong\") { id } }", "{ nodes(ids: [\"wrong\"]) { id } }"] {
        socket.subscribe("x", query, json!({})).await;
        let next = socket.receive().await;
        assert_eq!(next["type"], "next", "{next:#}");
        assert_eq!(next["payload"]["errors"][0]["extensions"]["code"], "INVALID", "{next:#}");
        assert!(next["payload"].as_object().unwrap().contains_key("data"), "{next:#}");
        assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "x" }));
    }
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn concurrent_operations_are_answered_under_their_own_ids() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let mut socket = Socket::initialized(&app, &node, &guest).await;
    for id in 0..20 {
        socket.subscribe(&id.to_string(), &format!("{{ viewer {{ user {{ a{id}: id }} }} }}"), json!({})).await;
    }
    let mut received = Vec::new();
    for _ in 0..40 {
        let message = socket.receive().await;
        let id: usize = message["id"].as_str().unwrap().parse().unwrap();
        if message["type"] == "next" {
            assert_eq!(message["payload"]["data"]["viewer"]["user"], json!({ format!("a{id}"): guest.id() }));
        }
        received.push((id, message["type"].as_str().unwrap().to_owned()));
    }
    for id in 0..20 {
        let kinds: Vec<&str> = received.iter().filter(|(of, _)| *of == id).map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(kinds, ["next", "complete"], "{id}");
    }
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn the_number_of_concurrent_operations_of_a_socket_is_limited() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { operations: 2, ..Limits::default() }).await;
    let host = app.host().await;
    let mut socket = Socket::initialized(&app, &node, &host).await;
    for id in ["1", "2", "3"] {
        socket.subscribe(id, "subscription { hostBookingChanged { id } }", json!({})).await;
    }
    assert_eq!(socket.error_code("3").await, "RATE_LIMITED");
    socket.send_json(json!({ "type": "complete", "id": "1" })).await;
    socket.assert_open().await;
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn every_message_counts_against_the_rate_limit_of_its_address() {
    let app = TestApp::with(&["--rate-limit=4"]).await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!([socket.receive().await["type"].take(), socket.receive().await["type"].take()], ["next", "complete"]);
    socket.send_json(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await["type"], "pong");
    socket.subscribe("2", "{ __typename }", json!({})).await;
    let refused = socket.receive().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("2")));
    let extensions = &refused["payload"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{refused:#}");
    assert!(extensions["retryAfter"].as_u64().is_some_and(|seconds| seconds >= 1), "{refused:#}");
    socket.send_json(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await["type"], "pong", "the socket stays open");
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_ping_gets_a_pong_with_its_payload_and_a_pong_gets_nothing() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::open(&node).await;
    for payload in [None, Some(json!({})), Some(json!({ "at": [1, null, "x"] }))] {
        let mut ping = json!({ "type": "ping" });
        let mut pong = json!({ "type": "pong" });
        if let Some(payload) = payload {
            ping["payload"] = payload.clone();
            pong["payload"] = payload;
        }
        socket.send_json(json!({ "type": "pong", "payload": { "unsolicited": true } })).await;
        socket.send_json(ping).await;
        assert_eq!(socket.receive().await, pong);
    }
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn an_operation_that_panics_is_one_coded_error_and_the_socket_stays_open() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
    // At the maximum of the clock, computing an expiry overflows, and the resolver panics.
    app.app.clock.set(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    let user = json!({ "email": "p@example.com", "password": "a long password", "displayName": "P" });
    let query = document_with("userRegister", &json!({ "user": user }), "__typename", None);
    socket.subscribe("broken", &query, json!({ "user": user })).await;
    assert_eq!(socket.error_code("broken").await, "INTERNAL");
    app.set(crate::harness::START);
    socket.assert_open().await;
    assert_eq!(app.count("\"user\"", Vec::<sea_orm::Value>::new()).await, 0);
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_completed_operation_sends_nothing_more() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
    for id in 0..20 {
        socket.subscribe(&id.to_string(), "{ amenities { __typename } }", json!({})).await;
        socket.send_json(json!({ "type": "complete", "id": id.to_string() })).await;
        socket.send_json(json!({ "type": "ping", "payload": { "after": id } })).await;
        loop {
            let message = socket.receive().await;
            if message["type"] == "pong" {
                assert_eq!(message["payload"], json!({ "after": id }));
                break;
            }
        }
        socket.send_json(json!({ "type": "complete", "id": "unknown" })).await;
        socket.assert_open().await;
    }
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}
