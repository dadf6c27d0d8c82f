//! GraphQL over Server-Sent Events, in distinct connections mode.

use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use chrono::TimeDelta;
use roost::server::Limits;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Anonymous, Caller, fresh_key};
use crate::harness::TestApp;
use crate::live_server::{Node, connect_with_small_buffer, wait_for_listeners};
use crate::scenarios::text;
use crate::waiting::{TIMEOUT, wait_until};

const HOST_BOOKING_CHANGED: &str = "subscription { hostBookingChanged { toState } }";

/// A streamed HTTP/1.1 response, parsed by hand because the tests check when each chunk arrives.
struct Events {
    status: u16,
    headers: HeaderMap,
    stream: BufReader<TcpStream>,
}

impl Events {
    async fn request(node: &Node, method: Method, path: &str, token: Option<String>, body: Option<Value>) -> Events {
        Events::request_over(TcpStream::connect(node.address).await.unwrap(), method, path, token, body).await
    }

    async fn request_over(
        mut stream: TcpStream,
        method: Method,
        path: &str,
        token: Option<String>,
        body: Option<Value>,
    ) -> Events {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: roost.test\r\naccept: text/event-stream\r\naccept-encoding: gzip\r\n\
             content-type: application/json\r\n{authorization}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut stream = BufReader::new(stream);
        let first = line(&mut stream).await.unwrap();
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        loop {
            let line = line(&mut stream).await.unwrap();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.append(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        Events { status, headers, stream }
    }

    async fn post(node: &Node, token: Option<String>, query: &str, variables: Value) -> Events {
        let body = json!({ "query": query, "variables": variables });
        Events::request(node, Method::POST, "/graphql", token, Some(body)).await
    }

    /// The next chunk of the body, or `None` at its end.
    async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&line(&mut self.stream).await?, 16).unwrap();
        let mut chunk = vec![0; size + 2];
        timeout(TIMEOUT, self.stream.read_exact(&mut chunk)).await.unwrap().unwrap();
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// The next event and its data. Comments are skipped.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let chunk = String::from_utf8(self.chunk().await?).unwrap();
            if chunk.starts_with(':') {
                continue;
            }
            let field = |name: &str| chunk.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            assert!(chunk.ends_with("\n\n"), "a chunk must be one event: {chunk:?}");
            let data = field("data:").unwrap_or_else(|| panic!("browsers drop events without data: {chunk:?}"));
            let data = if data.is_empty() { Value::Null } else { serde_json::from_str(data).unwrap() };
            return Some((field("event:").unwrap().to_owned(), data));
        }
    }

    /// All responses until the `complete` event, which must be the last one.
    async fn all(mut self) -> Vec<Value> {
        let mut answers = Vec::new();
        loop {
            match self.next().await {
                Some((event, data)) if event == "next" => answers.push(data),
                Some((event, Value::Null)) if event == "complete" => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(self.next().await, None, "no event follows `complete`");
        answers
    }

    /// The body of a response that is not an event stream. Such a response is compressed.
    async fn json(mut self) -> Value {
        assert_eq!(self.headers[CONTENT_ENCODING], "gzip");
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await {
            body.extend(chunk);
        }
        serde_json::from_reader(flate2::read::GzDecoder::new(body.as_slice())).unwrap()
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = timeout(TIMEOUT, stream.read_line(&mut line))
        .await
        .expect("the server sends a line before the timeout")
        .unwrap_or(0);
    (read > 0).then(|| line.trim_end().to_owned())
}

fn code(answer: &Value) -> &Value {
    &answer["errors"][0]["extensions"]["code"]
}

#[tokio::test]
async fn a_query_or_mutation_gets_one_event() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let guest = app.guest().await;
    let events = Events::post(&node, guest.token(&app.app), "{ viewer { user { id } } }", json!({})).await;
    assert_eq!(events.status, 200);
    assert_eq!(events.headers[CONTENT_TYPE], "text/event-stream");
    assert_eq!(events.headers[CACHE_CONTROL], "no-store");
    assert_eq!(events.headers["x-accel-buffering"], "no");
    assert!(!events.headers.contains_key(CONTENT_ENCODING), "compression would delay events");
    let request_id = events.headers["x-request-id"].to_str().unwrap().to_owned();
    let answers = events.all().await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["data"], json!({ "viewer": { "user": { "id": guest.id() } } }));
    assert_eq!(answers[0]["extensions"]["requestId"], request_id);
    let key = fresh_key();
    let query = format!("mutation {{ userBecomeHost @idempotent(key: \"{key}\") {{ viewer {{ user {{ id }} }} }} }}");
    let answers = Events::post(&node, guest.token(&app.app), &query, json!({})).await.all().await;
    assert_eq!(answers[0]["data"]["userBecomeHost"]["viewer"]["user"]["id"], guest.id());
    let answers = Events::request(&node, Method::GET, "/graphql?query=%7B__typename%7D", None, None).await.all().await;
    assert_eq!(answers[0]["data"], json!({ "__typename": "Query" }));
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_refused_operation_gets_an_error_event() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    for (query, expected) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        (HOST_BOOKING_CHANGED, "UNAUTHENTICATED"),
    ] {
        let events = Events::post(&node, None, query, json!({})).await;
        assert_eq!(events.status, 200);
        let answers = events.all().await;
        assert_eq!((answers.len(), code(&answers[0])), (1, &json!(expected)), "{query}");
        assert_eq!(answers[0].get("data"), None, "no operation was executed: {query}");
    }
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_request_without_a_graphql_operation_is_refused_before_any_event() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let post = async |body: Value| Events::request(&node, Method::POST, "/graphql", None, Some(body)).await;
    for body in [json!([]), json!({}), json!({ "query": 7 })] {
        let refused = post(body).await;
        assert_eq!(refused.status, 400);
        assert_eq!(code(&refused.json().await), "BAD_REQUEST");
    }
    let refused = Events::post(&node, Some("nonsense".into()), HOST_BOOKING_CHANGED, json!({})).await;
    assert_eq!((refused.status, code(&refused.json().await)), (401, &json!("TOKEN_EXPIRED")));
    let by_get =
        Events::request(&node, Method::GET, "/graphql?query=mutation%7BuserBecomeHost%7B__typename%7D%7D", None, None);
    let refused = by_get.await;
    assert_eq!((refused.status, code(&refused.json().await)), (405, &json!("METHOD_NOT_ALLOWED")));
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn events_arrive_as_they_happen_until_the_client_disconnects() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let path = "/graphql?query=subscription%7BhostBookingChanged%7BtoState%7D%7D";
    let mut by_post = Events::post(&node, host.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await;
    let mut by_get = Events::request(&node, Method::GET, path, host.token(&app.app), None).await;
    wait_for_listeners(&app, 4).await;
    app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    for events in [&mut by_post, &mut by_get] {
        assert_eq!((events.status, &events.headers[CONTENT_TYPE]), (200, &"text/event-stream".parse().unwrap()));
        for state in ["PENDING_PAYMENT", "CONFIRMED"] {
            let (event, answer) = events.next().await.unwrap();
            assert_eq!((event.as_str(), text(&answer, "/data/hostBookingChanged/toState").as_str()), ("next", state));
        }
    }
    drop(by_post);
    wait_for_listeners(&app, 2).await;
    drop(by_get);
    wait_for_listeners(&app, 0).await;
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_silent_stream_sends_keep_alive_comments() {
    let app = TestApp::new().await;
    let request_head_timeout = Duration::from_millis(50);
    let limits = Limits { heartbeat: Duration::from_millis(20), request_head_timeout, ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let host = app.host().await;
    let mut events = Events::post(&node, host.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await;
    // The timeout for request heads does not apply to a silent response.
    for _ in 0..5 {
        let comment = String::from_utf8(events.chunk().await.unwrap()).unwrap();
        assert!(comment.starts_with(':') && comment.ends_with("\n\n"), "{comment:?}");
    }
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn the_end_of_the_token_or_of_the_session_is_the_last_event() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let (host, now) = (app.host().await, app.clock.now());
    let soon = app.keys.sign_access(host.user, host.session, now, now + TimeDelta::seconds(1));
    let events = Events::post(&node, soon, HOST_BOOKING_CHANGED, json!({})).await;
    wait_for_listeners(&app, 2).await;
    app.advance(TimeDelta::seconds(1));
    let answers = events.all().await;
    assert_eq!((answers.len(), code(&answers[0])), (1, &json!("TOKEN_EXPIRED")));
    let events = Events::post(&node, host.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await;
    wait_for_listeners(&app, 2).await;
    app.mutate_ok(&host, "sessionRevoke", json!({}), "__typename").await;
    let answers = events.all().await;
    assert_eq!((answers.len(), code(&answers[0])), (1, &json!("TOKEN_EXPIRED")));
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams_with_an_error() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits::default()).await;
    let host = app.host().await;
    let events = Events::post(&node, host.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await;
    wait_for_listeners(&app, 2).await;
    node.stop();
    let answers = events.all().await;
    assert_eq!((answers.len(), code(&answers[0])), (1, &json!("EVENTS_INTERRUPTED")));
    node.shut_down().await;
    wait_for_listeners(&app, 0).await;
    app.finish().await;
}

#[tokio::test]
async fn the_number_of_streams_is_limited_and_queries_do_not_count() {
    let app = TestApp::new().await;
    let node = Node::start(&app, Limits { connections_per_user: 1, ..Limits::default() }).await;
    let (host, other) = (app.host().await, app.host().await);
    let first = Events::post(&node, host.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await;
    let refused = Events::post(&node, host.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"30".parse().unwrap()));
    let refused = refused.json().await;
    assert_eq!(
        (code(&refused), &refused["errors"][0]["extensions"]["retryAfter"]),
        (&json!("RATE_LIMITED"), &json!(30))
    );
    let query = Events::post(&node, host.token(&app.app), "{ __typename }", json!({})).await;
    assert_eq!((query.status, query.all().await.len()), (200, 1));
    assert_eq!(Events::post(&node, other.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await.status, 200);
    drop(first);
    // The server notices the disconnect with a short delay.
    while Events::post(&node, host.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await.status == 429 {}
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_stops_reading_is_disconnected() {
    let app = TestApp::new().await;
    let limits = Limits { write_timeout: Duration::from_millis(200), connections_per_user: 1, ..Limits::default() };
    let node = Node::start(&app, limits).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({ "description": "x".repeat(4_000) })).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let mut listener = app.db.events().listen(roost::platform::messaging::Topic::new("host_bookings", host.user));
    app.cancel(&guest, &booking).await;
    let event = timeout(TIMEOUT, listener.next()).await.unwrap().unwrap();
    drop(listener);
    let fields: String = (0..60).map(|n| format!("a{n}: description ")).collect();
    let query = format!("subscription {{ hostBookingChanged {{ booking {{ listing {{ {fields} }} }} }} }}");
    let unread = async || {
        let (stream, body) = (connect_with_small_buffer(&node).await, json!({ "query": query }));
        let events = Events::request_over(stream, Method::POST, "/graphql", host.token(&app.app), Some(body)).await;
        assert_eq!(events.status, 200);
        wait_for_listeners(&app, 2).await;
        // Each event is 240 kB. Together they exceed the socket buffers, but not the number of events that may wait.
        for _ in 0..100 {
            app.db.events().publish(event.as_ref().clone());
        }
        wait_for_listeners(&app, 0).await;
        events
    };
    let mut events = unread().await;
    let mut last = Value::Null;
    while let Some((event, data)) = events.next().await {
        if event == "next" {
            last = data;
        }
    }
    assert_eq!(code(&last), "SLOW_CONSUMER");
    drop(events);
    // A connection that is never read from is closed too, and no longer counts against the limit.
    let mut unread_events = unread().await;
    let is_free =
        async || Events::post(&node, host.token(&app.app), HOST_BOOKING_CHANGED, json!({})).await.status != 429;
    wait_until("the connection no longer counts against the limit", is_free).await;
    let mut rest = Vec::new();
    let _ =
        timeout(TIMEOUT, unread_events.stream.read_to_end(&mut rest)).await.expect("the server closes the connection");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "an incomplete response has no final chunk");
    node.shut_down().await;
    app.finish().await;
}

#[tokio::test]
async fn subscriptions_are_refused_on_plain_http() {
    let app = TestApp::new().await;
    let answer = app.post(&Anonymous, HOST_BOOKING_CHANGED, json!({})).await;
    assert_eq!((answer.status.as_u16(), code(&answer.json())), (200, &json!("OPERATION_NOT_SUPPORTED")));
    app.finish().await;
}
