//! GraphiQL at `/graphiql`, with operations that are ready to run.
//!
//! GraphiQL itself comes from a CDN, each file held to its published hash; page, script and styles of our own are
//! embedded. The page runs no inline script.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use super::Served;

const CDN: &str = "https://cdn.jsdelivr.net";

/// Operations for the playground's tabs, by name, in order.
pub const OPERATIONS: [(&str, &str); 8] = [
    ("Search", include_str!("playground/operations/search.graphql")),
    ("Listing", include_str!("playground/operations/listing.graphql")),
    ("Sign in", include_str!("playground/operations/sign-in.graphql")),
    ("Register", include_str!("playground/operations/register.graphql")),
    ("Host", include_str!("playground/operations/host.graphql")),
    ("Book", include_str!("playground/operations/book.graphql")),
    ("Trips", include_str!("playground/operations/trips.graphql")),
    ("Review", include_str!("playground/operations/review.graphql")),
];

pub(super) fn routes() -> Router<Served> {
    Router::new()
        .route("/graphiql", get(page))
        .route("/graphiql/app.js", get(|| async { typed("text/javascript", include_str!("playground/app.js")) }))
        .route("/graphiql/app.css", get(|| async { typed("text/css", include_str!("playground/app.css")) }))
        .route("/graphiql/operations.json", get(operations))
}

fn typed(media: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, format!("{media}; charset=utf-8")), (header::CACHE_CONTROL, "no-cache".into())], text)
}

async fn page() -> impl IntoResponse {
    let policy = format!(
        "default-src 'none'; script-src 'self' {CDN}; style-src 'self' 'unsafe-inline' {CDN}; font-src 'self' data:; \
         img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, include_str!("playground/index.html"))
}

async fn operations() -> impl IntoResponse {
    let operations = OPERATIONS.map(|(name, query)| json!({ "name": name, "query": query }));
    axum::Json(operations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    #[test]
    fn every_operation_is_a_document() {
        for (name, query) in OPERATIONS {
            assert!(parse_query(query).is_ok(), "{name}: {:?}", parse_query(query).err());
        }
    }
}
