//! GraphiQL at `/graphiql`, with operations that are ready to run.
//!
//! The page and its own scripts and styles are embedded in the program. GraphiQL is embedded too if it was available
//! when the program was built; then the page sends no request to another host. Otherwise it loads GraphiQL from a CDN
//! and checks the published hash of each file. The page runs no inline script and allows only one inline style.

mod files;
mod pinned;

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use self::files::File;
use self::pinned::{PINNED, Pinned};
use super::state::ServerState;
use crate::demo;
use crate::domain::users;

include!(concat!(env!("OUT_DIR"), "/playground.rs"));

/// Address of npm packages at the CDN.
const CDN_NPM: &str = "https://cdn.jsdelivr.net/npm";
/// Address of embedded npm packages.
const OWN_NPM: &str = "/graphiql/npm";
/// Placeholder for the nonce in the page.
const NONCE: &str = "<nonce>";
/// `Cache-Control` of files whose address changes with their contents.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// `Cache-Control` of files that browsers revalidate on each use.
const REVALIDATE: &str = "no-cache";

/// The operations of the playground: the name of a tab and its document, in the order of the tabs.
pub const OPERATIONS: [(&str, &str); 16] = [
    ("Search", include_str!("playground/operations/search-listings.graphql")),
    ("Listing", include_str!("playground/operations/listing-details.graphql")),
    ("Sign in", include_str!("playground/operations/sign-in.graphql")),
    ("Register", include_str!("playground/operations/register.graphql")),
    ("Book", include_str!("playground/operations/create-booking.graphql")),
    ("Trips", include_str!("playground/operations/trips.graphql")),
    ("Alterations", include_str!("playground/operations/alterations.graphql")),
    ("Create listing", include_str!("playground/operations/create-listing.graphql")),
    ("Calendar", include_str!("playground/operations/calendar.graphql")),
    ("Reservations", include_str!("playground/operations/reservations.graphql")),
    ("Payments", include_str!("playground/operations/payments.graphql")),
    ("Payouts", include_str!("playground/operations/payouts.graphql")),
    ("Reviews", include_str!("playground/operations/reviews.graphql")),
    ("Notifications", include_str!("playground/operations/notifications.graphql")),
    ("Subscriptions", include_str!("playground/operations/subscriptions.graphql")),
    ("Staff", include_str!("playground/operations/staff.graphql")),
];

/// The page's own files, by name.
static OWN_FILES: LazyLock<[(&str, File); 5]> = LazyLock::new(|| {
    let script = |text: &'static str| File::plain("text/javascript", REVALIDATE, text.as_bytes());
    [
        ("app.js", script(include_str!("playground/app.js"))),
        ("request.js", script(include_str!("playground/request.js"))),
        ("session.js", script(include_str!("playground/session.js"))),
        ("status.js", script(include_str!("playground/status.js"))),
        ("app.css", File::plain("text/css", REVALIDATE, include_bytes!("playground/app.css"))),
    ]
});

/// The embedded third-party files, by package, version and path.
static THIRD_PARTY_FILES: LazyLock<Vec<(String, File)>> = LazyLock::new(|| {
    let embedded = EMBEDDED.into_iter().flatten();
    let files = PINNED.iter().zip(embedded).map(|(pinned, gzip)| {
        let media_type = if pinned.is_style() { "text/css" } else { "text/javascript" };
        (pinned.name(), File::gzip(media_type, IMMUTABLE, gzip, pinned.sha384))
    });
    files.collect()
});

static PAGE: LazyLock<String> = LazyLock::new(|| render_page(if EMBEDDED.is_ok() { OWN_NPM } else { CDN_NPM }));

/// Why the page loads GraphiQL from a CDN. None if GraphiQL is embedded.
pub(super) fn cdn_reason() -> Option<&'static str> {
    EMBEDDED.err()
}

pub(super) fn routes() -> Router<ServerState> {
    Router::new()
        .route("/graphiql", get(get_page))
        .route("/graphiql/operations.json", get(list_operations))
        .route("/graphiql/accounts.json", get(list_accounts))
        .route("/graphiql/npm/{*name}", get(get_third_party_file))
        .route("/graphiql/{name}", get(get_own_file))
}

async fn get_own_file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = OWN_FILES.iter().find(|(own, _)| *own == name);
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |(_, file)| file.to_response(&headers))
}

async fn get_third_party_file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = THIRD_PARTY_FILES.iter().find(|(path, _)| *path == name);
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |(_, file)| file.to_response(&headers))
}

