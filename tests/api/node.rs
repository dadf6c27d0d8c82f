//! The server on a port of its own, for what does not go over a router alone: connections that stay open.

use std::net::SocketAddr;
use std::time::Duration;

use roost::server::{Limits, serve_within};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::TestApp;

/// How long something that must come is waited for: far longer than it takes, so that only what never comes fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A server that listens.
pub struct Node {
    pub address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Node {
    /// Serves `app` within these limits.
    pub async fn start(app: &TestApp, limits: Limits) -> Node {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve_within(limits, app.app.clone(), listener, stop.clone()));
        Node { address, stop, serving }
    }

    /// Tells it to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        self.stopped_within(PATIENCE).await;
    }

    /// The same in less time than others may take.
    pub async fn stopped_within(self, patience: Duration) {
        self.stop.cancel();
        let serving = tokio::time::timeout(patience, self.serving).await;
        serving.expect("the server stops in time").unwrap();
    }
}

/// A connection with next to no room for what its client does not read.
pub async fn narrow(node: &Node) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket.connect(node.address).await.unwrap()
}

/// Waits until so many listen to what happens.
pub async fn listeners(app: &TestApp, count: usize) {
    until(&format!("{count} listen"), async || app.db.events().listeners() == count).await;
}

/// Waits until something is so, by asking again as soon as everything else has had its turn.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
