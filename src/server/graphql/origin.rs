//! Pages of which origins may ask: the server's own, and those that the settings name.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};

use crate::server::Served;

/// Whether a page of the origin that a request names may ask; nothing where it names none, as programs do and browsers
/// where a page asks its own server for a thing by GET.
pub(super) fn may_ask(served: &Served, parts: &Parts) -> Option<bool> {
    named(&parts.headers, &parts.uri, |origin| served.app.config.graphql.origins.allow(origin))
}

fn named(headers: &HeaderMap, uri: &Uri, allowed: impl Fn(&str) -> bool) -> Option<bool> {
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
    fn pages_of_other_origins_may_not_ask_unless_they_are_allowed() {
        let may_ask = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "roost.example:8000".parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            named(&headers, &Uri::from_static("/graphql"), |origin| origin == "https://shop.example")
        };
        for origin in ["http://roost.example:8000", "https://ROOST.example:8000", "https://shop.example"] {
            assert_eq!(may_ask(origin), Some(true), "{origin}");
        }
        for origin in
            ["https://evil.example", "null", "https://roost.example", "https://roost.example:8000.evil.example"]
        {
            assert_eq!(may_ask(origin), Some(false), "{origin}");
        }
        assert_eq!(named(&HeaderMap::new(), &Uri::from_static("/graphql"), |_| false), None);
    }
}
