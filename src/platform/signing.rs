//! Signing keys, and what they sign: access tokens and quotes.
//!
//! One secret is enough; a key for each purpose is derived from it, so that a token for one thing is never a token
//! for another. The key id in every signature says which secret made it, so secrets can be replaced without a break.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::StartError;
use super::config::Config;

const ISSUER: &str = "roost";
const SECRET_BYTES: usize = 32;

/// The secrets in force: the first signs, all are accepted.
#[derive(Clone)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: String,
    access: [u8; 32],
    quote: [u8; 32],
    arguments: [u8; 32],
}

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    iss: String,
    /// The user.
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
    iat: i64,
    exp: i64,
}

impl AccessClaims {
    /// When the token ends.
    pub fn expires_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl Keys {
    /// Takes the secrets from the environment, else the one in the data folder, which is made on the first start.
    pub fn load(config: &Config) -> Result<Keys, StartError> {
        let mut secrets: Vec<Vec<u8>> =
            config.signing_keys.iter().map(|secret| secret.expose().as_bytes().to_vec()).collect();
        if secrets.is_empty() {
            let path = config.data_dir.join("signing.key");
            let kept =
                kept_secret(&path).map_err(|cause| StartError::Keys { path: path.display().to_string(), cause })?;
            secrets.push(kept);
        }
        Ok(Keys(secrets.iter().map(|secret| Key::derive(secret)).collect()))
    }

    /// Signs an access token for one session.
    pub fn sign_access(&self, user: Uuid, session: Uuid, now: DateTime<Utc>, expires: DateTime<Utc>) -> Option<String> {
        let key = self.0.first()?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
        let claims = AccessClaims {
            iss: ISSUER.into(),
            sub: user,
            sid: session,
            iat: now.timestamp(),
            exp: expires.timestamp(),
        };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key.access)).ok()
    }

    /// Reads an access token that one of the secrets signed and whose time is not over.
    pub fn verify_access(&self, token: &str, now: DateTime<Utc>) -> Option<AccessClaims> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = self.0.iter().find(|key| key.id == kid)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        // The expiry is compared with our own clock below.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        let claims = jsonwebtoken::decode::<AccessClaims>(token, &DecodingKey::from_secret(&key.access), &validation);
        claims.ok().map(|token| token.claims).filter(|claims| claims.exp > now.timestamp())
    }

    /// Signs a quote: key id, canonical JSON and its HMAC-SHA256, joined by dots.
    pub fn sign_quote<Q: Serialize>(&self, quote: &Q) -> Option<String> {
        let key = self.0.first()?;
        let body = format!("{}.{}", key.id, URL_SAFE_NO_PAD.encode(serde_json::to_vec(quote).ok()?));
        let tag = key.quote_mac(&body).finalize().into_bytes();
        Some(format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    /// Reads a quote that one of the secrets signed.
    pub fn verify_quote<Q: DeserializeOwned>(&self, token: &str) -> Option<Q> {
        let (body, tag) = token.rsplit_once('.')?;
        let (kid, json) = body.split_once('.')?;
        let key = self.0.iter().find(|key| key.id == kid)?;
        key.quote_mac(body).verify_slice(&URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(json).ok()?).ok()
    }

    /// Fingerprints of a call's arguments, by every secret in force: the first is kept, any of them is recognised.
    /// There may be passwords among the arguments, so a plain hash would be a way to guess them.
    pub fn argument_fingerprints(&self, arguments: &str) -> Vec<[u8; 32]> {
        let fingerprint = |key: &Key| {
            let mut mac = mac(&key.arguments);
            mac.update(arguments.as_bytes());
            mac.finalize().into_bytes().into()
        };
        self.0.iter().map(fingerprint).collect()
    }
}

impl Key {
    fn derive(secret: &[u8]) -> Key {
        let for_purpose = |purpose: &str| -> [u8; 32] {
            let mut mac = mac(secret);
            mac.update(purpose.as_bytes());
            mac.finalize().into_bytes().into()
        };
        let id = URL_SAFE_NO_PAD.encode(&for_purpose("roost key id v1")[..6]);
        Key {
            id,
            access: for_purpose("roost access token v1"),
            quote: for_purpose("roost quote v1"),
            arguments: for_purpose("roost idempotency arguments v1"),
        }
    }

    fn quote_mac(&self, body: &str) -> Hmac<Sha256> {
        let mut mac = mac(&self.quote);
        mac.update(body.as_bytes());
        mac
    }
}

fn mac(secret: &[u8]) -> Hmac<Sha256> {
    // Cannot fail: HMAC takes a key of any length.
    Hmac::new_from_slice(secret).expect("HMAC takes a key of any length")
}

/// The SHA-256 of a token, which is what the database keeps of it.
pub fn fingerprint(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// An opaque token of 256 random bits, as text.
pub fn opaque(random: [u8; SECRET_BYTES]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

fn kept_secret(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(secret) if secret.len() >= SECRET_BYTES => Ok(secret),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too short to be a key")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_secret(path),
        Err(error) => Err(error),
    }
}

/// Writes a new secret beside its final name and links it into place, so that of two processes that start together
/// both read the same one and neither reads half of one.
fn make_secret(path: &Path) -> io::Result<Vec<u8>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = path.with_extension(format!("key.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(opaque(rand::random()).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&[u8]]) -> Keys {
        Keys(secrets.iter().map(|secret| Key::derive(secret)).collect())
    }

    #[test]
    fn a_replaced_secret_still_verifies_and_a_foreign_one_does_not() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let soon = now + chrono::TimeDelta::minutes(1);
        let old = keys(&[b"old"]);
        let token = old.sign_access(Uuid::from_u128(1), Uuid::from_u128(2), now, soon).unwrap();
        assert_eq!(keys(&[b"new", b"old"]).verify_access(&token, now).unwrap().sub, Uuid::from_u128(1));
        assert!(keys(&[b"new"]).verify_access(&token, now).is_none());
        assert!(old.verify_access(&token, soon).is_none());
    }

    #[test]
    fn a_token_with_another_algorithm_is_refused() {
        let keys = keys(&[b"secret"]);
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let claims = AccessClaims { iss: ISSUER.into(), sub: Uuid::nil(), sid: Uuid::nil(), iat: 0, exp: i64::MAX };
        let header = Header { kid: Some(keys.0[0].id.clone()), ..Header::new(Algorithm::HS512) };
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&keys.0[0].access)).unwrap();
        assert!(keys.verify_access(&token, now).is_none());
        let none = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","kid":"{}"}}"#, keys.0[0].id)),
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).unwrap())
        );
        assert!(keys.verify_access(&none, now).is_none());
    }

    #[test]
    fn arguments_are_recognised_after_a_secret_was_replaced_and_not_without_it() {
        let kept = keys(&[b"old"]).argument_fingerprints("{}")[0];
        assert!(keys(&[b"new", b"old"]).argument_fingerprints("{}").contains(&kept));
        assert!(!keys(&[b"new", b"old"]).argument_fingerprints("{ }").contains(&kept));
        assert!(!keys(&[b"new"]).argument_fingerprints("{}").contains(&kept));
        assert_ne!(kept, fingerprint("{}"));
    }

    #[test]
    fn a_changed_quote_is_no_quote() {
        let keys = keys(&[b"secret"]);
        let token = keys.sign_quote(&"promise").unwrap();
        assert_eq!(keys.verify_quote::<String>(&token).as_deref(), Some("promise"));
        let parts: Vec<_> = token.split('.').collect();
        let changed = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode("\"other\""), parts[2]);
        assert_eq!(keys.verify_quote::<String>(&changed), None);
        assert_eq!(keys.verify_quote::<String>("x"), None);
    }
}
