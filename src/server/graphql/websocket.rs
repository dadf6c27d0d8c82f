//! GraphQL over WebSocket with the protocol graphql-transport-ws. `docs/subscriptions.md` describes it for clients.
//!
//! **Invariant:** an operation gets any number of `next` messages and one `complete`, or one `error` if it is refused
//! or aborted. After either, and after the client's own `complete`, no message refers to it. If a client violates the
//! protocol, its socket is closed with the code of the violation.

mod close_reason;
mod connection;
mod message;
mod operations;

use axum::extract::FromRequestParts;
use axum::extract::Request;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{Method, header};
use axum::response::Response;
use tracing::Instrument;

use self::close_reason::CloseReason;
use self::connection::Connection;
use super::origin;
use crate::server::connections::ConnectionOwner;
use crate::server::content_negotiation::MediaType;
use crate::server::rejection::Rejection;
use crate::server::request_id::request_id;
use crate::server::state::ServerState;
use crate::server::viewer::count_request;

/// The name of the protocol.
const SUBPROTOCOL: &str = "graphql-transport-ws";
/// Size of the read buffer in bytes. Most messages are short, and most sockets are idle.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// A message up to this multiple of the limit is read before it is refused, so that its sender gets the reason.
const READABLE_FACTOR: usize = 4;

/// Whether a request opens a WebSocket.
pub(super) fn is_upgrade(request: &Request) -> bool {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let upgrades = upgrade.split(',').any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"));
    request.method() == Method::CONNECT || (request.method() == Method::GET && upgrades)
}

/// Opens a socket and serves it, or rejects the request.
pub(super) async fn open(state: ServerState, request: Request) -> Response {
    let mut parts = request.into_parts().0;
    let id = request_id(&parts.extensions);
    let opened = async {
        // Counted first, so that rejected requests count as well.
        let client = count_request(&parts, &state)?;
        // Browsers send the origin and make no preflight request for a socket. A client without an origin is not a page
        // (RFC 6455, section 10.2).
        if origin::is_allowed_origin(&state, &parts) == Some(false) {
            return Err(Rejection::ForeignOrigin);
        }
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
        let upgrade = upgrade.map_err(|rejection| Rejection::Malformed(rejection.body_text()))?;
        let owner = client.ip.map(ConnectionOwner::Address);
        let slot =
            owner.map(|owner| state.connections.admit(owner).ok_or(Rejection::TooManyConnections)).transpose()?;
        let authorization = parts.headers.get(header::AUTHORIZATION);
        let authorization = authorization.map(|value| value.to_str().unwrap_or_default().to_owned());
        let readable = state.connections.limits().message_bytes.saturating_mul(READABLE_FACTOR);
        let upgrade = upgrade.protocols([SUBPROTOCOL]).read_buffer_size(READ_BUFFER_BYTES).max_message_size(readable);
        let upgrade = upgrade.max_frame_size(readable);
        let span = tracing::Span::current();
        let keep_open = state.connections.keep_open();
        Ok(upgrade.on_upgrade(move |socket| {
            let has_subprotocol = socket.protocol().is_some();
            let connection = Connection::new(state, socket, client, authorization);
            let serving = async move {
                if has_subprotocol {
                    connection.serve().await;
                } else {
                    connection.close(CloseReason::UnknownSubprotocol).await;
                }
                drop((slot, keep_open));
            };
            serving.instrument(span)
        }))
    };
    opened.await.unwrap_or_else(|rejection: Rejection| rejection.into_response(MediaType::Json, &id))
}
