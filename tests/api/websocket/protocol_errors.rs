//! Violations of the protocol by a client, and their close codes.

use roost::server::Limits;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use super::Socket;
use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::live_server::Node;

const UNKNOWN_LISTING: &str = "subscription { listingCalendarChanged(id: \"lst_00000000000000000000000000\", \
    from: \"2027-03-01\", to: \"2027-03-03\") { date } }";

#[tokio::test]
async fn an_operation_before_the_acknowledgement_closes_with_4401() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let mut socket = Socket::open(&node).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.close_reason().await, (4401, "Unauthorized".into()));
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_message_closes_with_4400() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    for (text, reason) in [
        ("nonsense", "the message is not JSON"),
        ("[]", "the message must be a JSON object"),
        (r#"{"id":"1"}"#, "the message must have a `type`"),
        (r#"{"type":"start","id":"1"}"#, "the message's `type` is not one that a client sends"),
        (r#"{"type":"next","id":"1","payload":{}}"#, "the message's `type` is not one that a client sends"),
        (r#"{"type":"complete"}"#, "`complete` must have an `id` of 1 to 128 bytes"),
        (
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            "`subscribe` must have an `id` of 1 to 128 bytes",
        ),
        (r#"{"type":"subscribe","id":"1"}"#, "the payload of `subscribe` is invalid: a request must be a JSON object"),
        (r#"{"type":"subscribe","id":"1","payload":{}}"#, "the payload of `subscribe` is invalid: `query` is missing"),
        (r#"{"type":"ping","payload":"x"}"#, "the payload of `ping` must be an object"),
        (r#"{"type":"connection_init","payload":[]}"#, "the payload of `connection_init` must be an object"),
    ] {
        for mut socket in [Socket::open(&node).await, Socket::initialized(&app, &node, &Anonymous).await] {
            socket.send(Message::text(text)).await;
            assert_eq!(socket.close_reason().await, (4400, reason.into()), "{text}");
        }
    }
    let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
    socket.send(Message::binary(json!({ "type": "ping" }).to_string())).await;
    assert_eq!(socket.close_reason().await, (4400, "messages must be text".into()));
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn invalid_websocket_frames_close_with_the_codes_of_rfc_6455() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    // A text frame of two bytes that are not UTF-8, and a frame with a reserved bit. Both have a mask of zeros.
    for (frame, code) in [([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], 1007), ([0xc1, 0x82, 0, 0, 0, 0, b'{', b'}'], 1002)] {
        let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
        socket.0.get_mut().write_all(&frame).await.unwrap();
        assert_eq!(socket.close_reason().await.0, code);
    }
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn the_id_of_a_running_operation_closes_with_4409() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let mut socket = Socket::initialized(&app, &node, &host).await;
    socket.subscribe("one", "subscription { hostBookingChanged { id } }", json!({})).await;
    socket.subscribe("two", "subscription { hostBookingChanged { id } }", json!({})).await;
    socket.subscribe("one", "{ __typename }", json!({})).await;
    assert_eq!(socket.close_reason().await, (4409, "Subscriber for one already exists".into()));
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_with_1009() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    for (bytes, is_accepted) in [(65_536, true), (65_537, false), (300_000, false)] {
        let mut socket = Socket::initialized(&app, &node, &Anonymous).await;
        let empty = json!({ "type": "ping", "payload": { "x": "" } }).to_string();
        socket.send_json(json!({ "type": "ping", "payload": { "x": "x".repeat(bytes - empty.len()) } })).await;
        if is_accepted {
            assert_eq!(socket.receive().await["type"], "pong");
        } else {
            assert_eq!(socket.close_reason().await, (1009, "the message is too large".into()), "{bytes}");
        }
    }
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_flood_of_messages_closes_with_1008() {
    let app = TestApp::new().await;
    let limits = Limits { messages_per_second: 1, message_burst: 3, ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let mut socket = Socket::open(&node).await;
    for _ in 0..3 {
        socket.send_json(json!({ "type": "ping" })).await;
    }
    for _ in 0..3 {
        assert_eq!(socket.receive().await["type"], "pong");
    }
    socket.send_json(json!({ "type": "pong" })).await;
    assert_eq!(socket.close_reason().await, (1008, "too many messages".into()));
    drop(socket);
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn closing_a_socket_ends_its_operations_only() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let mut socket = Socket::initialized(&app, &node, &host).await;
    let mut other = Socket::initialized(&app, &node, &host).await;
    for id in 0..10 {
        socket.subscribe(&id.to_string(), "subscription { hostBookingChanged { id } }", json!({})).await;
    }
    socket.subscribe("refused", UNKNOWN_LISTING, json!({})).await;
    assert_eq!(socket.error_code("refused").await, "NOT_FOUND");
    crate::live_server::wait_for_listeners(&app, 22).await;
    socket.send(Message::text("nonsense")).await;
    assert_eq!(socket.close_reason().await.0, 4400);
    crate::live_server::wait_for_listeners(&app, 1).await;
    other.assert_open().await;
    drop((socket, other));
    node.shut_down().await;
    app.finish().await;
}
