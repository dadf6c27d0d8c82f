//! The server on a TCP port of its own, for tests of open connections, which a router alone cannot serve.

use std::net::SocketAddr;
use std::time::Duration;

use roost::server::{Limits, serve_within};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::TestApp;
use crate::waiting::{TIMEOUT, wait_until};

/// A server that accepts connections.
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

    /// Starts the shutdown.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Shuts the server down and waits until it has stopped.
    pub async fn shut_down(self) {
        self.shut_down_within(TIMEOUT).await;
    }

    /// Shuts the server down, which may take `timeout` at most.
    pub async fn shut_down_within(self, timeout: Duration) {
        self.stop.cancel();
        let serving = tokio::time::timeout(timeout, self.serving).await;
        serving.expect("the server stops in time").unwrap();
    }
}

/// A connection with a receive buffer of 4 KiB, so that the server soon blocks on a client that does not read.
pub async fn connect_with_small_buffer(node: &Node) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket.connect(node.address).await.unwrap()
}

/// Waits until the app has exactly `count` subscribers to its events.
pub async fn wait_for_listeners(app: &TestApp, count: usize) {
    wait_until(&format!("there are {count} listeners"), async || app.db.events().listeners() == count).await;
}
