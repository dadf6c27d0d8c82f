//! Stripe's signature of an event: `t=…,v1=…`, an HMAC-SHA256 over the instant and the raw body.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::platform::config::Secret;

/// A signature that is older, or from further in the future, is a message that somebody kept.
const TOLERANCE_S: u64 = 300;

/// Whether one of the signatures in `header` was made with one of the secrets, at about `now`, over this very body.
/// While a secret is being replaced there are several of both.
pub fn is_right(secrets: &[Secret], header: &str, body: &[u8], now: DateTime<Utc>) -> bool {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let mut instants = parts().filter(|(name, _)| *name == "t").map(|(_, value)| value);
    let (Some(instant), None) = (instants.next(), instants.next()) else { return false };
    let Ok(seconds) = instant.parse::<i64>() else { return false };
    if now.timestamp().abs_diff(seconds) > TOLERANCE_S {
        return false;
    }
    let candidates = parts().filter(|(name, _)| *name == "v1").filter_map(|(_, value)| bytes(value));
    candidates.fold(false, |right, candidate| {
        secrets.iter().fold(right, |right, secret| right | signed(secret, instant, body, &candidate))
    })
}

/// Compares in constant time.
fn signed(secret: &Secret, instant: &str, body: &[u8], candidate: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return false };
    mac.update(instant.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(candidate).is_ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
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
    fn a_signature_known_from_elsewhere_is_right() {
        // printf '1800000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_one
        let known = "1b1175c4f27446431d116ab61cb6ec9bbac7dd5c3be4a273ba6645a112bb4bb4";
        assert_eq!(sign("whsec_one", 1_800_000_000, BODY), known);
        assert!(is_right(&secrets(&["whsec_one"]), &format!("t=1800000000,v1={known}"), BODY, now()));
    }

    #[test]
    fn any_of_several_secrets_and_signatures_will_do() {
        let (old, new) = (sign("whsec_old", 1_800_000_000, BODY), sign("whsec_new", 1_800_000_000, BODY));
        let both = secrets(&["whsec_new", "whsec_old"]);
        assert!(is_right(&both, &format!("t=1800000000,v1={old}"), BODY, now()));
        assert!(is_right(&secrets(&["whsec_new"]), &format!("t=1800000000,v1={old},v1={new},v0=00"), BODY, now()));
        assert!(!is_right(&secrets(&["whsec_other"]), &format!("t=1800000000,v1={old},v1={new}"), BODY, now()));
        assert!(!is_right(&[], &format!("t=1800000000,v1={old}"), BODY, now()));
    }

    #[test]
    fn old_messages_and_those_from_the_future_are_refused() {
        let secrets = secrets(&["whsec_one"]);
        for (offset, right) in [(0, true), (-300, true), (300, true), (-301, false), (301, false)] {
            let instant = 1_800_000_000 + offset;
            let header = format!("t={instant},v1={}", sign("whsec_one", instant, BODY));
            assert_eq!(is_right(&secrets, &header, BODY, now()), right, "{offset}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
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
            assert!(!is_right(&secrets, &header, BODY, now()), "{header}");
        }
        assert!(!is_right(&secrets, &format!("t=1800000000,v1={good}"), br#"{"id":"evt_2"}"#, now()));
    }
}
