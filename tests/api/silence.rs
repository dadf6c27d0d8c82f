//! Connections whose clients say nothing, or never come to an end.

use std::time::{Duration, Instant};

use roost::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::TestApp;
use crate::node::{Node, PATIENCE};

const HEAD: Duration = Duration::from_millis(300);
const ASK: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn limits() -> Limits {
    Limits { request_head: HEAD, ..Limits::default() }
}

/// Waits until the other side hangs up, and gives all that it said until then.
async fn all(connection: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut said)).await;
    read.expect("the server hangs up").unwrap();
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn who_never_asks_for_anything_is_hung_up_on() {
    let app = TestApp::new().await;
    let node = Node::start(&app, limits()).await;
    // Nothing, what may become the preface of HTTP/2, a line without an end, a head without an end.
    for begun in ["", "PRI * HT", "GET /gra", "GET / HTTP/1.1\r\nHost: localhost\r\nX-"] {
        let mut connection = TcpStream::connect(node.address).await.unwrap();
        let start = Instant::now();
        connection.write_all(begun.as_bytes()).await.unwrap();
        let said = all(&mut connection).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{begun:?}: {said}");
        assert!(start.elapsed() >= HEAD, "{begun:?}: not before its time");
    }
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_connection_is_kept_for_more_questions_but_not_for_ever() {
    let app = TestApp::new().await;
    let node = Node::start(&app, limits()).await;
    let mut connection = TcpStream::connect(node.address).await.unwrap();
    let mut read = [0; 4096];
    for _ in 0..2 {
        connection.write_all(ASK.as_bytes()).await.unwrap();
        let length = connection.read(&mut read).await.unwrap();
        assert!(read[..length].starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(all(&mut connection).await, "");
    node.stopped().await;
    app.finish().await;
}
