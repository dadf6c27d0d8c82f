//! The messages of graphql-transport-ws.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::close_reason::CloseReason;
use crate::graphql::{GraphqlRequest, GraphqlResponse};
use crate::server::graphql::request_body;

/// Longest ID of an operation, in bytes. Every response repeats it. Clients use UUIDs or numbers.
const MAX_ID_BYTES: usize = 128;

/// A message of the client.
#[derive(Debug)]
pub(super) enum ClientMessage {
    /// `connection_init` with its payload, which may have the authorization.
    Init(Map<String, Value>),
    /// `subscribe`: starts an operation under an ID.
    Subscribe(String, Box<GraphqlRequest>),
    /// `complete`: ends the operation with this ID.
    Complete(String),
    /// `ping` with its payload.
    Ping(Option<Value>),
    /// `pong`.
    Pong,
}

/// The fields of a message of any type.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    id: Option<Value>,
    payload: Option<Value>,
}

impl ClientMessage {
    /// Parses a message, or returns the reason to close the socket.
    pub(super) fn parse(text: &str) -> Result<ClientMessage, CloseReason> {
        let malformed = |message: &str| CloseReason::Malformed(message.to_owned());
        let value: Value = serde_json::from_str(text).map_err(|_| malformed("the message is not JSON"))?;
        if !value.is_object() {
            return Err(malformed("the message must be a JSON object"));
        }
        let Envelope { kind, id, payload } =
            serde_json::from_value(value).map_err(|_| malformed("the message must have a `type`"))?;
        let id = || match &id {
            Some(Value::String(id)) if (1..=MAX_ID_BYTES).contains(&id.len()) => Ok(id.clone()),
            _ => Err(CloseReason::Malformed(format!("`{kind}` must have an `id` of 1 to {MAX_ID_BYTES} bytes"))),
        };
        match kind.as_str() {
            "connection_init" => Ok(ClientMessage::Init(optional_object(&kind, payload)?.unwrap_or_default())),
            "subscribe" => Ok(ClientMessage::Subscribe(id()?, Box::new(parse_subscribe(payload)?))),
            "complete" => Ok(ClientMessage::Complete(id()?)),
            "ping" => Ok(ClientMessage::Ping(optional_object(&kind, payload)?.map(Value::Object))),
            "pong" => optional_object(&kind, payload).map(|_| ClientMessage::Pong),
            _ => Err(malformed("the message's `type` is not one that a client sends")),
        }
    }
}

/// A payload that is absent or an object.
fn optional_object(kind: &str, payload: Option<Value>) -> Result<Option<Map<String, Value>>, CloseReason> {
    match payload {
        None => Ok(None),
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(_) => Err(CloseReason::Malformed(format!("the payload of `{kind}` must be an object"))),
    }
}

fn parse_subscribe(payload: Option<Value>) -> Result<GraphqlRequest, CloseReason> {
    let invalid = |cause: &str| CloseReason::Malformed(format!("the payload of `subscribe` is invalid: {cause}"));
    let request = request_body::parse_request(payload.unwrap_or_default()).map_err(|cause| invalid(&cause))?;
    // A persisted document is sent by its ID or hash, without `query`.
    if request.query.is_none() && request.document_id.is_none() && request.extensions.is_none() {
        return Err(invalid("`query` is missing"));
    }
    Ok(request)
}

/// A message of the server.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    /// The connection is accepted.
    ConnectionAck { payload: Ack<'a> },
    /// The answer to a `ping`, with its payload.
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Value>,
    },
    /// A response of an operation.
    Next { id: &'a str, payload: &'a GraphqlResponse },
    /// An operation was refused, or has ended with these errors.
    Error { id: &'a str, payload: &'a [ServerError] },
    /// An operation has ended.
    Complete { id: &'a str },
}

/// The payload of `connection_ack`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ack<'a> {
    /// The ID of the connection in the log.
    pub request_id: &'a str,
    /// When the token expires. The connection is closed then. Absent without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_client_are_parsed() {
        for (text, expected) in [
            (r#"{"type":"connection_init"}"#, "Init({})"),
            (r#"{"type":"connection_init","payload":null}"#, "Init({})"),
            (r#"{"type":"ping","payload":{}}"#, "Ping(Some(Object {}))"),
            (r#"{"type":"ping"}"#, "Ping(None)"),
            (r#"{"type":"pong","payload":{"a":1}}"#, "Pong"),
            (r#"{"type":"complete","id":"1"}"#, "Complete(\"1\")"),
        ] {
            assert_eq!(format!("{:?}", ClientMessage::parse(text).unwrap()), expected, "{text}");
        }
        let text = r#"{"type":"subscribe","id":"a","payload":{"query":"{ a }","variables":null,"operationName":null}}"#;
        assert!(matches!(ClientMessage::parse(text).unwrap(), ClientMessage::Subscribe(id, request)
            if id == "a" && request.query.as_deref() == Some("{ a }") && request.variables.is_none()));
        let by_hash = r#"{"type":"subscribe","id":"a","payload":{"extensions":{"persistedQuery":{}}}}"#;
        assert!(matches!(ClientMessage::parse(by_hash), Ok(ClientMessage::Subscribe(..))));
    }

    #[test]
    fn invalid_messages_are_malformed() {
        let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "x".repeat(MAX_ID_BYTES + 1));
        let deep = format!(r#"{{"type":"ping","payload":{}}}"#, "[".repeat(10_000));
        for text in [
            "",
            "{",
            "[]",
            "null",
            "\"ping\"",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"hello"}"#,
            r#"{"type":"next","id":"1","payload":{}}"#,
            r#"{"type":"connection_ack"}"#,
            r#"{"type":"connection_init","payload":[]}"#,
            r#"{"type":"connection_init","payload":"Bearer x"}"#,
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"pong","payload":false}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"complete","id":7}"#,
            r#"{"type":"subscribe","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":null,"payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":["{ a }"]}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":null}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","variables":[]}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","operationName":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ a }","extensions":"x"}}"#,
            &long,
            &deep,
        ] {
            assert!(matches!(ClientMessage::parse(text), Err(CloseReason::Malformed(_))), "{text}");
        }
    }
}
