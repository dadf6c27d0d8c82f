//! The built program, run as a process that is killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::flows::Flow;
use crate::database::SECRET;
use crate::harness::TestApp;
use crate::waiting::TIMEOUT;

/// A process. It is killed when this value is dropped, if not before.
pub struct Program {
    process: Child,
    stdout: UnboundedReceiver<String>,
    /// The server's address. Empty if the process does not serve.
    pub server: Server,
}

/// The address of a server.
#[derive(Clone, Default)]
pub struct Server(String);

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Program {
    /// Starts the program on the test's database, with its clock set to the test's. Waits until a server listens.
    pub async fn start(app: &TestApp, flow: &Flow, args: &[&str], variables: &[(&str, &str)]) -> Program {
        let mut command = app.program(args);
        let now = app.clock.now().to_rfc3339_opts(SecondsFormat::Micros, true);
        command.args(flow.flags).env("ROOST_TEST_CLOCK", now).env("ROOST_SIGNING_KEYS", SECRET);
        command
            .env("ROOST_RATE_LIMIT", "off")
            .env("ROOST_COST_BUDGET", "off")
            .env("ROOST_WORKER", "off")
            .env("ROOST_LOG", "warn");
        command.envs(variables.iter().copied()).stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, stdout) = unbounded_channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut program = Program { process, stdout, server: Server::default() };
        if args.first() == Some(&"serve") {
            let line = program.find_line(|line| line.contains("http://") && line.ends_with("/graphql")).await;
            let (_, address) = line.split_once("http://").unwrap();
            program.server = Server(address.trim_end_matches("/graphql").to_owned());
        }
        program
    }

    async fn find_line(&mut self, matches: impl Fn(&str) -> bool) -> String {
        let found = async {
            loop {
                let line = self.stdout.recv().await.expect("the program has ended");
                if matches(&line) {
                    return line;
                }
            }
        };
        tokio::time::timeout(TIMEOUT, found).await.expect("the program prints the line in time")
    }

    /// Waits until the program prints this line.
    pub async fn wait_for_line(&mut self, line: &str) {
        self.find_line(|printed| printed == line).await;
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Server {
    /// Sends JSON by POST and returns the JSON of the response.
    pub async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Value {
        let (host, body) = (&self.0, body.to_string());
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n{bearer}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = async {
            let mut stream = TcpStream::connect(host).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = tokio::time::timeout(TIMEOUT, answer).await.expect("the program responds in time");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("not an HTTP response: {answer}"));
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// Moves the clock forward, runs the jobs that are due and returns the time on the clock.
    pub async fn drain_after(&self, seconds: i64) -> DateTime<Utc> {
        let change = json!({ "advance_seconds": seconds, "drain": true });
        let moved = self.post("/test/clock", None, &change).await;
        moved["now"].as_str().unwrap().parse().unwrap()
    }

    /// Moves the clock forward.
    pub async fn wait(&self, seconds: i64) {
        self.post("/test/clock", None, &json!({ "advance_seconds": seconds })).await;
    }
}
