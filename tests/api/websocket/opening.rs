//! How a socket is opened, and who is let in.

use std::time::Duration;

use axum::http::HeaderName;
use axum::http::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};
use chrono::TimeDelta;
use roost::server::Limits;
use serde_json::{Value, json};

use super::{PROTOCOL, Socket, page, program};
use crate::client::{Nobody, Who};
use crate::harness::TestApp;
use crate::node::Node;

#[tokio::test]
async fn a_client_that_speaks_no_protocol_of_ours_is_closed_with_4406() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::ask(&node, &[]).await.ok().unwrap();
    assert_eq!(socket.closed().await.0, 4406);
    let both = [(SEC_WEBSOCKET_PROTOCOL, "graphql-ws, graphql-transport-ws")];
    drop(socket);
    let mut socket = Socket::ask(&node, &both).await.ok().unwrap();
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.hear().await["type"], "connection_ack", "one that speaks ours too is served");
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_connect() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (status, body) = Socket::ask(&node, &page("https://evil.example")).await.err().unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (403, &json!("CSRF_BLOCKED")));
    let own = format!("http://{}", node.address);
    assert!(Socket::ask(&node, &page(&own)).await.is_ok());
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_page_that_may_not_connect_asks_no_more_often_than_others() {
    let app = TestApp::with(&["--rate-limit=2"]).await;
    let node = Node::start(&app, Limits::default()).await;
    for status in [403, 403, 429] {
        assert_eq!(Socket::ask(&node, &page("https://evil.example")).await.err().unwrap().0, status);
    }
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_request_that_is_none_for_a_socket_is_told_so() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (status, body) = Socket::ask(&node, &[PROTOCOL, (SEC_WEBSOCKET_VERSION, "8")]).await.err().unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (400, &json!("BAD_REQUEST")));
    node.stopped().await;
    app.finish().await;
}

async fn ack(socket: &mut Socket, payload: Value) -> Value {
    socket.say(json!({ "type": "connection_init", "payload": payload })).await;
    socket.hear().await
}

async fn who(socket: &mut Socket) -> Value {
    socket.subscribe("who", "{ viewer { user { id } } }", json!({})).await;
    let who = socket.hear().await["payload"]["data"]["viewer"]["user"]["id"].clone();
    assert_eq!(socket.hear().await["type"], "complete");
    who
}

#[tokio::test]
async fn whoever_has_no_token_is_let_in_as_nobody() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    for payload in [Value::Null, json!({}), json!({ "Authorization": null, "other": 1 })] {
        let mut socket = Socket::open(&node).await;
        let ack = ack(&mut socket, payload).await;
        let id = ack["payload"]["requestId"].as_str().unwrap();
        assert!(id.starts_with("req_"), "{ack:#}");
        assert_eq!(ack, json!({ "type": "connection_ack", "payload": { "requestId": id } }));
        assert_eq!(who(&mut socket).await, Value::Null);
    }
    node.stopped().await;
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
        let ack = ack(&mut socket, json!({ name: guests })).await;
        assert_eq!(ack["payload"]["expiresAt"], "2027-01-05T12:15:00Z", "{ack:#}");
        assert_eq!(who(&mut socket).await, guest.id());
    }
    let mut socket = Socket::ask(&node, &program(&guests)).await.ok().unwrap();
    assert_eq!(ack(&mut socket, Value::Null).await["type"], "connection_ack");
    assert_eq!(who(&mut socket).await, guest.id());
    drop(socket);
    let mut socket = Socket::ask(&node, &program(&guests)).await.ok().unwrap();
    assert_eq!(ack(&mut socket, json!({ "Authorization": hosts })).await["type"], "connection_ack");
    assert_eq!(who(&mut socket).await, host.id(), "what is said last counts");
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_token_that_speaks_for_nobody_closes_with_4403() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let gone = guest.token(&app.app).unwrap();
    app.must(&guest, "sessionRevoke", json!({}), "__typename").await;
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
        socket.say(json!({ "type": "connection_init", "payload": { "Authorization": authorization } })).await;
        assert_eq!(socket.closed().await, (4403, reason.into()), "{authorization}");
    }
    let mut socket = Socket::ask(&node, &program("Bearer nonsense")).await.ok().unwrap();
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, (4403, invalid.into()));
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn whoever_does_not_say_who_they_are_in_time_is_closed_with_4408() {
    let app = TestApp::new().await;
    let limits = Limits { first_word: Duration::from_millis(20), ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let mut socket = Socket::open(&node).await;
    assert_eq!(socket.closed().await, (4408, "Connection initialisation timeout".into()));
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn nobody_has_more_sockets_than_may_be() {
    let app = TestApp::with(&["--trust-proxy=on"]).await;
    let limits = Limits { connections_per_address: 2, connections_per_person: 1, ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let ask = async |address: &str| {
        Socket::ask(&node, &[PROTOCOL, (HeaderName::from_static("x-forwarded-for"), address)]).await
    };
    let guest = app.guest().await;
    let init = json!({ "Authorization": format!("Bearer {}", guest.token(&app.app).unwrap()) });
    let mut first = ask("192.0.2.1").await.ok().unwrap();
    let mut second = ask("192.0.2.1").await.ok().unwrap();
    let (status, body) = ask("192.0.2.1").await.err().unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (429, &json!("RATE_LIMITED")));
    assert!(ask("192.0.2.2").await.is_ok());

    assert_eq!(ack(&mut first, init.clone()).await["type"], "connection_ack");
    second.say(json!({ "type": "connection_init", "payload": init })).await;
    assert_eq!(second.closed().await, (1013, "too many connections; close another one first".into()));
    first.0.close(None).await.unwrap();
    drop((first, second));
    // The server hears of the end a moment later.
    while ask("192.0.2.1").await.is_err() {}
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn opening_a_socket_counts_as_a_request() {
    let app = TestApp::with(&["--rate-limit=2"]).await;
    let node = Node::start(&app, Limits::default()).await;
    let _first = Socket::open(&node).await;
    let _second = Socket::open(&node).await;
    let (status, body) = Socket::ask(&node, &[PROTOCOL]).await.err().unwrap();
    assert_eq!((status, &body["errors"][0]["extensions"]["code"]), (429, &json!("RATE_LIMITED")));
    drop((_first, _second));
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn saying_who_one_is_twice_closes_with_4429() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, (4429, "Too many initialisation requests".into()));
    drop(socket);
    node.stopped().await;
    app.finish().await;
}