impl Pinned {
    fn is_style(&self) -> bool {
        self.file.ends_with(".css")
    }

    fn name(&self) -> String {
        format!("{}@{}/{}", self.package, self.version, self.file)
    }
}

/// The content security policy: the page may load files of its own host and, if GraphiQL is not embedded, exactly the
/// files of the CDN that it names. A menu of GraphiQL adds one inline style with varying text; the nonce allows that
/// style only.
fn content_security_policy(is_embedded: bool, nonce: &str) -> String {
    let cdn_files = |are_styles: bool| -> String {
        let wanted = PINNED.iter().filter(|pinned| !is_embedded && pinned.is_style() == are_styles);
        wanted.map(|pinned| format!(" {CDN_NPM}/{}", pinned.name())).collect()
    };
    let (scripts, styles) = (cdn_files(false), cdn_files(true));
    format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles} 'nonce-{nonce}'; font-src 'self' data:; \
         img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page with the third-party files under the address `npm`.
fn render_page(npm: &str) -> String {
    let attributes = |pinned: &Pinned| format!("integrity=\"sha384-{}\" crossorigin=\"anonymous\"", pinned.sha384);
    let (styles, scripts): (Vec<_>, Vec<_>) = PINNED.iter().partition(|pinned| pinned.is_style());
    let link =
        |style: &Pinned| format!("<link rel=\"stylesheet\" href=\"{npm}/{}\" {} />", style.name(), attributes(style));
    let script = |script: &Pinned| format!("<script src=\"{npm}/{}\" {}></script>", script.name(), attributes(script));
    include_str!("playground/index.html")
        .replace("<!-- styles -->", &styles.into_iter().map(link).collect::<Vec<_>>().join("\n    "))
        .replace("<!-- scripts -->", &scripts.into_iter().map(script).collect::<Vec<_>>().join("\n    "))
}

async fn get_page() -> impl IntoResponse {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, REVALIDATE.to_owned()),
        (header::CONTENT_SECURITY_POLICY, content_security_policy(EMBEDDED.is_ok(), &nonce)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, PAGE.replace(NONCE, &nonce))
}

async fn list_operations() -> Json<[Value; OPERATIONS.len()]> {
    Json(OPERATIONS.map(|(name, query)| json!({ "name": name, "query": query })))
}

/// The accounts of the demonstration, for a button for each. Empty if another database is served.
async fn list_accounts(State(state): State<ServerState>) -> Json<Vec<Value>> {
    let is_demo = users::is_registered(&state.app, demo::GUEST).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot determine whether this database is the demonstration");
        false
    });
    let accounts = [("guest", demo::GUEST), ("host", demo::HOST), ("admin", demo::ADMIN)];
    let accounts = accounts.into_iter().filter(|_| is_demo);
    Json(accounts.map(|(name, email)| json!({ "name": name, "email": email, "password": demo::PASSWORD })).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_party_file_has_its_hash_in_both_pages() {
        for npm in [OWN_NPM, CDN_NPM] {
            let page = render_page(npm);
            for pinned in &PINNED {
                let file = format!(
                    "=\"{npm}/{}@{}/{}\" integrity=\"sha384-{}\" crossorigin=\"anonymous\"",
                    pinned.package, pinned.version, pinned.file, pinned.sha384
                );
                assert_eq!(page.matches(&file).count(), 1, "{file}");
            }
            assert_eq!(page.matches("integrity=").count(), PINNED.len(), "{page}");
            assert_eq!(page.contains("://"), npm == CDN_NPM, "{page}");
            assert!(!page.contains("<!--"), "{page}");
        }
    }

    #[test]
    fn the_policy_allows_the_cdn_only_if_needed_and_only_the_named_files() {
        let own = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-0f'; font-src 'self' data:; \
                   img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                   frame-ancestors 'none'";
        assert_eq!(content_security_policy(true, "0f"), own);
        let cdn = own
            .replace(
                "script-src 'self'",
                "script-src 'self' https://cdn.jsdelivr.net/npm/react@18.3.1/umd/react.production.min.js \
                 https://cdn.jsdelivr.net/npm/react-dom@18.3.1/umd/react-dom.production.min.js \
                 https://cdn.jsdelivr.net/npm/graphiql@4.1.2/graphiql.min.js",
            )
            .replace(
                "style-src 'self'",
                "style-src 'self' https://cdn.jsdelivr.net/npm/graphiql@4.1.2/graphiql.min.css",
            );
        assert_eq!(content_security_policy(false, "0f"), cdn);
    }
}
