//! Connections as they come: each must ask for something in time and read what it is answered, or makes room for others.

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

/// How long accepting rests when the system has nothing to give, such as open files.
const REST: Duration = Duration::from_secs(1);
/// How much longer than a message may wait to be read a connection lives: time for a socket, or a stream of events, to
/// say why it ends.
const LAST_WORD: Duration = Duration::from_secs(3);

/// Serves `routes` to all who connect, until told to stop; then finishes what is in flight. A connection is closed whose
/// client has not sent the head of a request within its time, from the start or from the end of the last answer, or
/// reads nothing of what it is sent.
pub(super) async fn accept(routes: Router, listener: TcpListener, limits: Limits, stop: CancellationToken) {
    let last_answers = limits.last_answers;
    let door =
        Door { builder: Arc::new(protocols(limits.request_head)), routes, limits, over: CancellationToken::new() };
    // Whatever becomes of this, no connection outlives it.
    let _over = door.over.clone().drop_guard();
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, address)) => door.connected(&open, stream, address),
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted now");
                tokio::time::sleep(REST).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(last_answers, open.shutdown()).await.is_err() {
        tracing::warn!(waited_s = last_answers.as_secs(), "some connections had not ended and were closed");
    }
}

fn protocols(head: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head);
    // A client of HTTP/2 may be silent for as long as it answers pings.
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(head).enable_connect_protocol();
    builder
}

/// What every connection is given.
struct Door {
    routes: Router,
    builder: Arc<Builder<TokioExecutor>>,
    limits: Limits,
    /// No connection is served any more.
    over: CancellationToken,
}

impl Door {
    fn connected(&self, open: &GracefulShutdown, stream: TcpStream, address: SocketAddr) {
        let asked = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let (routes, asked) = (self.routes.clone(), asked.clone());
            move |request: Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(ConnectInfo(address));
                routes.clone().oneshot(request)
            }
        });
        // Events and answers are written whole; waiting for more to send only makes them late.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits before it sends");
        }
        let (builder, head, over) = (self.builder.clone(), self.limits.request_head, self.over.clone());
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.patience.saturating_add(LAST_WORD)));
        let watcher = open.watcher();
        tokio::spawn(async move {
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(Box::pin(stream)), service);
            let serving = watcher.watch(connection);
            tokio::pin!(serving);
            // The protocol is told from the first bytes, and nothing but this waits for those with an end.
            let silent = async {
                tokio::time::sleep(head).await;
                !asked.load(Ordering::Relaxed)
            };
            let ended = tokio::select! {
                ended = &mut serving => ended,
                true = silent => return,
                () = over.cancelled() => return,
            };
            if let Err(error) = ended {
                tracing::trace!(error, "a connection ended");
            }
        });
    }
}

/// Whether the fault lies with a client that has gone already.
fn is_of_the_connection(error: &Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}
