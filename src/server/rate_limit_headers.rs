//! Reports a budget in the header fields of the IETF draft "RateLimit header fields for HTTP" (version 11).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::platform::limits::token_bucket::Balance;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Writes the fields for a budget. A client that must wait may spend only what remains until then, so its window ends
/// with the wait. For other clients the window ends when the budget is full.
pub(super) fn insert(headers: &mut HeaderMap, balance: &Balance, retry_after_s: Option<u64>) {
    let Balance { name, quota, remaining, .. } = balance;
    let window = retry_after_s.unwrap_or(balance.full_in_s());
    let fields = [
        (POLICY, format!("\"{name}\";q={quota};w={}", balance.window_s())),
        (LIMIT, format!("\"{name}\";r={remaining};t={window}")),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    if let Some(wait) = retry_after_s {
        headers.insert(header::RETRY_AFTER, wait.into());
    }
}
