//! Documents that clients name instead of sending: those of a manifest that the operator trusts, and those that clients
//! have sent before.
//!
//! **Invariant:** what is kept under a hash has that hash, so a copy can never be stale, only gone.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::StartError;
use super::config::GraphqlConfig;
use super::redis::Redis;

/// How long a document that nobody asks for is kept.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
const CAPACITY_BYTES: u64 = 16 * 1024 * 1024;
/// Longer documents, in bytes, are not kept for strangers: each is sent in full.
const LONGEST: usize = 32 * 1024;

/// Documents by their ids and hashes.
pub struct Persisted {
    trusted: HashMap<String, Arc<str>>,
    trusted_only: bool,
    sent: Cache<String, Arc<str>>,
    redis: Option<Redis>,
}

impl Persisted {
    /// Reads the manifest, if there is one.
    pub fn load(config: &GraphqlConfig, redis: Option<Redis>) -> Result<Persisted, StartError> {
        let trusted = match &config.trusted_documents {
            Some(path) => manifest(path)
                .map_err(|cause| StartError::TrustedDocuments { path: path.display().to_string(), cause })?,
            None => HashMap::new(),
        };
        let weigh = |_: &String, text: &Arc<str>| u32::try_from(text.len() + 128).unwrap_or(u32::MAX);
        let sent = Cache::builder().max_capacity(CAPACITY_BYTES).weigher(weigh).time_to_idle(LIFE).build();
        Ok(Persisted { trusted, trusted_only: config.trusted_only, sent, redis })
    }

    /// Whether only the manifest's documents are served.
    pub fn is_closed(&self) -> bool {
        self.trusted_only
    }

    /// Whether the manifest holds exactly this text.
    pub fn trusts(&self, text: &str) -> bool {
        self.trusted.get(&hash(text)).is_some_and(|trusted| **trusted == *text)
    }

    /// The manifest's document of that id or hash.
    pub fn trusted(&self, id: &str) -> Option<Arc<str>> {
        self.trusted.get(id).cloned()
    }

    /// A document that was sent before, by its hash.
    pub async fn sent(&self, hash: &str) -> Option<Arc<str>> {
        if let Some(text) = self.sent.get(hash) {
            return Some(text);
        }
        let redis = self.redis.as_ref()?;
        let mut get = ::redis::cmd("GETEX");
        get.arg(redis.name(&key(hash))).arg("EX").arg(LIFE.as_secs());
        let text: Arc<str> = redis.ask::<Option<String>>(&get).await.flatten()?.into();
        self.sent.insert(hash.to_owned(), text.clone());
        Some(text)
    }

    /// Keeps a document for who will name it by its hash.
    pub async fn keep(&self, hash: &str, text: &str) {
        if text.len() > LONGEST || self.sent.contains_key(hash) {
            return;
        }
        self.sent.insert(hash.to_owned(), text.into());
        if let Some(redis) = &self.redis {
            let mut set = ::redis::cmd("SET");
            set.arg(redis.name(&key(hash))).arg(text).arg("EX").arg(LIFE.as_secs());
            redis.ask::<()>(&set).await;
        }
    }
}

/// The SHA-256 of a document's text in hexadecimal, which is its name.
pub fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn key(hash: &str) -> String {
    format!("document:{hash}")
}

/// The documents of a manifest, by their ids and by their hashes.
fn manifest(path: &Path) -> Result<HashMap<String, Arc<str>>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    read(&serde_json::from_str(&text).map_err(|error| format!("it is not JSON: {error}"))?)
}

fn read(manifest: &Value) -> Result<HashMap<String, Arc<str>>, String> {
    let pairs: Option<Vec<(&str, &str)>> = match manifest.get("operations") {
        Some(Value::Array(operations)) => {
            if manifest["format"] != "apollo-persisted-query-manifest" || manifest["version"] != 1 {
                return Err("its format must be apollo-persisted-query-manifest, version 1".into());
            }
            operations.iter().map(|one| Some((one["id"].as_str()?, one["body"].as_str()?))).collect()
        }
        _ => manifest
            .as_object()
            .and_then(|documents| documents.iter().map(|(id, text)| Some((id.as_str(), text.as_str()?))).collect()),
    };
    let pairs =
        pairs.ok_or("it must hold Apollo's operations with id and body, or one object of texts by their ids")?;
    let mut documents = HashMap::new();
    for (id, text) in pairs {
        let text: Arc<str> = text.into();
        let id = id.strip_prefix("sha256:").unwrap_or(id);
        for name in [id.to_owned(), hash(&text)] {
            let before = documents.insert(name, text.clone());
            if before.is_some_and(|before| before != text) {
                return Err(format!("it names two documents `{id}`"));
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
    fn both_forms_of_manifests_are_read_by_id_and_by_hash() {
        let apollo = json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations":
            [{ "id": "one", "name": "A", "type": "query", "body": "query A { a }" }] });
        let by_hash = json!({ hash("query A { a }"): "query A { a }" });
        for (manifest, id) in [(&apollo, "one"), (&by_hash, hash("query A { a }").as_str())] {
            let documents = read(manifest).unwrap();
            assert_eq!(&*documents[id], "query A { a }");
            assert_eq!(&*documents[&hash("query A { a }")], "query A { a }");
        }
    }

    #[test]
    fn a_manifest_that_makes_no_sense_is_refused() {
        for wrong in [
            json!([]),
            json!({ "a": 7 }),
            json!({ "operations": [] }),
            json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [{ "id": "one" }] }),
            json!({ "format": "apollo-persisted-query-manifest", "version": 1,
                    "operations": [{ "id": "one", "body": "{ a }" }, { "id": "one", "body": "{ b }" }] }),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_document_is_named_by_the_hash_of_its_text() {
        // The example of the draft's appendix on persisted documents.
        let hash = hash("query($id:ID!){user(id:$id){name}}");
        assert_eq!(hash, "71f7dc5758652baac68e4a10c50be732b741c892ade2883a99358f52b555286b");
    }
}
