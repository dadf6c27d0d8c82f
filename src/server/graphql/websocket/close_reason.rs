//! Why a socket is closed: the close codes of graphql-transport-ws, and those of RFC 6455 for all other reasons.

use axum::extract::ws::CloseFrame;
use tokio_tungstenite::tungstenite;

use crate::domain::error::Error;
use crate::server::rejection::Rejection;

/// Longest reason in a close frame, in bytes (RFC 6455, section 5.5).
const MAX_REASON_BYTES: usize = 123;

/// Why a socket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The client closed the socket or has disconnected. No close frame is sent.
    Disconnected,
    /// The server is stopping. Clients reconnect, possibly to another server.
    ServerStopping,
    /// The frames violate RFC 6455.
    InvalidFrames,
    /// A text message is not UTF-8.
    NotUtf8,
    /// A message is too large.
    MessageTooLarge,
    /// Too many messages. Clients do not reconnect.
    TooManyMessages,
    /// A temporary reason. Clients reconnect later.
    RetryLater(String),
    /// A message violates the protocol.
    Malformed(String),
    /// An operation was sent before the connection was acknowledged.
    Unauthorized,
    /// The token is not valid, or no longer valid. Clients get a new token and reconnect.
    Forbidden(String),
    /// The client did not offer the subprotocol.
    UnknownSubprotocol,
    /// The client did not send `connection_init` in time.
    InitTimeout,
    /// An operation has the ID of one that is still running.
    DuplicateOperation(String),
    /// The client sent `connection_init` twice.
    TooManyInits,
}

impl CloseReason {
    /// The reason for an authorization that was rejected.
    pub(super) fn from_rejection(rejection: Rejection) -> CloseReason {
        match rejection {
            Rejection::Authentication(error) => CloseReason::from_authentication_error(error),
            _ => CloseReason::Forbidden("the authorization must be `Bearer` and a token".into()),
        }
    }

    /// The reason for a token that could not be authenticated.
    fn from_authentication_error(error: Error) -> CloseReason {
        match error {
            Error::Refused(refusals) => {
                CloseReason::Forbidden(refusals.into_iter().next().map(|refusal| refusal.message).unwrap_or_default())
            }
            Error::Failed(cause) => {
                tracing::error!(cause, "an access token could not be checked");
                CloseReason::RetryLater("internal error".into())
            }
        }
    }

    /// The reason for a viewer whose token or session has ended since the connection was acknowledged.
    pub(super) fn from_recheck_error(error: Error) -> CloseReason {
        match CloseReason::from_authentication_error(error) {
            CloseReason::Forbidden(_) => CloseReason::token_expired(),
            other => other,
        }
    }

    /// The token has expired, or its session has ended.
    pub(super) fn token_expired() -> CloseReason {
        CloseReason::Forbidden("token expired".into())
    }

    /// The reason for an error while reading from the socket.
    pub(super) fn from_read_error(error: axum::Error) -> CloseReason {
        match error.into_inner().downcast_ref::<tungstenite::Error>() {
            Some(tungstenite::Error::Capacity(_)) => CloseReason::MessageTooLarge,
            Some(tungstenite::Error::Utf8(_)) => CloseReason::NotUtf8,
            Some(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                CloseReason::Disconnected
            }
            Some(tungstenite::Error::Protocol(_)) => CloseReason::InvalidFrames,
            _ => CloseReason::Disconnected,
        }
    }

    /// Whether the server can no longer read from the socket although the client may still be connected.
    pub(super) fn is_read_failure(&self) -> bool {
        matches!(self, CloseReason::MessageTooLarge | CloseReason::NotUtf8 | CloseReason::InvalidFrames)
    }

    /// The close frame. None if the client has disconnected.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            CloseReason::Disconnected => return None,
            CloseReason::ServerStopping => (1001, "the server is stopping; connect again".into()),
            CloseReason::InvalidFrames => (1002, "the frames violate RFC 6455".into()),
            CloseReason::NotUtf8 => (1007, "the message is not UTF-8".into()),
            CloseReason::MessageTooLarge => (1009, "the message is too large".into()),
            CloseReason::TooManyMessages => (1008, "too many messages".into()),
            CloseReason::RetryLater(reason) => (1013, reason.clone()),
            CloseReason::Malformed(reason) => (4400, reason.clone()),
            CloseReason::Unauthorized => (4401, "Unauthorized".into()),
            CloseReason::Forbidden(reason) => (4403, reason.clone()),
            CloseReason::UnknownSubprotocol => (4406, "Subprotocol not acceptable: use graphql-transport-ws".into()),
            CloseReason::InitTimeout => (4408, "Connection initialisation timeout".into()),
            CloseReason::DuplicateOperation(id) => (4409, format!("Subscriber for {id} already exists")),
            CloseReason::TooManyInits => (4429, "Too many initialisation requests".into()),
        };
        Some(CloseFrame { code, reason: reason[..reason.floor_char_boundary(MAX_REASON_BYTES)].into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_truncated_at_a_character_boundary() {
        let frame = CloseReason::Malformed("é".repeat(100)).frame().unwrap();
        assert_eq!((frame.code, frame.reason.as_str()), (4400, "é".repeat(61).as_str()));
        assert_eq!(CloseReason::Disconnected.frame(), None);
    }
}
