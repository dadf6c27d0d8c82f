//! The document that a call means: sent in full, or named by its id or its hash.
//!
//! Follows Apollo's protocol of automatic persisted queries and the appendix on persisted documents of GraphQL over HTTP.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::request::{Answer, Call};
use crate::graphql::support::error_codes::ErrorCode;
use crate::platform::persisted::{self, Persisted};

/// The text of a document, and the hash to keep it under.
pub struct Named {
    pub text: Arc<str>,
    /// Set when the client sent a text together with its hash.
    pub keep_under: Option<String>,
}

/// Finds the document that a call means.
pub async fn text(known: &Persisted, call: &Call) -> Result<Named, Box<Answer>> {
    let hash = call.extensions.as_ref().and_then(|extensions| extensions.get("persistedQuery"));
    let hash = hash.map(hash_of).transpose()?;
    match (&call.query, &call.document_id, hash) {
        (Some(_), Some(_), _) | (None, Some(_), Some(_)) => {
            Err(Answer::refused(ErrorCode::BadRequest, "`documentId` stands alone: send no other form of the document"))
        }
        (Some(text), None, Some(hash)) if persisted::hash(text) != hash => {
            Err(Answer::refused(ErrorCode::PersistedQueryMismatch, "provided sha does not match query"))
        }
        (Some(text), None, hash) => {
            let text: Arc<str> = text.as_str().into();
            if known.is_closed() && !known.trusts(&text) {
                return Err(not_trusted());
            }
            Ok(Named { text, keep_under: hash.filter(|_| !known.is_closed()) })
        }
        (None, Some(id), None) => found(known, id.strip_prefix("sha256:").unwrap_or(id)).await,
        (None, None, Some(hash)) => found(known, &hash).await,
        (None, None, None) => Err(Answer::refused(ErrorCode::BadRequest, "the parameter `query` is missing")),
    }
}

async fn found(known: &Persisted, id: &str) -> Result<Named, Box<Answer>> {
    let text = match known.trusted(id) {
        Some(text) => Some(text),
        None if known.is_closed() => return Err(not_trusted()),
        None if is_hash(id) => known.sent(id).await,
        None => None,
    };
    // Apollo's clients know the refusal by its message as well.
    let unknown = || Answer::refused(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound");
    text.map(|text| Named { text, keep_under: None }).ok_or_else(unknown)
}

fn not_trusted() -> Box<Answer> {
    Answer::refused(ErrorCode::DocumentNotTrusted, "only documents of the published manifest are served here")
}

/// The hash in `extensions.persistedQuery`.
fn hash_of(said: &Value) -> Result<String, Box<Answer>> {
    let said: &Map<String, Value> = said.as_object().ok_or_else(malformed)?;
    match (said.get("version").and_then(Value::as_u64), said.get("sha256Hash").and_then(Value::as_str)) {
        (Some(1), Some(hash)) if is_hash(hash) => Ok(hash.to_owned()),
        (Some(version), Some(_)) if version != 1 => {
            Err(Answer::refused(ErrorCode::PersistedQueryNotSupported, "Unsupported persisted query version"))
        }
        _ => Err(malformed()),
    }
}

fn malformed() -> Box<Answer> {
    let message =
        "`extensions.persistedQuery` must hold `version` 1 and `sha256Hash`, 64 hexadecimal digits in lower case";
    Answer::refused(ErrorCode::BadRequest, message)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
