//! HTTP: routes, layers, health, and a stop that finishes what is in flight.

mod graphql_http;
mod playground;
#[cfg(feature = "test-clock")]
mod test_clock;
mod viewer;
mod webhooks;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::graphql;
use crate::platform::App;

/// Largest body of a request. A signed quote of a year takes about 5 KiB.
const BODY_BYTES: usize = 256 * 1024;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every handler is given.
#[derive(Clone)]
struct Served {
    app: App,
    schema: graphql::Schema,
}

/// The routes and layers over `app`.
pub fn router(app: App) -> Router {
    let served = Served { app, schema: graphql::schema() };
    let routes = Router::new();
    #[cfg(feature = "test-clock")]
    let routes = routes.merge(test_clock::routes(&served.app));
    routes
        .route("/", get(root))
        .route("/graphql", get(graphql_http::get).post(graphql_http::post).fallback(graphql_http::other_method))
        .route("/health/live", get(|| async { Json(json!({ "status": "live" })) }))
        .route("/health/ready", get(ready))
        .merge(playground::routes())
        .merge(webhooks::routes())
        .with_state(served)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(CompressionLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &axum::http::Request<_>| {
            let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
            tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
        }))
        .layer(SetRequestIdLayer::new(REQUEST_ID, OwnId))
        .layer(axum::middleware::map_request(without_foreign_id))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
}

/// A request id of a stranger's making could be anything; logs carry our own.
async fn without_foreign_id(mut request: axum::extract::Request) -> axum::extract::Request {
    request.headers_mut().remove(REQUEST_ID);
    request
}

/// Request ids of our own.
#[derive(Clone, Copy)]
struct OwnId;

impl MakeRequestId for OwnId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let id = format!("req_{:032x}", rand::random::<u128>());
        id.parse().ok().map(RequestId::new)
    }
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    tracing::error!(cause, "a handler panicked");
    let body = json!({ "errors": [{ "message": "internal error", "extensions": { "code": "INTERNAL" } }] });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

/// Leads a browser to the playground, and tells everybody else where things are.
async fn root(headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if accepts.contains("text/html") {
        return Redirect::temporary("/graphiql").into_response();
    }
    let places = json!({
        "name": "roost",
        "version": env!("CARGO_PKG_VERSION"),
        "graphql": "/graphql",
        "playground": "/graphiql",
        "health": ["/health/live", "/health/ready"],
    });
    Json(places).into_response()
}

/// Whether requests can be answered: the database must be there, the cache need not.
async fn ready(State(served): State<Served>) -> Response {
    let database = served.app.db.ping().await.is_ok();
    let cache = served.app.cache.is_healthy().await;
    let status = if database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |up: bool| if up { "up" } else { "down" };
    (status, Json(json!({ "database": word(database), "cache": word(cache) }))).into_response()
}

/// Serves until told to stop, then finishes what is in flight.
pub async fn serve(app: App, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(async move { stop.cancelled().await }).await
}
