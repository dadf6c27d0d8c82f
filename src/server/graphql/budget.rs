//! Tells how much is left of a budget in the fields of the IETF's draft "RateLimit header fields for HTTP" (11).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::platform::limits::token_bucket::Balance;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Writes a budget down. Who has to wait may not spend more than remains until then, so that the window that is told
/// ends no later than the wait; for everybody else it ends when the budget is full.
pub(super) fn tell(headers: &mut HeaderMap, balance: &Balance, retry_after_s: Option<u64>) {
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
