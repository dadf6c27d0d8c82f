//! Connections whose clients say nothing, never come to an end, or read nothing of what they are answered.

use std::time::{Duration, Instant};

use roost::server::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::TestApp;
use crate::node::{Node, PATIENCE, narrow};

const HEAD: Duration = Duration::from_millis(300);
/// How often a client asks for the whole schema at once, to be answered with more than any buffers hold.
const COPIES: usize = 32;
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

/// A client with an answer under way that is longer than the buffers between the two, of which it reads the head; and how
/// many bytes are to follow.
async fn unread(node: &Node) -> (TcpStream, usize) {
    let mut connection = narrow(node).await;
    // A name that the client chooses is repeated in the answer, and costs the server nothing.
    let name = "n".repeat(128);
    let types =
        format!("types {{ name description fields {{ {name}: name description args {{ name description }} }} }}");
    let query: String = (0..COPIES).map(|n| format!("a{n}: __schema {{ {types} }} ")).collect();
    let body = json!({ "query": format!("{{ {query} }}") }).to_string();
    let ask = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    (connection, length.parse().unwrap())
}

/// Stops a server with an answer that nobody reads. It must end in far less time than it would give to such an answer by
/// default, and without having sent the whole of it.
async fn stopped_halfway(node: Node, (mut connection, length): (TcpStream, usize)) {
    node.stopped_within(Limits::default().last_answers / 2).await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut rest)).await.expect("the server has hung up");
    assert!(rest.len() < length, "{length} bytes may be sent though nobody reads them");
}

#[tokio::test]
async fn who_reads_nothing_of_an_answer_is_hung_up_on() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { patience: Duration::from_millis(200), ..limits() }).await;
    let unread = unread(&node).await;
    stopped_halfway(node, unread).await;
    app.finish().await;
}

#[tokio::test]
async fn a_stop_waits_for_answers_that_nobody_reads_no_longer_than_its_time() {
    let app = TestApp::new().await;
    let limits = Limits { last_answers: Duration::from_millis(300), patience: PATIENCE, ..limits() };
    let node = Node::start(&app, limits).await;
    let unread = unread(&node).await;
    stopped_halfway(node, unread).await;
    app.finish().await;
}
