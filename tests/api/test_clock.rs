//! The test clock: it moves forward over HTTP, never back, and is served only with the flag.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout};

use axum::body::Body;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::{START, TestApp, instant};

const FLAG: &str = "--test-clock=2027-01-05T12:00:00Z";

async fn post(app: &TestApp, body: Value) -> Answer {
    let request = Request::post("/test/clock").header(CONTENT_TYPE, "application/json");
    app.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn moving_the_clock_runs_due_jobs_before_the_response() {
    let app = TestApp::with(&[FLAG]).await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    let state = async || app.booking(&guest, &booking).await["state"].clone();
    assert_eq!(app.get("/test/clock").await.json(), json!({ "now": instant(START) }));
    assert_eq!(state().await, "CONFIRMED");

    let moved = post(&app, json!({ "set": "2027-03-01T23:00:00Z" })).await;
    assert_eq!((moved.status.as_u16(), moved.json()), (200, json!({ "now": instant("2027-03-01T23:00:00Z") })));
    assert_eq!(state().await, "CONFIRMED", "jobs run only with `drain`");
    let moved = post(&app, json!({ "advance_seconds": 1, "drain": true })).await;
    assert_eq!(moved.json(), json!({ "now": instant("2027-03-01T23:00:01Z") }));
    assert_eq!(state().await, "CHECKED_IN");
    post(&app, json!({ "advance_seconds": 10 * 86_400, "drain": true })).await;
    assert_eq!(state().await, "COMPLETED");
    app.finish().await;
}

#[tokio::test]
async fn the_clock_does_not_move_back_or_by_invalid_values() {
    let app = TestApp::with(&[FLAG]).await;
    let refused = [
        (json!({ "advance_seconds": -1 }), 400, "INVALID", json!(["advance_seconds"])),
        (json!({ "advance_seconds": i64::MAX }), 400, "INVALID", json!(["advance_seconds"])),
        (json!({ "advance_seconds": 9_000_i64 * 366 * 86_400 }), 400, "INVALID", json!(["advance_seconds"])),
        (json!({ "set": "2027-01-05T11:59:59Z" }), 400, "INVALID", json!(["set"])),
        (json!({ "set": "9999-01-05T11:59:59Z" }), 400, "INVALID", json!(["set"])),
        (json!({ "set": "2027-02-05T12:00:00Z", "advance_seconds": 1 }), 400, "INVALID", json!([])),
        (json!({ "drain": true }), 400, "INVALID", json!([])),
        (json!({ "set": "tomorrow" }), 422, "BAD_REQUEST", json!([])),
        (json!({ "advance_days": 1 }), 422, "BAD_REQUEST", json!([])),
    ];
    for (body, status, code, field) in refused {
        let answer = post(&app, body.clone()).await;
        let extensions = &answer.json()["errors"][0]["extensions"];
        assert_eq!(
            (answer.status.as_u16(), &extensions["code"], &extensions["field"]),
            (status, &json!(code), &field),
            "{body}"
        );
    }
    assert_eq!(app.clock.now(), instant(START));
    let request = Request::post("/test/clock").header(CONTENT_TYPE, "text/plain");
    let answer = app.send(request.body(Body::from(r#"{"advance_seconds":1}"#)).unwrap()).await;
    assert_eq!(answer.status, 415, "a page of another origin could send that");
    app.finish().await;
}

#[tokio::test]
async fn without_the_flag_the_clock_cannot_be_moved() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/test/clock").await.status, 404);
    assert_eq!(post(&app, json!({ "advance_seconds": 1 })).await.status, 404);
    assert_eq!(app.clock.now(), instant(START));
    app.finish().await;
}

/// A server in a separate process, killed at the end of the test.
struct Server {
    process: Child,
    address: String,
    /// Kept open, so that the server can write to its standard output.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Server {
    /// Starts the server, and waits until it prints its address.
    fn start(app: &TestApp) -> Server {
        let mut process = app.program(&["serve", "--listen=127.0.0.1:0"]).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.by_ref().map(Result::unwrap).find_map(|line| {
            let (_, address) = line.split_once("http://")?;
            address.strip_suffix("/graphql").map(str::to_owned)
        });
        Server { process, address: address.expect("the server prints its address"), _stdout: lines }
    }

    /// Sends a request, and returns the status and the body of the response.
    fn send(&self, method: &str, body: &str) -> (String, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} /test/clock HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), serde_json::from_str(body).unwrap())
    }
}

#[tokio::test]
async fn the_program_serves_the_test_clock_and_its_worker_uses_it() {
    let app = TestApp::new().await;
    let (host, guest) = (app.host().await, app.guest().await);
    let listing = app.published_listing(&host, json!({})).await;
    let booking = app.book(&guest, &listing, "2027-03-01", "2027-03-03").await;
    assert_eq!(booking["state"], "CONFIRMED");

    let server = Server::start(&app);
    let now = |answer: &Value| instant(answer["now"].as_str().unwrap());
    let (status, first) = server.send("GET", "");
    assert!(
        status == "200" && now(&first) > instant(START) && now(&first) < instant("2027-01-05T13:00:00Z"),
        "{first}"
    );
    let (_, second) = server.send("GET", "");
    assert!(now(&second) > now(&first), "the clock runs between requests");
    let (status, _) = server.send("POST", r#"{"set":"2027-01-05T12:00:00Z"}"#);
    assert_eq!(status, "400", "the time is in the past");
    let (status, moved) = server.send("POST", r#"{"set":"2027-03-20T12:00:00Z","drain":true}"#);
    assert!(status == "200" && now(&moved) >= instant("2027-03-20T12:00:00Z"), "{moved}");
    assert_eq!(app.booking(&guest, &booking).await["state"], "COMPLETED");
    drop(server);
    app.set("2027-03-20T12:00:00Z");
    app.finish().await;
}

#[tokio::test]
async fn the_program_refuses_the_test_clock_on_public_addresses_and_with_live_keys() {
    let app = TestApp::new().await;
    for (listen, key, words) in [("0.0.0.0:0", "", "loopback"), ("127.0.0.1:0", "sk_live_abc", "live key")] {
        let mut program = app.program(&["serve", "--listen", listen]);
        program.env("STRIPE_SECRET_KEY", key);
        let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("--test-clock") && stderr.contains(words), "{stderr}");
        assert!(!stderr.contains("abc"), "{stderr}");
    }
    app.finish().await;
}
