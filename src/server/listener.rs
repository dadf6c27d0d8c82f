//! Accepts connections and closes those that send no request in time or do not read their response.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::connections::Limits;

/// How long to wait before accepting again when the system lacks a resource, such as file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);
/// How much longer the write timeout of a connection is than that of a message, so that a WebSocket or an event stream
/// has time to send the reason why it ends.
const FINAL_WRITE_TIME: Duration = Duration::from_secs(3);

/// Serves `routes` on every connection until `stop` is cancelled, then finishes requests in flight. A connection is
/// closed if its client does not send the head of a request in time, counted from the start or from the end of the last
/// response, or if the client does not read what it is sent.
pub(super) async fn accept_connections(routes: Router, listener: TcpListener, limits: Limits, stop: CancellationToken) {
    let shutdown_timeout = limits.shutdown_timeout;
    let builder = Arc::new(http_builder(limits.request_head_timeout));
    let server = ConnectionServer { builder, routes, limits, abort: CancellationToken::new() };
    // However this function ends, no connection outlives it.
    let _abort = server.abort.clone().drop_guard();
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, address)) => server.serve(&open, stream, address),
            Err(error) if is_caused_by_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections at the moment");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(shutdown_timeout, open.shutdown()).await.is_err() {
        tracing::warn!(waited_s = shutdown_timeout.as_secs(), "closed connections that did not end in time");
    }
}

fn http_builder(request_head_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(request_head_timeout);
    // An HTTP/2 client may be silent as long as it answers pings.
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(request_head_timeout).enable_connect_protocol();
    builder
}

/// Serves single connections.
struct ConnectionServer {
    routes: Router,
    builder: Arc<Builder<TokioExecutor>>,
    limits: Limits,
    /// Cancelled when no connection may be served any longer.
    abort: CancellationToken,
}

impl ConnectionServer {
    fn serve(&self, open: &GracefulShutdown, stream: TcpStream, address: SocketAddr) {
        let has_request = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let (routes, has_request) = (self.routes.clone(), has_request.clone());
            move |request: Request<Incoming>| {
                has_request.store(true, Ordering::Relaxed);
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(address));
                routes.clone().oneshot(request)
            }
        });
        // Events and responses are written whole. Waiting for more data would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set on a connection");
        }
        let (builder, timeout, abort) = (self.builder.clone(), self.limits.request_head_timeout, self.abort.clone());
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write_timeout.saturating_add(FINAL_WRITE_TIME)));
        let watcher = open.watcher();
        tokio::spawn(async move {
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(Box::pin(stream)), service);
            let serving = watcher.watch(connection);
            tokio::pin!(serving);
            // hyper detects the protocol from the first bytes and waits for them without a time limit, so they have one
            // here.
            let is_silent = async {
                tokio::time::sleep(timeout).await;
                !has_request.load(Ordering::Relaxed)
            };
            let ended = tokio::select! {
                ended = &mut serving => ended,
                true = is_silent => return,
                () = abort.cancelled() => return,
            };
            if let Err(error) = ended {
                tracing::trace!(error, "a connection ended");
            }
        });
    }
}

/// Whether the error is that of a client that has disconnected already.
fn is_caused_by_client(error: &Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}
