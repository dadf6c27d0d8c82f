//! Signs and verifies access tokens and quotes, and computes fingerprints of arguments.
//!
//! From each secret a separate key is derived for each purpose, so that a token for one purpose is not valid for
//! another. Every token contains the id of the secret that signed it. So secrets can be replaced while tokens of the
//! old one are still valid.

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

use super::config::Config;
use super::jwt_hmac;
use super::start_error::StartError;

const ISSUER: &str = "roost";
const SECRET_BYTES: usize = 32;

/// The keys in use. The first one signs; all of them verify.
#[derive(Clone)]
pub struct SigningKeys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: String,
    access: [u8; 32],
    quote: [u8; 32],
    arguments: [u8; 32],
}

/// The claims of an access token.
#[derive(Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    iss: String,
    /// The id of the user.
    pub sub: Uuid,
    /// The id of the session.
    pub sid: Uuid,
    iat: i64,
    exp: i64,
}

impl AccessClaims {
    /// When the token expires.
    pub fn expires_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl SigningKeys {
    /// Reads the secrets from the settings. Without any, reads the one in the data folder, which the first start
    /// creates.
    pub fn load(config: &Config) -> Result<SigningKeys, StartError> {
        let mut secrets: Vec<Vec<u8>> =
            config.signing_keys.iter().map(|secret| secret.expose().as_bytes().to_vec()).collect();
        if secrets.is_empty() {
            let path = config.data_dir.join("signing.key");
            let stored = read_or_create_secret(&path)
                .map_err(|cause| StartError::Keys { path: path.display().to_string(), cause })?;
            secrets.push(stored);
        }
        Ok(SigningKeys(secrets.iter().map(|secret| Key::derive(secret)).collect()))
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

    /// Verifies an access token. None if no key in use has signed it or if it has expired.
    pub fn verify_access(&self, token: &str, now: DateTime<Utc>) -> Option<AccessClaims> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = self.0.iter().find(|key| key.id == kid)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        // The expiry is compared with the clock of the application below.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        let claims = jsonwebtoken::decode::<AccessClaims>(token, &DecodingKey::from_secret(&key.access), &validation);
        claims.ok().map(|token| token.claims).filter(|claims| claims.exp > now.timestamp())
    }

    /// Signs a quote. The token is the key id, the JSON and the HMAC-SHA256 of both, joined by dots.
    pub fn sign_quote<Q: Serialize>(&self, quote: &Q) -> Option<String> {
        let key = self.0.first()?;
        let body = format!("{}.{}", key.id, URL_SAFE_NO_PAD.encode(serde_json::to_vec(quote).ok()?));
        let tag = key.quote_mac(&body).finalize().into_bytes();
        Some(format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    /// Verifies a quote. None if no key in use has signed it.
    pub fn verify_quote<Q: DeserializeOwned>(&self, token: &str) -> Option<Q> {
        let (body, tag) = token.rsplit_once('.')?;
        let (kid, json) = body.split_once('.')?;
        let key = self.0.iter().find(|key| key.id == kid)?;
        key.quote_mac(body).verify_slice(&URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(json).ok()?).ok()
    }

    /// The fingerprints of the arguments of a mutation, one for each key in use. The first one is stored; any of them
    /// is recognized. They are keyed, because arguments may contain passwords, which could be guessed from a plain
    /// hash.
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
        jwt_hmac::install();
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
    // Cannot fail: HMAC hashes a key that is longer than a block, and pads a shorter one.
    Hmac::new_from_slice(secret).expect("HMAC accepts keys of any length")
}

/// The SHA-256 of a token. The database stores this instead of the token.
pub fn fingerprint(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// An opaque token of 256 random bits, as text.
pub fn opaque_token(random: [u8; SECRET_BYTES]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

fn read_or_create_secret(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(secret) if secret.len() >= SECRET_BYTES => Ok(secret),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too short for a key")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create_secret(path),
        Err(error) => Err(error),
    }
}

/// Writes a new secret under a temporary name and links it to its final name. So two processes that start together read
/// the same secret, and neither reads an incomplete one.
fn create_secret(path: &Path) -> io::Result<Vec<u8>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension(format!("key.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(opaque_token(rand::random()).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&[u8]]) -> SigningKeys {
        SigningKeys(secrets.iter().map(|secret| Key::derive(secret)).collect())
    }

    #[test]
    fn a_replaced_secret_still_verifies_and_an_unknown_one_does_not() {
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
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).unwrap());
        // Signed with the right key in each algorithm, so that only the algorithm can be the reason for a refusal.
        let signed = |algorithm: &str, tag: fn(&[u8], &[u8]) -> Vec<u8>| {
            let header = format!(r#"{{"typ":"JWT","alg":"{algorithm}","kid":"{}"}}"#, keys.0[0].id);
            let message = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag(&keys.0[0].access, message.as_bytes())))
        };
        let hs256 = |key: &[u8], message: &[u8]| mac(key).chain_update(message).finalize().into_bytes().to_vec();
        let hs512 = |key: &[u8], message: &[u8]| {
            let mac = Hmac::<sha2::Sha512>::new_from_slice(key).unwrap();
            mac.chain_update(message).finalize().into_bytes().to_vec()
        };
        assert!(keys.verify_access(&signed("HS256", hs256), now).is_some());
        assert!(keys.verify_access(&signed("HS512", hs512), now).is_none());
        assert!(keys.verify_access(&signed("HS512", hs256), now).is_none());
        assert!(keys.verify_access(&signed("none", |_, _| Vec::new()), now).is_none());
    }

    #[test]
    fn arguments_are_recognized_as_long_as_the_replaced_secret_is_in_use() {
        let stored = keys(&[b"old"]).argument_fingerprints("{}")[0];
        assert!(keys(&[b"new", b"old"]).argument_fingerprints("{}").contains(&stored));
        assert!(!keys(&[b"new", b"old"]).argument_fingerprints("{ }").contains(&stored));
        assert!(!keys(&[b"new"]).argument_fingerprints("{}").contains(&stored));
        assert_ne!(stored, fingerprint("{}"));
    }

    #[test]
    fn a_modified_quote_is_refused() {
        let keys = keys(&[b"secret"]);
        let token = keys.sign_quote(&"promise").unwrap();
        assert_eq!(keys.verify_quote::<String>(&token).as_deref(), Some("promise"));
        let parts: Vec<_> = token.split('.').collect();
        let changed = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode("\"other\""), parts[2]);
        assert_eq!(keys.verify_quote::<String>(&changed), None);
        assert_eq!(keys.verify_quote::<String>("x"), None);
    }
}
