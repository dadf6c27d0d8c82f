//! The built program whose files may not grow any further, for a while: each write beyond the limit fails as on a disk
//! that has no room left. Needs no rights beyond those of the user.

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

use crate::client::{Who, document_with};
use crate::database::is_postgres;
use crate::harness::{Person, TestApp};
use crate::scenes::{key, new_york};
use crate::soak::process::{command, post};

const CLIENTS: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often readiness is asked for.
const PACE: Duration = Duration::from_millis(50);
/// Larger than any file of a test.
const ENOUGH: &str = "1073741824:";
/// How much may still be written, from the start of a file: nothing, or now and then a commit.
const LIMITS: [&str; 3] = ["4096:", "300000:", "4096:"];

/// A server, killed with the test.
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
        // A write beyond the limit is an error, not the end of the process.
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

    /// Waits until readiness answers so.
    async fn expect_ready(&self, status: &str) {
        let asked = async {
            let mut pace = tokio::time::interval(PACE);
            loop {
                pace.tick().await;
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
        tokio::time::timeout(TIMEOUT, asked).await.unwrap_or_else(|_| panic!("readiness never answered {status}"));
    }
}

/// What the clients have been told.
#[derive(Default)]
struct Told {
    acknowledged: Mutex<Vec<String>>,
    refused: AtomicUsize,
    changed: Notify,
    is_over: AtomicBool,
}

impl Told {
    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until so many more were acknowledged or refused.
    async fn more(&self, acknowledged: usize, refused: usize) {
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
        tokio::time::timeout(TIMEOUT, enough).await.expect("the program goes on answering");
    }
}

/// Creates drafts until it is over.
async fn client(app: &TestApp, server: &Limited, host: Person, told: &Told) {
    let given = json!({ "listing": new_york() });
    let document = document_with("listingCreate", &given, "listing { id }", None);
    let token = host.token(&app.app);
    while !told.is_over.load(Ordering::Relaxed) {
        let body = json!({ "query": document, "variables": given });
        let answer = post(&server.address, "/graphql", token.as_deref(), &body).await.expect("an answer");
        match answer["data"]["listingCreate"]["listing"]["id"].as_str() {
            Some(id) => told.acknowledged.lock().unwrap().push(id.to_owned()),
            None => drop(told.refused.fetch_add(1, Ordering::Relaxed)),
        }
        told.changed.notify_waiters();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_full_disk_under_load_nothing_that_was_acknowledged_is_missing() {
    if is_postgres() {
        return;
    }
    let app = TestApp::new().await;
    let mut hosts = Vec::new();
    for _ in 0..CLIENTS {
        hosts.push(app.host().await);
    }
    let server = Limited::start(&app);
    let told = Told::default();
    let clients = join_all(hosts.into_iter().map(|host| client(&app, &server, host, &told)));
    let faults = async {
        server.expect_ready("200").await;
        told.more(40, 0).await;
        for limit in LIMITS {
            server.limit_files(limit);
            told.more(0, 20).await;
            server.expect_ready("503").await;
            server.limit_files(ENOUGH);
            server.expect_ready("200").await;
            told.more(40, 0).await;
        }
        told.is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(clients, faults);
    // Nothing is finished in order, so what was not committed is gone.
    drop(server);
    let mut missing = Vec::new();
    let acknowledged = told.acknowledged.into_inner().unwrap();
    for id in &acknowledged {
        if app.count("listing WHERE id = $1", [key(id).into()]).await != 1 {
            missing.push(id);
        }
    }
    assert!(missing.is_empty(), "{} of {} acknowledged writes are missing", missing.len(), acknowledged.len());
    app.finish().await;
}
