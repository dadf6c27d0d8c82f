//! What ends a socket: expired tokens, revoked sessions, clients that disconnect or do not read, and a stopping server.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use roost::server::Limits;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::Socket;
use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::live_server::{Node, wait_for_listeners};
use crate::waiting::TIMEOUT;

const HOST_BOOKING_CHANGED: &str = "subscription { hostBookingChanged { toState } }";

#[tokio::test]
async fn the_end_of_the_token_closes_with_4403() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, now) = (app.host().await, app.clock.now());
    let soon = app.keys.sign_access(host.user, host.session, now, now + TimeDelta::seconds(1)).unwrap();
    let mut socket = Socket::initialized(&app, &node, soon.as_str()).await;
    socket.subscribe("1", HOST_BOOKING_CHANGED, json!({})).await;
    assert_eq!(
        socket.close_reason().await,
        (4403, "token expired".into()),
        "the socket is closed without a message of the client"
    );
    wait_for_listeners(&app, 0).await;

    drop(socket);
    let mut socket = Socket::initialized(&app, &node, &host).await;
    app.advance(TimeDelta::minutes(15));
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(
        socket.close_reason().await,
        (4403, "token expired".into()),
        "no operation is executed with an expired token"
    );
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn the_end_of_the_session_closes_with_4403() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, other) = (app.host().await, app.host().await);
    let idle = Socket::initialized(&app, &node, &host).await;
    let mut busy = Socket::initialized(&app, &node, &host).await;
    let mut others = Socket::initialized(&app, &node, &other).await;
    busy.subscribe("1", HOST_BOOKING_CHANGED, json!({})).await;
    wait_for_listeners(&app, 5).await;
    app.mutate_ok(&host, "sessionRevoke", json!({}), "__typename").await;
    for mut socket in [idle, busy] {
        assert_eq!(socket.close_reason().await, (4403, "token expired".into()));
    }
    others.assert_open().await;
    wait_for_listeners(&app, 1).await;
    drop(others);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn new_permissions_apply_from_the_next_operation() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let mut socket = Socket::initialized(&app, &node, &guest).await;
    socket.subscribe("1", HOST_BOOKING_CHANGED, json!({})).await;
    assert_eq!(socket.error_code("1").await, "FORBIDDEN");
    app.mutate_ok(&guest, "userBecomeHost", json!({}), "__typename").await;
    socket.subscribe("1", HOST_BOOKING_CHANGED, json!({})).await;
    wait_for_listeners(&app, 3).await;
    socket.assert_open().await;
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_ignores_pings_is_disconnected() {
    let app = TestApp::new().await;
    let limits = Limits { heartbeat: Duration::from_millis(100), ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let host = app.host().await;
    let mut unresponsive = Socket::initialized(&app, &node, &host).await;
    unresponsive.subscribe("1", HOST_BOOKING_CHANGED, json!({})).await;
    let mut responsive = Socket::initialized(&app, &node, &host).await;
    // Reading a socket answers its pings. The other socket is not read meanwhile.
    for _ in 0..4 {
        let ping = timeout(TIMEOUT, responsive.0.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(ping, Message::Ping(Vec::new().into()));
    }
    responsive.assert_open().await;
    assert_eq!(unresponsive.close_reason().await, (1013, "no answer to a ping; connect again".into()));
    drop((unresponsive, responsive));
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_with_a_reason() {
    let app = TestApp::new().await;
    let limits = Limits { write_timeout: Duration::from_millis(200), operations: 2_000, ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let host = app.host().await;
    let mut socket = Socket::with_small_buffer(&app, &node, &host).await;
    socket.subscribe("events", HOST_BOOKING_CHANGED, json!({})).await;
    wait_for_listeners(&app, 3).await;
    // The responses exceed the buffers between server and client.
    let all = "{ __schema { types { name description fields { name description args { name description } } } } }";
    for id in 0..100 {
        socket.subscribe(&id.to_string(), all, json!({})).await;
    }
    wait_for_listeners(&app, 0).await;
    let end = loop {
        match timeout(TIMEOUT, socket.0.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => break frame,
            Some(Ok(_)) => {}
            other => panic!("the socket ended without a close frame: {other:?}"),
        }
    };
    let end = end.unwrap();
    assert_eq!((u16::from(end.code), end.reason.as_str().split(':').next()), (1013, Some("SLOW_CONSUMER")));
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_delays_no_other() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { write_timeout: TIMEOUT * 3, operations: 2_000, ..Limits::default() }).await;
    let (slow, other) = (app.host().await, app.host().await);
    let mut socket = Socket::with_small_buffer(&app, &node, &slow).await;
    // The responses exceed the buffers between server and client, and every mutation needs the only write connection.
    let write = "mutation { notificationsMarkRead(ids: []) { userErrors { code } } }";
    let read = "{ __schema { types { name description fields { name description args { name description } } } } }";
    let ids: Vec<String> = (0..120).map(|id| id.to_string()).collect();
    for (number, id) in ids.iter().enumerate() {
        socket.subscribe(id, if number % 2 == 0 { read } else { write }, json!({})).await;
    }
    for _ in 0..20 {
        let marked = app.mutate_ok(&other, "notificationsMarkRead", json!({ "ids": [] }), "__typename");
        timeout(TIMEOUT, marked).await.expect("the mutation of the other client completes");
    }
    let mut open: HashSet<&str> = ids.iter().map(String::as_str).collect();
    while !open.is_empty() {
        let message = socket.receive().await;
        match message["type"].as_str() {
            Some("next") => assert!(message["payload"].get("errors").is_none(), "{message:#}"),
            Some("complete") => assert!(open.remove(message["id"].as_str().unwrap())),
            _ => panic!("{message:#}"),
        }
    }
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_change_of_permissions_is_received_while_all_turns_are_taken() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let mut socket = Socket::initialized(&app, &node, &guest).await;
    let ids: Vec<String> = (0..30).map(|id| id.to_string()).collect();
    for id in &ids {
        let query =
            "{ viewer { user { id } } listingSearch(where: {}) { totalCount nodes { id } } amenities { code } }";
        socket.subscribe(id, query, json!({})).await;
    }
    app.mutate_ok(&guest, "userBecomeHost", json!({}), "__typename").await;
    let mut open: HashSet<&str> = ids.iter().map(String::as_str).collect();
    while !open.is_empty() {
        let message = socket.receive().await;
        match message["type"].as_str() {
            Some("next") => assert_eq!(message["payload"]["data"]["viewer"]["user"]["id"], guest.id(), "{message:#}"),
            Some("complete") => assert!(open.remove(message["id"].as_str().unwrap())),
            _ => panic!("{message:#}"),
        }
    }
    socket.assert_open().await;
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_stopping_server_closes_every_socket_with_a_code() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let mut busy = Socket::initialized(&app, &node, &host).await;
    busy.subscribe("1", HOST_BOOKING_CHANGED, json!({})).await;
    let mut idle = Socket::initialized(&app, &node, &Anonymous).await;
    let mut silent = Socket::open(&node).await;
    wait_for_listeners(&app, 3).await;
    node.stop();
    for socket in [&mut busy, &mut idle, &mut silent] {
        assert_eq!(socket.close_reason().await, (1001, "the server is stopping; connect again".into()));
    }
    node.shut_down().await;
    wait_for_listeners(&app, 0).await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_disconnects_ends_its_operations() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let mut polite = Socket::initialized(&app, &node, &host).await;
    polite.subscribe("1", HOST_BOOKING_CHANGED, json!({})).await;
    let mut abrupt = Socket::initialized(&app, &node, &host).await;
    abrupt.subscribe("1", HOST_BOOKING_CHANGED, json!({})).await;
    wait_for_listeners(&app, 6).await;
    polite.0.close(None).await.unwrap();
    wait_for_listeners(&app, 3).await;
    drop(abrupt);
    wait_for_listeners(&app, 0).await;
    node.shut_down().await;
    app.finish().await;
}
