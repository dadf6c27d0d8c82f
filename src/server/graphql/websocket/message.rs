//! The messages of graphql-transport-ws, read and written.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::closing::Closing;
use crate::graphql::{Answer, Call};
use crate::server::graphql::request_body;

/// Longest id of an operation. It stands in every answer, and clients take UUIDs.
const LONGEST_ID: usize = 128;

/// What a client says.
#[derive(Debug)]
pub(super) enum Heard {
    /// Who it is.
    Init(Map<String, Value>),
    /// Run this.
    Subscribe(String, Box<Call>),
    /// Run that no longer.
    Complete(String),
    /// Are you there?
    Ping(Option<Value>),
    /// I am.
    Pong,
}

/// A message before its type is looked at.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    id: Option<Value>,
    payload: Option<Value>,
}

impl Heard {
    /// Reads a message, or says what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Heard, Closing> {
        let wrong = |message: &str| Closing::Malformed(message.to_owned());
        let value: Value = serde_json::from_str(text).map_err(|_| wrong("the message is not JSON"))?;
        if !value.is_object() {
            return Err(wrong("the message must be a JSON object"));
        }
        let Envelope { kind, id, payload } =
            serde_json::from_value(value).map_err(|_| wrong("the message must have a `type`"))?;
        let id = || match &id {
            Some(Value::String(id)) if (1..=LONGEST_ID).contains(&id.len()) => Ok(id.clone()),
            _ => Err(Closing::Malformed(format!("`{kind}` must have an `id` of 1 to {LONGEST_ID} bytes"))),
        };
        match kind.as_str() {
            "connection_init" => Ok(Heard::Init(optional(&kind, payload)?.unwrap_or_default())),
            "subscribe" => Ok(Heard::Subscribe(id()?, Box::new(subscribed(payload)?))),
            "complete" => Ok(Heard::Complete(id()?)),
            "ping" => Ok(Heard::Ping(optional(&kind, payload)?.map(Value::Object))),
            "pong" => optional(&kind, payload).map(|_| Heard::Pong),
            _ => Err(wrong("the message's `type` is none that a client sends")),
        }
    }
}

/// The payload of a message that may have one: an object.
fn optional(kind: &str, payload: Option<Value>) -> Result<Option<Map<String, Value>>, Closing> {
    match payload {
        None => Ok(None),
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(_) => Err(Closing::Malformed(format!("the payload of `{kind}` must be an object"))),
    }
}

fn subscribed(payload: Option<Value>) -> Result<Call, Closing> {
    let wrong = |cause: &str| Closing::Malformed(format!("the payload of `subscribe` is wrong: {cause}"));
    let call = request_body::read(payload.unwrap_or_default()).map_err(|cause| wrong(&cause))?;
    // A document that is known already is sent by its name alone.
    if call.query.is_none() && call.document_id.is_none() && call.extensions.is_none() {
        return Err(wrong("`query` is missing"));
    }
    Ok(call)
}

/// What the server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said<'a> {
    /// Go on.
    ConnectionAck { payload: Ack<'a> },
    /// I am here.
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Value>,
    },
    /// What an operation came to, or the next of it.
    Next { id: &'a str, payload: &'a Answer },
    /// Why an operation does not run, or runs no longer.
    Error { id: &'a str, payload: &'a [ServerError] },
    /// An operation has nothing more to say.
    Complete { id: &'a str },
}

/// What a client is told of its connection.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ack<'a> {
    /// The id under which the log knows the connection.
    pub request_id: &'a str,
    /// When the token ends, and the connection with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<chrono::DateTime<chrono::Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_may_say_is_read() {
        for (text, read) in [
            (r#"{"type":"connection_init"}"#, "Init({})"),
            (r#"{"type":"connection_init","payload":null}"#, "Init({})"),
            (r#"{"type":"ping","payload":{}}"#, "Ping(Some(Object {}))"),
            (r#"{"type":"ping"}"#, "Ping(None)"),
            (r#"{"type":"pong","payload":{"a":1}}"#, "Pong"),
            (r#"{"type":"complete","id":"1"}"#, "Complete(\"1\")"),
        ] {
            assert_eq!(format!("{:?}", Heard::read(text).unwrap()), read, "{text}");
        }
        let text = r#"{"type":"subscribe","id":"a","payload":{"query":"{ a }","variables":null,"operationName":null}}"#;
        assert!(matches!(Heard::read(text).unwrap(), Heard::Subscribe(id, call)
            if id == "a" && call.query.as_deref() == Some("{ a }") && call.variables.is_none()));
        let by_hash = r#"{"type":"subscribe","id":"a","payload":{"extensions":{"persistedQuery":{}}}}"#;
        assert!(matches!(Heard::read(by_hash), Ok(Heard::Subscribe(..))));
    }

    #[test]
    fn anything_else_is_malformed() {
        let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "x".repeat(LONGEST_ID + 1));
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
            assert!(matches!(Heard::read(text), Err(Closing::Malformed(_))), "{text}");
        }
    }
}
