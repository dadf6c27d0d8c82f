//! GraphQL documents that clients refer to by id or hash instead of sending them: the documents of a manifest that the
//! operator trusts, and documents that clients have sent before.
//!
//! **Invariant:** a document that is stored under a hash has that hash. So a stored copy is never outdated; it can only
//! be missing.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::config::GraphqlConfig;
use super::redis::Redis;
use super::start_error::StartError;

/// How long a document is stored after its last use.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const CAPACITY_BYTES: u64 = 16 * 1024 * 1024;
/// The size of the largest document, in bytes, that is stored for clients. Larger ones must be sent in full every time.
const MAX_DOCUMENT_BYTES: usize = 32 * 1024;

/// The stored documents, by id and hash.
pub struct PersistedDocuments {
    trusted: HashMap<String, Arc<str>>,
    trusted_only: bool,
    stored: Cache<String, Arc<str>>,
    redis: Option<Redis>,
}

impl PersistedDocuments {
    /// Reads the manifest of trusted documents, if one is configured.
    pub fn load(config: &GraphqlConfig, redis: Option<Redis>) -> Result<PersistedDocuments, StartError> {
        let trusted = match &config.trusted_documents {
            Some(path) => read_manifest(path)
                .map_err(|cause| StartError::TrustedDocuments { path: path.display().to_string(), cause })?,
            None => HashMap::new(),
        };
        let weight = |_: &String, text: &Arc<str>| u32::try_from(text.len() + 128).unwrap_or(u32::MAX);
        let stored = Cache::builder().max_capacity(CAPACITY_BYTES).weigher(weight).time_to_idle(LIFETIME).build();
        Ok(PersistedDocuments { trusted, trusted_only: config.trusted_only, stored, redis })
    }

    /// Whether only documents of the manifest are accepted.
    pub fn is_trusted_only(&self) -> bool {
        self.trusted_only
    }

    /// Whether the manifest contains exactly this text.
    pub fn is_trusted(&self, text: &str) -> bool {
        self.trusted.get(&document_hash(text)).is_some_and(|trusted| **trusted == *text)
    }

    /// The document of the manifest with this id or hash.
    pub fn find_trusted(&self, id: &str) -> Option<Arc<str>> {
        self.trusted.get(id).cloned()
    }

    /// A document that a client has sent before, by its hash.
    pub async fn find_stored(&self, hash: &str) -> Option<Arc<str>> {
        if let Some(text) = self.stored.get(hash) {
            return Some(text);
        }
        let redis = self.redis.as_ref()?;
        let mut get = ::redis::cmd("GETEX");
        get.arg(redis.name(&redis_key(hash))).arg("EX").arg(LIFETIME.as_secs());
        let text: Arc<str> = redis.query::<Option<String>>(&get).await.flatten()?.into();
        self.stored.insert(hash.to_owned(), text.clone());
        Some(text)
    }

    /// Stores a document, so that clients can refer to it by its hash.
    pub async fn store(&self, hash: &str, text: &str) {
        if text.len() > MAX_DOCUMENT_BYTES || self.stored.contains_key(hash) {
            return;
        }
        self.stored.insert(hash.to_owned(), text.into());
        if let Some(redis) = &self.redis {
            let mut set = ::redis::cmd("SET");
            set.arg(redis.name(&redis_key(hash))).arg(text).arg("EX").arg(LIFETIME.as_secs());
            redis.query::<()>(&set).await;
        }
    }
}

/// The SHA-256 of the text of a document, in hexadecimal. Clients refer to the document by it.
pub fn document_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn redis_key(hash: &str) -> String {
    format!("document:{hash}")
}

/// The documents of a manifest, by id and by hash.
fn read_manifest(path: &Path) -> Result<HashMap<String, Arc<str>>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    parse_manifest(&serde_json::from_str(&text).map_err(|error| format!("the file is not JSON: {error}"))?)
}

fn parse_manifest(manifest: &Value) -> Result<HashMap<String, Arc<str>>, String> {
    let pairs: Option<Vec<(&str, &str)>> = match manifest.get("operations") {
        Some(Value::Array(operations)) => {
            if manifest["format"] != "apollo-persisted-query-manifest" || manifest["version"] != 1 {
                return Err("the format must be apollo-persisted-query-manifest, version 1".into());
            }
            operations.iter().map(|one| Some((one["id"].as_str()?, one["body"].as_str()?))).collect()
        }
        _ => manifest
            .as_object()
            .and_then(|documents| documents.iter().map(|(id, text)| Some((id.as_str(), text.as_str()?))).collect()),
    };
    let pairs = pairs.ok_or(
        "the file must contain operations with id and body in Apollo's format, or one object that maps ids to texts",
    )?;
    let mut documents = HashMap::new();
    for (id, text) in pairs {
        let text: Arc<str> = text.into();
        let id = id.strip_prefix("sha256:").unwrap_or(id);
        for name in [id.to_owned(), document_hash(&text)] {
            let previous = documents.insert(name, text.clone());
            if previous.is_some_and(|previous| previous != text) {
                return Err(format!("two documents have the id `{id}`"));
            }
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_manifest_formats_are_read_and_indexed_by_id_and_hash() {
        let apollo = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations":
            [{ "id": "one", "name": "A", "type": "query", "body": "query A { a }" }] });
        let by_hash = json!({ document_hash("query A { a }"): "query A { a }" });
        for (manifest, id) in [(&apollo, "one"), (&by_hash, document_hash("query A { a }").as_str())] {
            let documents = parse_manifest(manifest).unwrap();
            assert_eq!(&*documents[id], "query A { a }");
            assert_eq!(&*documents[&document_hash("query A { a }")], "query A { a }");
        }
    }

    #[test]
    fn a_malformed_manifest_is_refused() {
        for wrong in [
            json!([]),
            json!({ "a": 7 }),
            json!({ "operations": [] }),
            json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [{ "id": "one" }] }),
            json!({ "format": "apollo-persisted-query-manifest", "version": 1,
                    "operations": [{ "id": "one", "body": "{ a }" }, { "id": "one", "body": "{ b }" }] }),
        ] {
            assert!(parse_manifest(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_hash_of_a_document_is_that_of_the_draft_specification() {
        // The example in the appendix on persisted documents of the draft of GraphQL over HTTP.
        let hash = document_hash("query($id:ID!){user(id:$id){name}}");
        assert_eq!(hash, "71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b");
    }
}
