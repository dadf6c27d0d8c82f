//! Resolves the document of a request: sent in full, or referred to by its ID or its hash.
//!
//! Follows Apollo's protocol of automatic persisted queries and the appendix on persisted documents of GraphQL over
//! HTTP.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::request::GraphqlRequest;
use super::response::GraphqlResponse;
use crate::graphql::support::error_codes::ErrorCode;
use crate::platform::persisted_documents::{self, PersistedDocuments};

/// The text of a document, and the hash to store it under.
pub struct ResolvedQuery {
    pub text: Arc<str>,
    /// Set if the client sent a text together with its hash.
    pub store_as: Option<String>,
}

/// Resolves the document of a request.
pub async fn resolve(
    stored: &PersistedDocuments,
    request: &GraphqlRequest,
) -> Result<ResolvedQuery, Box<GraphqlResponse>> {
    let hash = request.extensions.as_ref().and_then(|extensions| extensions.get("persistedQuery"));
    let hash = hash.map(parse_extension).transpose()?;
    match (&request.query, &request.document_id, hash) {
        (Some(_), Some(_), _) | (None, Some(_), Some(_)) => {
            let message = "send `documentId` without any other form of the document";
            Err(GraphqlResponse::from_error(ErrorCode::BadRequest, message))
        }
        (Some(text), None, Some(hash)) if persisted_documents::document_hash(text) != hash => {
            // The message is the one of Apollo Server, which clients match.
            let message = "provided sha does not match query";
            Err(GraphqlResponse::from_error(ErrorCode::PersistedQueryMismatch, message))
        }
        (Some(text), None, hash) => {
            let text: Arc<str> = text.as_str().into();
            if stored.is_trusted_only() && !stored.is_trusted(&text) {
                return Err(not_trusted());
            }
            Ok(ResolvedQuery { text, store_as: hash.filter(|_| !stored.is_trusted_only()) })
        }
        (None, Some(id), None) => find(stored, id.strip_prefix("sha256:").unwrap_or(id)).await,
        (None, None, Some(hash)) => find(stored, &hash).await,
        (None, None, None) => {
            Err(GraphqlResponse::from_error(ErrorCode::BadRequest, "the parameter `query` is missing"))
        }
    }
}

async fn find(stored: &PersistedDocuments, id: &str) -> Result<ResolvedQuery, Box<GraphqlResponse>> {
    let text = match stored.find_trusted(id) {
        Some(text) => Some(text),
        None if stored.is_trusted_only() => return Err(not_trusted()),
        None if is_hash(id) => stored.find_stored(id).await,
        None => None,
    };
    // Apollo's clients recognize this error by its message as well.
    let not_found = || GraphqlResponse::from_error(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound");
    text.map(|text| ResolvedQuery { text, store_as: None }).ok_or_else(not_found)
}

fn not_trusted() -> Box<GraphqlResponse> {
    let message = "the server runs only documents of its manifest";
    GraphqlResponse::from_error(ErrorCode::DocumentNotTrusted, message)
}

/// Parses `extensions.persistedQuery` and returns its hash.
fn parse_extension(extension: &Value) -> Result<String, Box<GraphqlResponse>> {
    let extension: &Map<String, Value> = extension.as_object().ok_or_else(malformed)?;
    match (extension.get("version").and_then(Value::as_u64), extension.get("sha256Hash").and_then(Value::as_str)) {
        (Some(1), Some(hash)) if is_hash(hash) => Ok(hash.to_owned()),
        (Some(version), Some(_)) if version != 1 => {
            let message = "Unsupported persisted query version";
            Err(GraphqlResponse::from_error(ErrorCode::PersistedQueryNotSupported, message))
        }
        _ => Err(malformed()),
    }
}

fn malformed() -> Box<GraphqlResponse> {
    let message =
        "`extensions.persistedQuery` must have `version` 1 and `sha256Hash`, 64 hexadecimal digits in lower case";
    GraphqlResponse::from_error(ErrorCode::BadRequest, message)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
