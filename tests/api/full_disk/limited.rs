//! The built program with a temporary limit on the size of its files. Each write beyond the limit fails as on a full
//! disk. The test needs no additional privileges.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::client::{Caller, document_with};
use crate::database::is_postgres;
use crate::harness::{Person, TestApp};
use crate::scenarios::{new_york, uuid_of};
use crate::soak::process::{command, post};
use crate::waiting::TIMEOUT;

const CLIENTS: usize = 8;
/// The interval at which the readiness check is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A limit that is larger than any file of a test.
const UNLIMITED: &str = "1073741824:";
/// The limits of a file's size. With the first no commit succeeds, with the second an occasional one does.
const LIMITS: [&str; 3] = ["4096:", "300000:", "4096:"];

/// A server whose files can be limited. It is killed when this value is dropped.
struct Limited {
    child: Child,
    address: String,
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Limited {
    fn start(app: &TestApp) -> Limited {
        let program = command(app, &["serve", "--worker=off", "--listen=127.0.0.1:0"], app.clock.now());
        // With SIGXFSZ ignored, a write beyond the limit fails with an error and does not end the process.
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let mut child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines
            .find_map(|line| Some(line.trim().split_once("http://")?.1.strip_suffix("/graphql")?.to_owned()))
            .expect("the program ended before it listened");
        std::thread::spawn(move || lines.for_each(drop));
        Limited { child, address }
    }

    fn limit_files(&self, bytes: &str) {
        let (process, size) = (format!("--pid={}", self.child.id()), format!("--fsize={bytes}"));
        let done = Command::new("prlimit").args([process, size]).status();
        assert!(done.expect("prlimit is installed").success());
    }

    /// Waits until the readiness check responds with this status.
    async fn expect_ready(&self, status: &str) {
        let polling = async {
            let mut interval = tokio::time::interval(POLL_INTERVAL);
            loop {
                interval.tick().await;
                let mut stream = TcpStream::connect(&self.address).await.unwrap();
                let request =
                    format!("GET /health/ready HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                if answer.starts_with(&format!("HTTP/1.1 {status}")) {
                    return;
                }
            }
        };
        tokio::time::timeout(TIMEOUT, polling)
            .await
            .unwrap_or_else(|_| panic!("readiness never responded with {status}"));
    }
}

/// The responses that the clients have received.
#[derive(Default)]
struct Outcomes {
    acknowledged: Mutex<Vec<String>>,
    refused: AtomicUsize,
    changed: Notify,
    is_over: AtomicBool,
}

impl Outcomes {
    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until this many further writes were acknowledged and refused.
    async fn wait_for_more(&self, acknowledged: usize, refused: usize) {
        let (acknowledged, refused) =
            (self.acknowledged() + acknowledged, self.refused.load(Ordering::Relaxed) + refused);
        let enough = async {
            loop {
                let changed = self.changed.notified();
                if self.acknowledged() >= acknowledged && self.refused.load(Ordering::Relaxed) >= refused {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(TIMEOUT, enough).await.expect("the program responds in time");
    }
}

/// Creates drafts until the test is over.
async fn client(app: &TestApp, server: &Limited, host: Person, outcomes: &Outcomes) {
    let given = json!({ "listing": new_york() });
    let document = document_with("listingCreate", &given, "listing { id }", None);
    let token = host.token(&app.app);
    while !outcomes.is_over.load(Ordering::Relaxed) {
        let body = json!({ "query": document, "variables": given });
        let answer = post(&server.address, "/graphql", token.as_deref(), &body).await.expect("an answer");
        match answer["data"]["listingCreate"]["listing"]["id"].as_str() {
            Some(id) => outcomes.acknowledged.lock().unwrap().push(id.to_owned()),
            None => drop(outcomes.refused.fetch_add(1, Ordering::Relaxed)),
        }
        outcomes.changed.notify_waiters();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_under_load_loses_no_acknowledged_write() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let mut hosts = Vec::new();
    for _ in 0..CLIENTS {
        hosts.push(app.host().await);
    }
    let server = Limited::start(&app);
    let outcomes = Outcomes::default();
    let clients = join_all(hosts.into_iter().map(|host| client(&app, &server, host, &outcomes)));
    let faults = async {
        server.expect_ready("200").await;
        outcomes.wait_for_more(40, 0).await;
        for limit in LIMITS {
            server.limit_files(limit);
            outcomes.wait_for_more(0, 20).await;
            server.expect_ready("503").await;
            server.limit_files(UNLIMITED);
            server.expect_ready("200").await;
            outcomes.wait_for_more(40, 0).await;
        }
        outcomes.is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(clients, faults);
    // The server is killed, so that only committed writes remain.
    drop(server);
    let mut missing = Vec::new();
    let acknowledged = outcomes.acknowledged.into_inner().unwrap();
    for id in &acknowledged {
        if app.count("listing WHERE id = $1", [uuid_of(id).into()]).await != 1 {
            missing.push(id);
        }
    }
    assert!(missing.is_empty(), "{} of {} acknowledged writes are missing", missing.len(), acknowledged.len());
    app.finish().await;
}
