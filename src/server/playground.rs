//! GraphiQL at `/graphiql`, with operations that are ready to run.
//!
//! Page, script and styles of our own are embedded, and so is GraphiQL itself where it could be had when the program was
//! built: then no request of the page leaves the host. Else each of its files comes from a CDN, held to its published
//! hash. The page runs no inline script, and takes no inline style but one.

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
use super::Served;
use crate::demo;
use crate::domain::users;

include!(concat!(env!("OUT_DIR"), "/playground.rs"));

const CDN_NPM: &str = "https://cdn.jsdelivr.net/npm";
const OWN_NPM: &str = "/graphiql/npm";
/// Where the page holds its nonce.
const NONCE: &str = "<nonce>";
/// For what changes only with its address.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// For what is asked for again, and sent again only when it has changed.
const ASK_AGAIN: &str = "no-cache";

/// Operations for the playground's tabs, by name, in order.
pub const OPERATIONS: [(&str, &str); 16] = [
    ("Search", include_str!("playground/operations/search.graphql")),
    ("Listing", include_str!("playground/operations/listing.graphql")),
    ("Sign in", include_str!("playground/operations/sign-in.graphql")),
    ("Register", include_str!("playground/operations/register.graphql")),
    ("Book", include_str!("playground/operations/book.graphql")),
    ("Trips", include_str!("playground/operations/trips.graphql")),
    ("Change", include_str!("playground/operations/change.graphql")),
    ("Host", include_str!("playground/operations/host.graphql")),
    ("Calendar", include_str!("playground/operations/calendar.graphql")),
    ("Requests", include_str!("playground/operations/requests.graphql")),
    ("Payments", include_str!("playground/operations/payments.graphql")),
    ("Payouts", include_str!("playground/operations/payouts.graphql")),
    ("Review", include_str!("playground/operations/review.graphql")),
    ("Notifications", include_str!("playground/operations/notifications.graphql")),
    ("Watch", include_str!("playground/operations/watch.graphql")),
    ("Staff", include_str!("playground/operations/staff.graphql")),
];

/// The files of our own, by name.
static OWN: LazyLock<[(&str, File); 5]> = LazyLock::new(|| {
    let script = |text: &'static str| File::plain("text/javascript", ASK_AGAIN, text.as_bytes());
    [
        ("app.js", script(include_str!("playground/app.js"))),
        ("request.js", script(include_str!("playground/request.js"))),
        ("session.js", script(include_str!("playground/session.js"))),
        ("status.js", script(include_str!("playground/status.js"))),
        ("app.css", File::plain("text/css", ASK_AGAIN, include_bytes!("playground/app.css"))),
    ]
});

/// The embedded files of others, by package, version and path.
static OTHERS: LazyLock<Vec<(String, File)>> = LazyLock::new(|| {
    let embedded = EMBEDDED.into_iter().flatten();
    let files = PINNED.iter().zip(embedded).map(|(pinned, gzip)| {
        let media = if pinned.is_style() { "text/css" } else { "text/javascript" };
        (pinned.name(), File::gzip(media, FOREVER, gzip, pinned.sha384))
    });
    files.collect()
});

static PAGE: LazyLock<String> = LazyLock::new(|| page_from(if EMBEDDED.is_ok() { OWN_NPM } else { CDN_NPM }));

/// Why GraphiQL comes from a CDN, where it does.
pub(super) fn is_from_cdn() -> Option<&'static str> {
    EMBEDDED.err()
}

pub(super) fn routes() -> Router<Served> {
    Router::new()
        .route("/graphiql", get(page))
        .route("/graphiql/operations.json", get(operations))
        .route("/graphiql/accounts.json", get(accounts))
        .route("/graphiql/npm/{*name}", get(other))
        .route("/graphiql/{name}", get(own))
}

async fn own(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = OWN.iter().find(|(own, _)| *own == name);
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |(_, file)| file.answer(&headers))
}

async fn other(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = OTHERS.iter().find(|(other, _)| *other == name);
    found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |(_, file)| file.answer(&headers))
}

impl Pinned {
    fn is_style(&self) -> bool {
        self.file.ends_with(".css")
    }

    fn name(&self) -> String {
        format!("{}@{}/{}", self.package, self.version, self.file)
    }
}

/// What the page may load and do: its own host and, where GraphiQL is not embedded, the very files of the CDN's that it
/// names. A menu of GraphiQL's adds one style, whose text is not always the same; the nonce lets that in and no other.
fn policy(is_embedded: bool, nonce: &str) -> String {
    let others = |are_styles: bool| -> String {
        let wanted = PINNED.iter().filter(|pinned| !is_embedded && pinned.is_style() == are_styles);
        wanted.map(|pinned| format!(" {CDN_NPM}/{}", pinned.name())).collect()
    };
    let (scripts, styles) = (others(false), others(true));
    format!(
        "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles} 'nonce-{nonce}'; font-src 'self' data:; \
         img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page with the files of others under that address.
fn page_from(npm: &str) -> String {
    let guard = |pinned: &Pinned| format!("integrity=\"sha384-{}\" crossorigin=\"anonymous\"", pinned.sha384);
    let (styles, scripts): (Vec<_>, Vec<_>) = PINNED.iter().partition(|pinned| pinned.is_style());
    let link = |style: &Pinned| format!("<link rel=\"stylesheet\" href=\"{npm}/{}\" {} />", style.name(), guard(style));
    let script = |script: &Pinned| format!("<script src=\"{npm}/{}\" {}></script>", script.name(), guard(script));
    include_str!("playground/index.html")
        .replace("<!-- styles -->", &styles.into_iter().map(link).collect::<Vec<_>>().join("\n    "))
        .replace("<!-- scripts -->", &scripts.into_iter().map(script).collect::<Vec<_>>().join("\n    "))
}

async fn page() -> impl IntoResponse {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, ASK_AGAIN.to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy(EMBEDDED.is_ok(), &nonce)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, PAGE.replace(NONCE, &nonce))
}

async fn operations() -> Json<[Value; OPERATIONS.len()]> {
    Json(OPERATIONS.map(|(name, query)| json!({ "name": name, "query": query })))
}

/// The demonstration's accounts where the demonstration is what is served, for signing in by one press.
async fn accounts(State(served): State<Served>) -> Json<Vec<Value>> {
    let is_demo = users::is_registered(&served.app, demo::GUEST).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell whether this is the demonstration");
        false
    });
    let accounts = [("guest", demo::GUEST), ("host", demo::HOST), ("admin", demo::ADMIN)];
    let shown = accounts.into_iter().filter(|_| is_demo);
    Json(shown.map(|(name, email)| json!({ "name": name, "email": email, "password": demo::PASSWORD })).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_page_holds_every_file_to_its_hash() {
        for npm in [OWN_NPM, CDN_NPM] {
            let page = page_from(npm);
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
    fn only_the_page_that_needs_a_cdn_may_load_from_it_and_no_more_than_it_names() {
        let own = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-0f'; font-src 'self' data:; \
                   img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                   frame-ancestors 'none'";
        assert_eq!(policy(true, "0f"), own);
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
        assert_eq!(policy(false, "0f"), cdn);
    }
}
