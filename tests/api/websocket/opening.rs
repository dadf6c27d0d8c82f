//! Opening a socket: subprotocol, origin, authentication and limits.

use std::time::Duration;

use axum::http::HeaderName;
use axum::http::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};
use chrono::TimeDelta;
use roost::server::Limits;
use serde_json::{Value, json};

use super::{PROTOCOL, Socket, headers_with_authorization, headers_with_origin};
use crate::client::{Anonymous, Caller};
use crate::harness::TestApp;
use crate::live_server::Node;

#[tokio::test]
async fn an_unknown_subprotocol_closes_with_4406() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::connect(&node, &[]).await.ok().unwrap();
    assert_eq!(socket.close_reason().await.0, 4406);
    let both = [(SEC_WEBSOCKET_PROTOCOL, "graphql-ws, graphql-transport-ws")];
    drop(socket);
    let mut socket = Socket::connect(&node, &both).await.ok().unwrap();
    socket.send_json(json!({ "type": "connection_init" })).await;
    assert_eq!(
        socket.receive().await["type"],
        "connection_ack",
        "a client that also offers our subprotocol is accepted"
    );
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_connect() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (status, body) = Socket::connect(&node, &headers_with_origin("https://evil.example")).await.err().unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (403, &json!("CSRF_BLOCKED")));
    let own = format!("http://{}", node.address);
    assert!(Socket::connect(&node, &headers_with_origin(&own)).await.is_ok());
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn refused_origins_count_against_the_rate_limit() {
    let app = TestApp::with(&["--rate-limit=2"]).await;
    let node = Node::start(&app, Limits::default()).await;
    for status in [403, 403, 429] {
        assert_eq!(Socket::connect(&node, &headers_with_origin("https://evil.example")).await.err().unwrap().0, status);
    }
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_request_without_an_upgrade_gets_an_error() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (status, body) = Socket::connect(&node, &[PROTOCOL, (SEC_WEBSOCKET_VERSION, "8")]).await.err().unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (400, &json!("BAD_REQUEST")));
    node.shut_down().await;
    app.finish().await;
}

async fn initialize(socket: &mut Socket, payload: Value) -> Value {
    socket.send_json(json!({ "type": "connection_init", "payload": payload })).await;
    socket.receive().await
}

async fn viewer_id(socket: &mut Socket) -> Value {
    socket.subscribe("viewer", "{ viewer { user { id } } }", json!({})).await;
    let id = socket.receive().await["payload"]["data"]["viewer"]["user"]["id"].clone();
    assert_eq!(socket.receive().await["type"], "complete");
    id
}

