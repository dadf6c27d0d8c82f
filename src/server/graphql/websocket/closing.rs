//! Why a socket is closed: the codes of graphql-transport-ws, and those of RFC 6455 for what it does not know.

use axum::extract::ws::CloseFrame;
use tokio_tungstenite::tungstenite;

use super::super::Failure;
use crate::domain::error::Error;

/// Longest reason that fits into a close frame (RFC 6455, section 5.5).
const LONGEST_REASON: usize = 123;

/// Why a socket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// The client wanted so, or is gone: there is nobody to tell.
    Gone,
    /// The server stops. Clients come back, perhaps to another one.
    Stopping,
    /// Frames that are none of WebSocket's.
    Broken,
    /// A text that is none: not UTF-8.
    NotText,
    /// A message larger than is taken.
    TooLarge,
    /// More messages than anybody needs. Clients stay away.
    Flood,
    /// Not now, for this reason. Clients come back later.
    Later(String),
    /// A message that is none of the protocol's.
    Malformed(String),
    /// An operation before the connection was acknowledged.
    Unauthorized,
    /// The token speaks for nobody, or does so no longer. Clients take a new token and come back.
    Forbidden(String),
    /// The client speaks another protocol.
    Subprotocol,
    /// The client did not say who it is in time.
    InitTimeout,
    /// An operation under an id of one that still runs.
    Taken(String),
    /// The client said who it is twice.
    InitAgain,
}

impl Closing {
    /// Why nobody is let in with an authorization.
    pub(super) fn unknown(failure: Failure) -> Closing {
        match failure {
            Failure::Authentication(error) => Closing::stranger(error),
            _ => Closing::Forbidden("the authorization must be `Bearer` and a token".into()),
        }
    }

    /// Why nobody could be found behind a token.
    pub(super) fn stranger(error: Error) -> Closing {
        match error {
            Error::Refused(refusals) => {
                Closing::Forbidden(refusals.into_iter().next().map(|refusal| refusal.message).unwrap_or_default())
            }
            Error::Failed(cause) => {
                tracing::error!(cause, "a token could not be checked");
                Closing::Later("internal error".into())
            }
        }
    }

    /// Why somebody who was let in may not go on: the token or its session has ended.
    pub(super) fn ended(error: Error) -> Closing {
        match Closing::stranger(error) {
            Closing::Forbidden(_) => Closing::expired(),
            other => other,
        }
    }

    /// The end of the token or of its session.
    pub(super) fn expired() -> Closing {
        Closing::Forbidden("token expired".into())
    }

    /// Why nothing more can be read.
    pub(super) fn broken(error: axum::Error) -> Closing {
        match error.into_inner().downcast_ref::<tungstenite::Error>() {
            Some(tungstenite::Error::Capacity(_)) => Closing::TooLarge,
            Some(tungstenite::Error::Utf8(_)) => Closing::NotText,
            Some(tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                Closing::Gone
            }
            Some(tungstenite::Error::Protocol(_)) => Closing::Broken,
            _ => Closing::Gone,
        }
    }

    /// Whether nothing can be read any more while the client may still be there.
    pub(super) fn cannot_read_on(&self) -> bool {
        matches!(self, Closing::TooLarge | Closing::NotText | Closing::Broken)
    }

    /// The frame that tells the client; none when nobody is there to be told.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Closing::Gone => return None,
            Closing::Stopping => (1001, "the server stops; connect again".into()),
            Closing::Broken => (1002, "the frames are not those of RFC 6455".into()),
            Closing::NotText => (1007, "the message is not UTF-8".into()),
            Closing::TooLarge => (1009, "the message is too large".into()),
            Closing::Flood => (1008, "too many messages".into()),
            Closing::Later(reason) => (1013, reason.clone()),
            Closing::Malformed(reason) => (4400, reason.clone()),
            Closing::Unauthorized => (4401, "Unauthorized".into()),
            Closing::Forbidden(reason) => (4403, reason.clone()),
            Closing::Subprotocol => (4406, "Subprotocol not acceptable: use graphql-transport-ws".into()),
            Closing::InitTimeout => (4408, "Connection initialisation timeout".into()),
            Closing::Taken(id) => (4409, format!("Subscriber for {id} already exists")),
            Closing::InitAgain => (4429, "Too many initialisation requests".into()),
        };
        Some(CloseFrame { code, reason: reason[..reason.floor_char_boundary(LONGEST_REASON)].into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_into_its_frame_and_is_not_cut_within_a_letter() {
        let frame = Closing::Malformed("é".repeat(100)).frame().unwrap();
        assert_eq!((frame.code, frame.reason.as_str()), (4400, "é".repeat(61).as_str()));
        assert_eq!(Closing::Gone.frame(), None);
    }
}
