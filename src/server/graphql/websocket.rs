//! GraphQL over WebSocket by the protocol graphql-transport-ws, which `docs/subscriptions.md` tells clients about.
//!
//! **Invariant:** an operation is answered by any number of `next` and one `complete`, or, when it is refused or broken
//! off, ends with one `error`; after either, and after the client's own `complete`, nothing more is said of it. A
//! client that breaks the protocol is told how by the code that its socket is closed with.

mod closing;
mod connection;
mod message;
mod operations;

use axum::extract::FromRequestParts;
use axum::extract::Request;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{Method, header};
use axum::response::Response;
use tracing::Instrument;

use self::closing::Closing;
use self::connection::Connection;
use super::content_negotiation::Media;
use super::origin;
use super::rejection::Failure;
use crate::server::connections::Whose;
use crate::server::viewer::counted;
use crate::server::{Served, request_id};

/// The name of the protocol.
const SUBPROTOCOL: &str = "graphql-transport-ws";
/// Bytes that are read at once. Most messages are short, and most sockets silent.
const READ_BUFFER: usize = 8 * 1024;
/// A message that is too large is still read within so many times the limit, so that its sender can be told.
const READABLE_FACTOR: usize = 4;

/// Whether a request asks for a socket.
pub(super) fn is_asked_for(request: &Request) -> bool {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let upgrades = upgrade.split(',').any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"));
    request.method() == Method::CONNECT || (request.method() == Method::GET && upgrades)
}

/// Opens a socket and serves it, or says why not.
pub(super) async fn open(served: Served, request: Request) -> Response {
    let mut parts = request.into_parts().0;
    let id = request_id(&parts.extensions);
    let opened = async {
        // Counted before anything is looked at, so that what is refused counts as well.
        let client = counted(&parts, &served)?;
        // Browsers name the origin and ask for no permission before a socket is opened; whoever names none is no page
        // (RFC 6455, section 10.2).
        if origin::may_ask(&served, &parts) == Some(false) {
            return Err(Failure::ForeignOrigin);
        }
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
        let upgrade = upgrade.map_err(|rejection| Failure::Malformed(rejection.body_text()))?;
        let place = client.ip.map(|ip| served.connections.admit(Whose::Address(ip)).ok_or(Failure::Crowded));
        let place = place.transpose()?;
        let authorization = parts.headers.get(header::AUTHORIZATION);
        let authorization = authorization.map(|value| value.to_str().unwrap_or_default().to_owned());
        let readable = served.connections.limits().message_bytes.saturating_mul(READABLE_FACTOR);
        let upgrade = upgrade.protocols([SUBPROTOCOL]).read_buffer_size(READ_BUFFER).max_message_size(readable);
        let upgrade = upgrade.max_frame_size(readable);
        let span = tracing::Span::current();
        let held = served.connections.held();
        Ok(upgrade.on_upgrade(move |socket| {
            let agreed = socket.protocol().is_some();
            let connection = Connection::new(served, socket, client, authorization);
            let served = async move {
                if agreed {
                    connection.serve().await;
                } else {
                    connection.close(Closing::Subprotocol).await;
                }
                drop((place, held));
            };
            served.instrument(span)
        }))
    };
    opened.await.unwrap_or_else(|failure: Failure| failure.answered(Media::Json, &id))
}
