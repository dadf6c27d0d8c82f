//! What a client must not do, and the codes that tell it so.

use roost::server::Limits;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use super::Socket;
use crate::client::Nobody;
use crate::harness::TestApp;
use crate::node::Node;

const NEVER: &str = "subscription { listingCalendarChanged(id: \"lst_00000000000000000000000000\", \
    from: \"2027-03-01\", to: \"2027-03-03\") { date } }";

#[tokio::test]
async fn an_operation_before_the_acknowledgement_closes_with_4401() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::open(&node).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".into()));
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_message_of_the_protocol_closes_with_4400() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    for (text, reason) in [
        ("nonsense", "the message is not JSON"),
        ("[]", "the message must be a JSON object"),
        (r#"{"id":"1"}"#, "the message must have a `type`"),
        (r#"{"type":"start","id":"1"}"#, "the message's `type` is none that a client sends"),
        (r#"{"type":"next","id":"1","payload":{}}"#, "the message's `type` is none that a client sends"),
        (r#"{"type":"complete"}"#, "`complete` must have an `id` of 1 to 128 bytes"),
        (
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            "`subscribe` must have an `id` of 1 to 128 bytes",
        ),
        (r#"{"type":"subscribe","id":"1"}"#, "the payload of `subscribe` is wrong: an operation must be a JSON object"),
        (r#"{"type":"subscribe","id":"1","payload":{}}"#, "the payload of `subscribe` is wrong: `query` is missing"),
        (r#"{"type":"ping","payload":"x"}"#, "the payload of `ping` must be an object"),
        (r#"{"type":"connection_init","payload":[]}"#, "the payload of `connection_init` must be an object"),
    ] {
        for mut socket in [Socket::open(&node).await, Socket::welcomed(&app, &node, &Nobody).await] {
            socket.send(Message::text(text)).await;
            assert_eq!(socket.closed().await, (4400, reason.into()), "{text}");
        }
    }
    let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
    socket.send(Message::binary(json!({ "type": "ping" }).to_string())).await;
    assert_eq!(socket.closed().await, (4400, "messages must be text".into()));
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn frames_that_are_none_of_websocket_close_with_its_own_codes() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    // A text of two bytes that are no UTF-8, and a frame with a reserved bit; both with a mask of nothing.
    for (frame, code) in [([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], 1007), ([0xc1, 0x82, 0, 0, 0, 0, b'{', b'}'], 1002)] {
        let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
        socket.0.get_mut().write_all(&frame).await.unwrap();
        assert_eq!(socket.closed().await.0, code);
    }
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn an_id_of_an_operation_that_runs_closes_with_4409() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let mut socket = Socket::welcomed(&app, &node, &host).await;
    socket.subscribe("one", "subscription { hostBookingChanged { id } }", json!({})).await;
    socket.subscribe("two", "subscription { hostBookingChanged { id } }", json!({})).await;
    socket.subscribe("one", "{ __typename }", json!({})).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for one already exists".into()));
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_with_1009() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    for (bytes, fits) in [(65_536, true), (65_537, false), (300_000, false)] {
        let mut socket = Socket::welcomed(&app, &node, &Nobody).await;
        let empty = json!({ "type": "ping", "payload": { "x": "" } }).to_string();
        socket.say(json!({ "type": "ping", "payload": { "x": "x".repeat(bytes - empty.len()) } })).await;
        if fits {
            assert_eq!(socket.hear().await["type"], "pong");
        } else {
            assert_eq!(socket.closed().await, (1009, "the message is too large".into()), "{bytes}");
        }
    }
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_flood_of_messages_closes_with_1008() {
    let app = TestApp::new().await;
    let limits = Limits { messages_per_second: 1, message_burst: 3, ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let mut socket = Socket::open(&node).await;
    for _ in 0..3 {
        socket.say(json!({ "type": "ping" })).await;
    }
    for _ in 0..3 {
        assert_eq!(socket.hear().await["type"], "pong");
    }
    socket.say(json!({ "type": "pong" })).await;
    assert_eq!(socket.closed().await, (1008, "too many messages".into()));
    drop(socket);
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn what_ends_a_socket_ends_all_that_runs_on_it_and_nothing_else() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let mut socket = Socket::welcomed(&app, &node, &host).await;
    let mut other = Socket::welcomed(&app, &node, &host).await;
    for id in 0..10 {
        socket.subscribe(&id.to_string(), "subscription { hostBookingChanged { id } }", json!({})).await;
    }
    socket.subscribe("refused", NEVER, json!({})).await;
    assert_eq!(socket.refusal("refused").await, "NOT_FOUND");
    crate::node::listeners(&app, 22).await;
    socket.send(Message::text("nonsense")).await;
    assert_eq!(socket.closed().await.0, 4400);
    crate::node::listeners(&app, 1).await;
    other.lives().await;
    drop((socket, other));
    node.stopped().await;
    app.finish().await;
}
