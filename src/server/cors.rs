//! Cross-origin resource sharing: which pages of other origins may call the API.

use std::time::Duration;

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::platform::config::Origins;

/// How long a browser may cache the response to a preflight request.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3_600);

/// Allows pages of the configured origins. Other origins may not read responses.
pub(super) fn cors_layer(origins: &Origins) -> CorsLayer {
    let allowed = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::Listed(listed) => AllowOrigin::list(listed.iter().filter_map(|origin| origin.parse().ok())),
    };
    let sent = ["apollo-require-preflight", "idempotency-key", "x-apollo-operation-name", "x-roost-trace"];
    let sent = [header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE]
        .into_iter()
        .chain(sent.map(HeaderName::from_static));
    let read = ["ratelimit", "ratelimit-policy", "retry-after", "x-request-id"].map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::list(sent))
        .expose_headers(read)
        .max_age(PREFLIGHT_MAX_AGE)
}
