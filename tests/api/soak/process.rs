//! Processes of the built program, which the test kills and restarts. They are killed when the test ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::database::SECRET;
use crate::harness::{START, TestApp, instant};

/// The timeout of a request, after which the client repeats it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The clock of all processes: it runs, and can be moved forward.
pub struct SoakClock {
    started: Instant,
    moved: Mutex<TimeDelta>,
}

impl SoakClock {
    pub fn new() -> SoakClock {
        SoakClock { started: Instant::now(), moved: Mutex::new(TimeDelta::zero()) }
    }

    pub fn now(&self) -> DateTime<Utc> {
        instant(START) + TimeDelta::from_std(self.started.elapsed()).unwrap() + *self.moved.lock().unwrap()
    }

    pub fn advance(&self, by: TimeDelta) {
        *self.moved.lock().unwrap() += by;
    }
}

/// A process that is killed when it is dropped.
struct Running {
    child: Child,
    /// Kept open, so that the process can write to its standard output.
    _stdout: BufReader<ChildStdout>,
    address: Option<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A node or a worker, which can be killed and restarted.
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

    /// The address it listens on, while it runs.
    pub fn address(&self) -> Option<String> {
        self.running.lock().unwrap().as_ref().and_then(|running| running.address.clone())
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&self) {
        drop(self.running.lock().unwrap().take());
    }

    /// Starts the process with its clock at `now`. Returns once it listens.
    pub fn start(&self, app: &TestApp, now: DateTime<Utc>) {
        let mut program = if self.is_node {
            command(app, &["serve", "--worker=off", "--listen=127.0.0.1:0"], now)
        } else {
            command(app, &["worker"], now)
        };
        let mut child = program.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let address = self.is_node.then(|| {
            loop {
                let mut line = String::new();
                assert!(stdout.read_line(&mut line).unwrap() > 0, "a node ended before it listened");
                let address = line.trim().split_once("http://").and_then(|(_, rest)| rest.strip_suffix("/graphql"));
                if let Some(address) = address {
                    break address.to_owned();
                }
            }
        });
        *self.running.lock().unwrap() = Some(Running { child, _stdout: stdout, address });
    }
}

/// A command of the program with the settings of these tests.
pub fn command(app: &TestApp, args: &[&str], now: DateTime<Utc>) -> Command {
    let mut program = app.program(args);
    let flags =
        ["--rate-limit=off", "--cost-budget=off", "--guest-fee-ppm=0", "--host-fee-ppm=155000", "--trust-proxy=off"];
    program.args(flags).arg(format!("--signing-keys={SECRET}"));
    program.env("ROOST_TEST_CLOCK", now.to_rfc3339()).stderr(std::process::Stdio::null());
    program
}

/// Posts JSON. `None` if there was no complete response.
pub async fn post(address: &str, path: &str, token: Option<&str>, body: &Value) -> Option<Value> {
    let body = body.to_string();
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {bearer}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let response = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let answer = String::from_utf8(answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        // A process that was killed while it responded leaves an incomplete body.
        serde_json::from_str(body).ok()
    };
    tokio::time::timeout(TIMEOUT, response).await.ok().flatten()
}

/// Moves a node's clock. With `drain`, runs the jobs that are due.
pub async fn set_clock(address: &str, to: DateTime<Utc>, drain: bool) -> Option<Value> {
    post(address, "/test/clock", None, &json!({ "set": to, "drain": drain })).await
}