#[tokio::test]
async fn a_client_without_a_token_connects_anonymously() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    for payload in [Value::Null, json!({}), json!({ "Authorization": null, "other": 1 })] {
        let mut socket = Socket::open(&node).await;
        let ack = initialize(&mut socket, payload).await;
        let id = ack["payload"]["requestId"].as_str().unwrap();
        assert!(id.starts_with("req_"), "{ack:#}");
        assert_eq!(ack, json!({ "type": "connection_ack", "payload": { "requestId": id } }));
        assert_eq!(viewer_id(&mut socket).await, Value::Null);
    }
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_token_is_taken_from_the_first_message_or_from_the_request_itself() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (guest, host) = (app.guest().await, app.host().await);
    let bearer = |token: Option<String>| format!("Bearer {}", token.unwrap());
    let (guests, hosts) = (bearer(guest.token(&app.app)), bearer(host.token(&app.app)));
    for name in ["Authorization", "authorization"] {
        let mut socket = Socket::open(&node).await;
        let ack = initialize(&mut socket, json!({ name: guests })).await;
        assert_eq!(ack["payload"]["expiresAt"], "2027-01-05T12:15:00.000Z", "{ack:#}");
        assert_eq!(viewer_id(&mut socket).await, guest.id());
    }
    let mut socket = Socket::connect(&node, &headers_with_authorization(&guests)).await.ok().unwrap();
    assert_eq!(initialize(&mut socket, Value::Null).await["type"], "connection_ack");
    assert_eq!(viewer_id(&mut socket).await, guest.id());
    drop(socket);
    let mut socket = Socket::connect(&node, &headers_with_authorization(&guests)).await.ok().unwrap();
    assert_eq!(initialize(&mut socket, json!({ "Authorization": hosts })).await["type"], "connection_ack");
    assert_eq!(viewer_id(&mut socket).await, host.id(), "the token of the first message takes precedence");
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_token_closes_with_4403() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let gone = guest.token(&app.app).unwrap();
    app.mutate_ok(&guest, "sessionRevoke", json!({}), "__typename").await;
    let now = app.clock.now();
    let other = app.guest().await;
    let old = app.keys.sign_access(other.user, other.session, now - TimeDelta::hours(1), now).unwrap();
    let invalid = "the access token is not valid any more";
    let scheme = "the authorization must be `Bearer` and a token";
    for (authorization, reason) in [
        (json!("Bearer nonsense"), invalid),
        (json!(format!("Bearer {gone}")), invalid),
        (json!(format!("Bearer {old}")), invalid),
        (json!("Basic YTpi"), scheme),
        (json!("nonsense"), scheme),
        (json!(7), scheme),
    ] {
        let mut socket = Socket::open(&node).await;
        socket.send_json(json!({ "type": "connection_init", "payload": { "Authorization": authorization } })).await;
        assert_eq!(socket.close_reason().await, (4403, reason.into()), "{authorization}");
    }
    let mut socket = Socket::connect(&node, &headers_with_authorization("Bearer nonsense")).await.ok().unwrap();
    socket.send_json(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.close_reason().await, (4403, invalid.into()));
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_missing_connection_init_closes_with_4408() {
    let app = TestApp::new().await;
    let limits = Limits { init_timeout: Duration::from_millis(20), ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let mut socket = Socket::open(&node).await;
    assert_eq!(socket.close_reason().await, (4408, "Connection initialisation timeout".into()));
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn the_number_of_sockets_is_limited() {
    let app = TestApp::with(&["--trust-proxy=on"]).await;
    let limits = Limits { connections_per_address: 2, connections_per_user: 1, ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let connect = async |address: &str| {
        Socket::connect(&node, &[PROTOCOL, (HeaderName::from_static("x-forwarded-for"), address)]).await
    };
    let guest = app.guest().await;
    let init = json!({ "Authorization": format!("Bearer {}", guest.token(&app.app).unwrap()) });
    let mut first = connect("192.0.2.1").await.ok().unwrap();
    let mut second = connect("192.0.2.1").await.ok().unwrap();
    let (status, body) = connect("192.0.2.1").await.err().unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (429, &json!("RATE_LIMITED")));
    assert!(connect("192.0.2.2").await.is_ok());

    assert_eq!(initialize(&mut first, init.clone()).await["type"], "connection_ack");
    second.send_json(json!({ "type": "connection_init", "payload": init })).await;
    assert_eq!(second.close_reason().await, (1013, "too many connections; close another one first".into()));
    first.0.close(None).await.unwrap();
    drop((first, second));
    // The server notices the closed sockets with a short delay.
    while connect("192.0.2.1").await.is_err() {}
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn opening_a_socket_counts_as_a_request() {
    let app = TestApp::with(&["--rate-limit=2"]).await;
    let node = Node::start(&app, Limits::default()).await;
    let _first = Socket::open(&node).await;
    let _second = Socket::open(&node).await;
    let (status, body) = Socket::connect(&node, &[PROTOCOL]).await.err().unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (429, &json!("RATE_LIMITED")));
    drop((_first, _second));
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_second_connection_init_closes_with_4429() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
    socket.send_json(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.close_reason().await, (4429, "Too many initialisation requests".into()));
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}
