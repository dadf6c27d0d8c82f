//! Connections whose clients send nothing, never finish their request, or do not read the response.

use std::time::{Duration, Instant};

use roost::server::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::TestApp;
use crate::live_server::{Node, connect_with_small_buffer};
use crate::waiting::TIMEOUT;

const HEAD: Duration = Duration::from_millis(300);
/// The number of copies of the whole schema in one response, which makes it larger than all buffers.
const COPIES: usize = 32;
const REQUEST: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn limits() -> Limits {
    Limits { request_head_timeout: HEAD, ..Limits::default() }
}

/// Waits until the server closes the connection, and returns everything that it sent.
async fn read_to_end(connection: &mut TcpStream) -> String {
    let mut received = Vec::new();
    let read = tokio::time::timeout(TIMEOUT, connection.read_to_end(&mut received)).await;
    read.expect("the server closes the connection").unwrap();
    String::from_utf8(received).unwrap()
}

#[tokio::test]
async fn connections_without_a_request_are_closed() {
    let app = TestApp::new().await;
    let node = Node::start(&app, limits()).await;
    // No bytes, the start of an HTTP/2 preface, an unfinished line, and an unfinished head.
    for sent in ["", "PRI * HT", "GET /gra", "GET / HTTP/1.1\r\nHost: localhost\r\nX-"] {
        let mut connection = TcpStream::connect(node.address).await.unwrap();
        let start = Instant::now();
        connection.write_all(sent.as_bytes()).await.unwrap();
        let received = read_to_end(&mut connection).await;
        assert!(received.is_empty() || received.starts_with("HTTP/1.1 408"), "{sent:?}: {received}");
        assert!(start.elapsed() >= HEAD, "{sent:?}: closed too early");
    }
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn idle_keep_alive_connections_are_closed_after_a_time() {
    let app = TestApp::new().await;
    let node = Node::start(&app, limits()).await;
    let mut connection = TcpStream::connect(node.address).await.unwrap();
    let mut read = [0; 4096];
    for _ in 0..2 {
        connection.write_all(REQUEST.as_bytes()).await.unwrap();
        let length = connection.read(&mut read).await.unwrap();
        assert!(read[..length].starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(read_to_end(&mut connection).await, "");
    node.shut_down().await;
    app.finish().await;
}

/// A connection with a response that is larger than all buffers. The client has read its head. Also returns the length
/// of the body.
async fn start_large_response(node: &Node) -> (TcpStream, usize) {
    let mut connection = connect_with_small_buffer(node).await;
    // A long alias makes the response larger at no cost in the budget.
    let name = "n".repeat(128);
    let types =
        format!("types {{ name description fields {{ {name}: name description args {{ name description }} }} }}");
    let query: String = (0..COPIES).map(|n| format!("a{n}: __schema {{ {types} }} ")).collect();
    let body = json!({ "query": format!("{{ {query} }}") }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    (connection, length.parse().unwrap())
}

/// Shuts down a server with a response that its client does not read. The shutdown must take at most half of the
/// default timeout, and the response must not be sent completely.
async fn shut_down_halfway(node: Node, (mut connection, length): (TcpStream, usize)) {
    node.shut_down_within(Limits::default().shutdown_timeout / 2).await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(TIMEOUT, connection.read_to_end(&mut rest))
        .await
        .expect("the server has closed the connection");
    assert!(rest.len() < length, "all {length} bytes were sent although the client does not read them");
}

#[tokio::test]
async fn connections_that_read_no_response_are_closed() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { write_timeout: Duration::from_millis(200), ..limits() }).await;
    let unread = start_large_response(&node).await;
    shut_down_halfway(node, unread).await;
    app.finish().await;
}

#[tokio::test]
async fn shutdown_waits_a_limited_time_for_unread_responses() {
    let app = TestApp::new().await;
    let limits = Limits { shutdown_timeout: Duration::from_millis(300), write_timeout: TIMEOUT, ..limits() };
    let node = Node::start(&app, limits).await;
    let unread = start_large_response(&node).await;
    shut_down_halfway(node, unread).await;
    app.finish().await;
}
