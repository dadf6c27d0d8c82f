//! Processes of the built program that are killed and started again, and never outlive the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{START, TestApp, at};

/// How long an answer is waited for before the request is sent anew.
const PATIENCE: Duration = Duration::from_secs(10);

/// The hour at which all processes are.
pub struct Hour {
    began: Instant,
    moved: Mutex<TimeDelta>,
}

impl Hour {
    pub fn new() -> Hour {
        Hour { began: Instant::now(), moved: Mutex::new(TimeDelta::zero()) }
    }

    pub fn now(&self) -> DateTime<Utc> {
        at(START) + TimeDelta::from_std(self.began.elapsed()).unwrap() + *self.moved.lock().unwrap()
    }

    pub fn advance(&self, by: TimeDelta) {
        *self.moved.lock().unwrap() += by;
    }
}

/// A process, killed with what holds it.
struct Running {
    child: Child,
    /// Held open, so that the process can go on speaking.
    _said: BufReader<ChildStdout>,
    address: Option<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A place for one process: a node that serves, or a worker.
pub struct Slot {
    is_node: bool,
    running: Mutex<Option<Running>>,
}

impl Slot {
    pub fn node() -> Slot {
        Slot { is_node: true, running: Mutex::new(None) }
    }

    pub fn worker() -> Slot {
        Slot { is_node: false, running: Mutex::new(None) }
    }

    pub fn is_node(&self) -> bool {
        self.is_node
    }

    /// Where it listens, while it runs.
    pub fn address(&self) -> Option<String> {
        self.running.lock().unwrap().as_ref().and_then(|running| running.address.clone())
    }

    /// SIGKILL: nothing is finished.
    pub fn kill(&self) {
        drop(self.running.lock().unwrap().take());
    }

    /// Starts it at an hour; returns once it listens.
    pub fn start(&self, app: &TestApp, now: DateTime<Utc>) {
        let mut program = if self.is_node {
            command(app, &["serve", "--worker=off", "--listen=127.0.0.1:0"], now)
        } else {
            command(app, &["worker"], now)
        };
        let mut child = program.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let address = self.is_node.then(|| {
            loop {
                let mut line = String::new();
                assert!(said.read_line(&mut line).unwrap() > 0, "a node ended before it listened");
                let place = line.trim().split_once("http://").and_then(|(_, place)| place.strip_suffix("/graphql"));
                if let Some(place) = place {
                    break place.to_owned();
                }
            }
        });
        *self.running.lock().unwrap() = Some(Running { child, _said: said, address });
    }
}

/// The program with the settings of these tests.
pub fn command(app: &TestApp, args: &[&str], now: DateTime<Utc>) -> Command {
    let mut program = app.program(args);
    let flags =
        ["--rate-limit=off", "--cost-budget=off", "--guest-fee-ppm=0", "--host-fee-ppm=155000", "--trust-proxy=off"];
    program.args(flags).arg("--signing-keys=a secret that only tests of this crate know");
    program.env("ROOST_TEST_CLOCK", now.to_rfc3339()).stderr(std::process::Stdio::null());
    program
}

/// A POST of JSON; nothing when there was no answer.
pub async fn post(address: &str, path: &str, token: Option<&str>, body: &Value) -> Option<Value> {
    let body = body.to_string();
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {bearer}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let answer = String::from_utf8(answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        // A process that was killed while it spoke has left half an answer.
        serde_json::from_str(body).ok()
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
}

/// Moves a node's clock to an hour; with `drain`, does what is due there.
pub async fn set_clock(address: &str, to: DateTime<Utc>, drain: bool) -> Option<Value> {
    post(address, "/test/clock", None, &json!({ "set": to, "drain": drain })).await
}
