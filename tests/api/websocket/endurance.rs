//! How long a socket lives: tokens that end, sessions that are ended, clients that are gone or do not read, and a
//! server that stops.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use roost::server::Limits;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::Socket;
use crate::client::Nobody;
use crate::harness::TestApp;
use crate::node::{Node, PATIENCE, listeners};

const HOSTED: &str = "subscription { hostBookingChanged { to } }";

#[tokio::test]
async fn the_end_of_the_token_closes_with_4403() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, now) = (app.host().await, app.clock.now());
    let soon = app.keys.sign_access(host.user, host.session, now, now + TimeDelta::seconds(1)).unwrap();
    let mut socket = Socket::welcomed(&app, &node, soon.as_str()).await;
    socket.subscribe("1", HOSTED, json!({})).await;
    assert_eq!(socket.closed().await, (4403, "token expired".into()), "nobody has to say anything for that");
    listeners(&app, 0).await;

    drop(socket);
    let mut socket = Socket::welcomed(&app, &node, &host).await;
    app.advance(TimeDelta::minutes(15));
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.closed().await, (4403, "token expired".into()), "nothing is done with a token that has ended");
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn the_end_of_the_session_closes_with_4403() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, other) = (app.host().await, app.host().await);
    let idle = Socket::welcomed(&app, &node, &host).await;
    let mut busy = Socket::welcomed(&app, &node, &host).await;
    let mut others = Socket::welcomed(&app, &node, &other).await;
    busy.subscribe("1", HOSTED, json!({})).await;
    listeners(&app, 5).await;
    app.must(&host, "sessionRevoke", json!({}), "__typename").await;
    for mut socket in [idle, busy] {
        assert_eq!(socket.closed().await, (4403, "token expired".into()));
    }
    others.lives().await;
    listeners(&app, 1).await;
    drop(others);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn rights_that_were_gained_count_from_the_next_operation_on() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let mut socket = Socket::welcomed(&app, &node, &guest).await;
    socket.subscribe("1", HOSTED, json!({})).await;
    assert_eq!(socket.refusal("1").await, "FORBIDDEN");
    app.must(&guest, "userBecomeHost", json!({}), "__typename").await;
    socket.subscribe("1", HOSTED, json!({})).await;
    listeners(&app, 3).await;
    socket.lives().await;
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_and_one_that_does_not_is_let_go() {
    let app = TestApp::new().await;
    let limits = Limits { heartbeat: Duration::from_millis(100), ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let host = app.host().await;
    let mut gone = Socket::welcomed(&app, &node, &host).await;
    gone.subscribe("1", HOSTED, json!({})).await;
    let mut present = Socket::welcomed(&app, &node, &host).await;
    // Reading answers pings; the other socket is not read from meanwhile.
    for _ in 0..4 {
        let ping = timeout(PATIENCE, present.0.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(ping, Message::Ping(Vec::new().into()));
    }
    present.lives().await;
    assert_eq!(gone.closed().await, (1013, "no answer to a ping; connect again".into()));
    drop((gone, present));
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go_with_a_reason() {
    let app = TestApp::new().await;
    let limits = Limits { patience: Duration::from_millis(200), operations: 2_000, ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let host = app.host().await;
    let mut socket = Socket::narrow(&app, &node, &host).await;
    socket.subscribe("events", HOSTED, json!({})).await;
    listeners(&app, 3).await;
    // Far more than the buffers between the two hold.
    let all = "{ __schema { types { name description fields { name description args { name description } } } } }";
    for id in 0..100 {
        socket.subscribe(&id.to_string(), all, json!({})).await;
    }
    listeners(&app, 0).await;
    let end = loop {
        match timeout(PATIENCE, socket.0.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => break frame,
            Some(Ok(_)) => {}
            other => panic!("no reason was given: {other:?}"),
        }
    };
    let end = end.unwrap();
    assert_eq!((u16::from(end.code), end.reason.as_str().split(':').next()), (1013, Some("SLOW_CONSUMER")));
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_nobody_else_up() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { patience: PATIENCE * 3, operations: 2_000, ..Limits::default() }).await;
    let (slow, other) = (app.host().await, app.host().await);
    let mut socket = Socket::narrow(&app, &node, &slow).await;
    // The answers are far more than the buffers between the two hold, and each wants the one connection that writes.
    let write = "mutation { notificationsMarkRead(ids: []) { userErrors { code } } }";
    let read = "{ __schema { types { name description fields { name description args { name description } } } } }";
    let ids: Vec<String> = (0..120).map(|id| id.to_string()).collect();
    for (number, id) in ids.iter().enumerate() {
        socket.subscribe(id, if number % 2 == 0 { read } else { write }, json!({})).await;
    }
    for _ in 0..20 {
        let marked = app.must(&other, "notificationsMarkRead", json!({ "ids": [] }), "__typename");
        timeout(PATIENCE, marked).await.expect("the other's mutation goes through");
    }
    let mut open: HashSet<&str> = ids.iter().map(String::as_str).collect();
    while !open.is_empty() {
        let said = socket.hear().await;
        match said["type"].as_str() {
            Some("next") => assert!(said["payload"].get("errors").is_none(), "{said:#}"),
            Some("complete") => assert!(open.remove(said["id"].as_str().unwrap())),
            _ => panic!("{said:#}"),
        }
    }
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_change_of_rights_is_heard_while_every_reader_is_wanted() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let mut socket = Socket::welcomed(&app, &node, &guest).await;
    let ids: Vec<String> = (0..30).map(|id| id.to_string()).collect();
    for id in &ids {
        let query =
            "{ viewer { user { id } } listingSearch(where: {}) { totalCount nodes { id } } amenities { code } }";
        socket.subscribe(id, query, json!({})).await;
    }
    app.must(&guest, "userBecomeHost", json!({}), "__typename").await;
    let mut open: HashSet<&str> = ids.iter().map(String::as_str).collect();
    while !open.is_empty() {
        let said = socket.hear().await;
        match said["type"].as_str() {
            Some("next") => assert_eq!(said["payload"]["data"]["viewer"]["user"]["id"], guest.id(), "{said:#}"),
            Some("complete") => assert!(open.remove(said["id"].as_str().unwrap())),
            _ => panic!("{said:#}"),
        }
    }
    socket.lives().await;
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_to_every_socket_and_ends() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let mut busy = Socket::welcomed(&app, &node, &host).await;
    busy.subscribe("1", HOSTED, json!({})).await;
    let mut idle = Socket::welcomed(&app, &node, &Nobody).await;
    let mut silent = Socket::open(&node).await;
    listeners(&app, 3).await;
    node.stop();
    for socket in [&mut busy, &mut idle, &mut silent] {
        assert_eq!(socket.closed().await, (1001, "the server stops; connect again".into()));
    }
    node.stopped().await;
    listeners(&app, 0).await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_operations_with_it() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let mut polite = Socket::welcomed(&app, &node, &host).await;
    polite.subscribe("1", HOSTED, json!({})).await;
    let mut abrupt = Socket::welcomed(&app, &node, &host).await;
    abrupt.subscribe("1", HOSTED, json!({})).await;
    listeners(&app, 6).await;
    polite.0.close(None).await.unwrap();
    listeners(&app, 3).await;
    drop(abrupt);
    listeners(&app, 0).await;
    node.stopped().await;
    app.finish().await;
}
