//! The origins whose pages may send requests: the server's own, and those in the settings.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};

use crate::server::state::ServerState;

/// Whether the `Origin` header of a request names an allowed origin. None if there is no such header: programs send
/// none, and neither do browsers for a GET request of a page to its own server.
pub(super) fn is_allowed_origin(state: &ServerState, parts: &Parts) -> Option<bool> {
    check_origin(&parts.headers, &parts.uri, |origin| state.app.config.graphql.origins.allow(origin))
}

fn check_origin(headers: &HeaderMap, uri: &Uri, allowed: impl Fn(&str) -> bool) -> Option<bool> {
    let origin = headers.get(header::ORIGIN)?;
    let Ok(origin) = origin.to_str() else { return Some(false) };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let own = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
    let of_origin = origin.split_once("://").map(|(_, authority)| authority);
    let is_own = own.zip(of_origin).is_some_and(|(own, of_origin)| own.eq_ignore_ascii_case(of_origin));
    Some(is_own || allowed(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
        let is_allowed = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "roost.example:8000".parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            check_origin(&headers, &Uri::from_static("/graphql"), |origin| origin == "https://shop.example")
        };
        for origin in ["http://roost.example:8000", "https://ROOST.example:8000", "https://shop.example"] {
            assert_eq!(is_allowed(origin), Some(true), "{origin}");
        }
        for origin in
            ["https://evil.example", "null", "https://roost.example", "https://roost.example:8000.evil.example"]
        {
            assert_eq!(is_allowed(origin), Some(false), "{origin}");
        }
        assert_eq!(check_origin(&HeaderMap::new(), &Uri::from_static("/graphql"), |_| false), None);
    }
}
