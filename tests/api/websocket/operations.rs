//! What operations come to over a socket.

use roost::server::Limits;
use serde_json::json;

use super::Socket;
use crate::client::{Nobody, document_with};
use crate::harness::TestApp;
use crate::node::Node;

#[tokio::test]
async fn a_query_is_answered_once_and_its_id_is_free_again() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::open(&node).await;
    socket.say(json!({ "type": "connection_init" })).await;
    let connection = socket.hear().await["payload"]["requestId"].as_str().unwrap().to_owned();
    for number in 1..=3 {
        let payload = json!({ "query": "query A { __typename } query B { b: __typename }", "operationName": "B" });
        socket.say(json!({ "type": "subscribe", "id": "again", "payload": payload })).await;
        let mut next = socket.hear().await;
        let request = next["payload"]["extensions"]["requestId"].take();
        assert_eq!(request, format!("{connection}/{number}"), "every operation has a request id of its own");
        assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("again")));
        assert_eq!(next["payload"]["data"], json!({ "b": "Query" }));
        assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "again" }));
    }
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_mutation_is_done_once_and_under_its_own_key() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let mut socket = Socket::welcomed(&app, &node, &guest).await;
    let query = document_with("userBecomeHost", &json!({}), "viewer { user { id } }", Some("key-of-one-socket"));
    for replayed in [false, true] {
        socket.subscribe("m", &query, json!({})).await;
        let next = socket.hear().await;
        assert_eq!(next["payload"]["data"]["userBecomeHost"]["viewer"]["user"]["id"], guest.id(), "{next:#}");
        assert_eq!(next["payload"]["extensions"]["idempotency"]["userBecomeHost"]["replayed"], replayed, "{next:#}");
        assert_eq!(socket.hear().await["type"], "complete");
    }
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_refused_operation_is_one_error_and_nothing_else() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
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
        assert_eq!(socket.refusal("x").await, code, "{query}");
        socket.lives().await;
    }
    socket.subscribe("x", &format!("{{ {wide} }}"), json!({})).await;
    assert_eq!(socket.hear().await["type"], "error", "limits hold here too");
    socket.lives().await;
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn an_answer_with_errors_beside_its_data_is_an_answer() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
    for query in ["{ __typename user(id: \"wrong\") { id } }", "{ nodes(ids: [\"wrong\"]) { id } }"] {
        socket.subscribe("x", query, json!({})).await;
        let next = socket.hear().await;
        assert_eq!(next["type"], "next", "{next:#}");
        assert_eq!(next["payload"]["errors"][0]["extensions"]["code"], "INVALID", "{next:#}");
        assert!(next["payload"].as_object().unwrap().contains_key("data"), "{next:#}");
        assert_eq!(socket.hear().await, json!({ "type": "complete", "id": "x" }));
    }
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn operations_at_the_same_time_are_answered_each_under_its_own_id() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let mut socket = Socket::welcomed(&app, &node, &guest).await;
    for id in 0..20 {
        socket.subscribe(&id.to_string(), &format!("{{ viewer {{ user {{ a{id}: id }} }} }}"), json!({})).await;
    }
    let mut said = Vec::new();
    for _ in 0..40 {
        let message = socket.hear().await;
        let id: usize = message["id"].as_str().unwrap().parse().unwrap();
        if message["type"] == "next" {
            assert_eq!(message["payload"]["data"]["viewer"]["user"], json!({ format!("a{id}"): guest.id() }));
        }
        said.push((id, message["type"].as_str().unwrap().to_owned()));
    }
    for id in 0..20 {
        let of_it: Vec<&str> = said.iter().filter(|(of, _)| *of == id).map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(of_it, ["next", "complete"], "{id}");
    }
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn one_socket_runs_only_so_many_operations_at_a_time() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { operations: 2, ..Limits::default() }).await;
    let host = app.host().await;
    let mut socket = Socket::welcomed(&app, &node, &host).await;
    for id in ["1", "2", "3"] {
        socket.subscribe(id, "subscription { hostBookingChanged { id } }", json!({})).await;
    }
    assert_eq!(socket.refusal("3").await, "RATE_LIMITED");
    socket.say(json!({ "type": "complete", "id": "1" })).await;
    socket.lives().await;
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn every_message_counts_among_the_requests_of_its_address() {
    let app = TestApp::with(&["--rate-limit=4"]).await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!([socket.hear().await["type"].take(), socket.hear().await["type"].take()], ["next", "complete"]);
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong");
    socket.subscribe("2", "{ __typename }", json!({})).await;
    let refused = socket.hear().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("2")));
    let extensions = &refused["payload"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{refused:#}");
    assert!(extensions["retryAfter"].as_u64().is_some_and(|seconds| seconds >= 1), "{refused:#}");
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong", "the socket goes on");
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_ping_is_answered_with_what_it_carried_and_a_pong_is_not() {
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
        socket.say(json!({ "type": "pong", "payload": { "unasked": true } })).await;
        socket.say(ping).await;
        assert_eq!(socket.hear().await, pong);
    }
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn an_operation_that_breaks_is_one_coded_error_and_the_socket_lives() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
    // At the end of time nothing can be made to expire later, and the resolver panics.
    app.app.clock.set(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    let user = json!({ "email": "p@example.com", "password": "a long password", "displayName": "P" });
    let query = document_with("userRegister", &json!({ "user": user }), "__typename", None);
    socket.subscribe("broken", &query, json!({ "user": user })).await;
    assert_eq!(socket.refusal("broken").await, "INTERNAL");
    app.set(crate::harness::START);
    socket.lives().await;
    assert_eq!(app.count("\"user\"", Vec::<sea_orm::Value>::new()).await, 0);
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn what_a_client_ends_says_nothing_more() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
    for id in 0..20 {
        socket.subscribe(&id.to_string(), "{ amenities { __typename } }", json!({})).await;
        socket.say(json!({ "type": "complete", "id": id.to_string() })).await;
        socket.say(json!({ "type": "ping", "payload": { "after": id } })).await;
        loop {
            let message = socket.hear().await;
            if message["type"] == "pong" {
                assert_eq!(message["payload"], json!({ "after": id }));
                break;
            }
        }
        socket.say(json!({ "type": "complete", "id": "unknown" })).await;
        socket.lives().await;
    }
    drop(socket);
    node.stopped().await;
    app.finish().await;
}
