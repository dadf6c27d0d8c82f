//! Verifies Stripe's signature of an event: `t=…,v1=…`, an HMAC-SHA256 over the timestamp and the raw body.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::platform::config::Secret;

/// The largest difference between the timestamp and the clock. An older signature, or one from further in the future,
/// may be a recorded message that is sent another time.
const TOLERANCE_S: u64 = 300;

/// Whether one of the signatures in `header` was made with one of the secrets, at about `now`, over this body. There
/// are several signatures and secrets while a secret is being replaced.
pub fn is_valid(secrets: &[Secret], header: &str, body: &[u8], now: DateTime<Utc>) -> bool {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let mut timestamps = parts().filter(|(name, _)| *name == "t").map(|(_, value)| value);
    let (Some(timestamp), None) = (timestamps.next(), timestamps.next()) else { return false };
    let Ok(seconds) = timestamp.parse::<i64>() else { return false };
    if now.timestamp().abs_diff(seconds) > TOLERANCE_S {
        return false;
    }
    let candidates = parts().filter(|(name, _)| *name == "v1").filter_map(|(_, value)| decode_hex(value));
    candidates.fold(false, |valid, candidate| {
        secrets.iter().fold(valid, |valid, secret| valid | matches(secret, timestamp, body, &candidate))
    })
}

/// Whether `candidate` is the signature made with `secret`. Compares in constant time.
fn matches(secret: &Secret, timestamp: &str, body: &[u8], candidate: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return false };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(candidate).is_ok()
}

fn decode_hex(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts.iter().map(|text| Secret::new(text)).collect()
    }

    fn sign(secret: &str, instant: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{instant}.").as_bytes());
        mac.update(body);
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_signature_made_by_openssl_is_valid() {
        // printf '1800000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_one
        let known = "1b1175c4f27446431d116ab61cb6ec9bbac7dd5c3be4a273ba6645a112bb4bb4";
        assert_eq!(sign("whsec_one", 1_800_000_000, BODY), known);
        assert!(is_valid(&secrets(&["whsec_one"]), &format!("t=1800000000,v1={known}"), BODY, now()));
    }

    #[test]
    fn one_matching_pair_of_several_secrets_and_signatures_is_enough() {
        let (old, new) = (sign("whsec_old", 1_800_000_000, BODY), sign("whsec_new", 1_800_000_000, BODY));
        let both = secrets(&["whsec_new", "whsec_old"]);
        assert!(is_valid(&both, &format!("t=1800000000,v1={old}"), BODY, now()));
        assert!(is_valid(&secrets(&["whsec_new"]), &format!("t=1800000000,v1={old},v1={new},v0=00"), BODY, now()));
        assert!(!is_valid(&secrets(&["whsec_other"]), &format!("t=1800000000,v1={old},v1={new}"), BODY, now()));
        assert!(!is_valid(&[], &format!("t=1800000000,v1={old}"), BODY, now()));
    }

    #[test]
    fn messages_older_or_newer_than_the_tolerance_are_refused() {
        let secrets = secrets(&["whsec_one"]);
        for (offset, valid) in [(0, true), (-300, true), (300, true), (-301, false), (301, false)] {
            let instant = 1_800_000_000 + offset;
            let header = format!("t={instant},v1={}", sign("whsec_one", instant, BODY));
            assert_eq!(is_valid(&secrets, &header, BODY, now()), valid, "{offset}");
        }
    }

    #[test]
    fn malformed_and_wrong_signatures_are_refused() {
        let secrets = secrets(&["whsec_one"]);
        let good = sign("whsec_one", 1_800_000_000, BODY);
        for header in [
            String::new(),
            "t=1800000000".to_owned(),
            format!("v1={good}"),
            format!("t=1800000000,v0={good}"),
            format!("t=1800000000,v1={}", &good[..62]),
            format!("t=1800000000,v1={}é", &good[..62]),
            format!("t=1800000001,v1={good}"),
            format!("t=1800000000,t=1799999999,v1={good}"),
            format!("t=9223372036854775808,v1={good}"),
            format!("t=-9223372036854775808,v1={good}"),
        ] {
            assert!(!is_valid(&secrets, &header, BODY, now()), "{header}");
        }
        assert!(!is_valid(&secrets, &format!("t=1800000000,v1={good}"), br#"{"id":"evt_2"}"#, now()));
    }
}
