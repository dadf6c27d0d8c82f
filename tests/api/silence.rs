//! Connections whose clients say nothing, never come to an end, or read nothing of what they are answered.

use std::time::{Duration, Instant};

use roost::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::TestApp;
use crate::node::{Node, PATIENCE, narrow};

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

/// A client with more answers under way than the buffers between the two hold, none of which it reads.
async fn unread(node: &Node) -> TcpStream {
    let mut connection = narrow(node).await;
    let query = r#"{"query":"{ __schema { types { name description fields { name description args { name description } } } } }"}"#;
    let ask = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{query}",
        query.len()
    );
    connection.write_all(ask.repeat(150).as_bytes()).await.unwrap();
    let mut first = [0; 15];
    connection.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    // The server fills what there is to fill.
    tokio::time::sleep(Duration::from_millis(500)).await;
    connection
}

#[tokio::test]
async fn who_reads_nothing_of_an_answer_is_hung_up_on() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { patience: Duration::from_millis(200), ..limits() }).await;
    let _unread = unread(&node).await;
    node.stopped().await;
    app.finish().await;
}

#[tokio::test]
async fn a_stop_waits_for_answers_that_nobody_reads_no_longer_than_its_time() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { last_answers: Duration::from_millis(300), ..limits() }).await;
    let _unread = unread(&node).await;
    node.stopped_within(Duration::from_secs(5)).await;
    app.finish().await;
}
