//! HTTP: routes, layers, health, and a stop that finishes what is in flight.

mod connections;
mod failure_layer;
mod graphql;
mod listener;
mod playground;
#[cfg(feature = "test-clock")]
mod test_clock;
mod viewer;
mod webhooks;

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::trace::TraceLayer;

use self::connections::Connections;
pub use self::connections::Limits;
use crate::graphql::Engine;
use crate::platform::App;
use crate::platform::config::Origins;

/// How long a browser may remember what pages of another origin may do.
const PREFLIGHT_LIFE: Duration = Duration::from_secs(3_600);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every handler is given.
#[derive(Clone)]
struct Served {
    app: App,
    engine: Engine,
    /// The status of answers with both data and errors.
    partial_status: StatusCode,
    connections: Connections,
}

/// The routes and layers over `app`.
pub fn router(app: App) -> Router {
    let connections = Connections::new(Limits::default(), CancellationToken::new());
    routed(app, connections)
}

fn routed(app: App, connections: Connections) -> Router {
    let partial_status = StatusCode::from_u16(app.config.graphql.partial_status).unwrap_or(StatusCode::OK);
    let served = Served { engine: Engine::new(app.clone()), partial_status, connections, app };
    let playground = if served.app.config.graphql.playground { playground::routes() } else { Router::new() };
    let cross_origin = cross_origin(&served.app.config.graphql.origins);
    let routes = Router::new().fallback(failure_layer::nowhere);
    #[cfg(feature = "test-clock")]
    let routes = routes.merge(test_clock::routes(&served.app));
    routes
        .route("/", get(root))
        .route("/health/live", get(|| async { Json(json!({ "status": "live" })) }))
        .route("/health/ready", get(ready))
        .merge(playground)
        .merge(webhooks::routes())
        .layer(from_fn(failure_layer::guard))
        .merge(graphql::routes().layer(cross_origin))
        .with_state(served)
        .layer(CompressionLayer::new())
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &axum::http::Request<_>| {
            let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
            tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
        }))
        .layer(SetRequestIdLayer::new(REQUEST_ID, OwnId))
        .layer(axum::middleware::map_request(without_foreign_id))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
}

/// What pages of other origins may do: nothing, unless the settings name them.
fn cross_origin(origins: &Origins) -> CorsLayer {
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
        .max_age(PREFLIGHT_LIFE)
}

/// A request id of a stranger's making could be anything; logs carry our own.
async fn without_foreign_id(mut request: axum::extract::Request) -> axum::extract::Request {
    request.headers_mut().remove(REQUEST_ID);
    request
}

/// The id under which the log knows a request.
fn request_id(extensions: &Extensions) -> String {
    let id = extensions.get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    id.unwrap_or_default().to_owned()
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

/// Leads a browser to the playground, where there is one, and tells everybody else where things are.
async fn root(State(served): State<Served>, headers: HeaderMap) -> Response {
    let has_playground = served.app.config.graphql.playground;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if has_playground && accepts.contains("text/html") {
        return Redirect::temporary("/graphiql").into_response();
    }
    let mut places = json!({
        "name": "roost",
        "version": env!("CARGO_PKG_VERSION"),
        "graphql": "/graphql",
        "health": ["/health/live", "/health/ready"],
    });
    if has_playground {
        places["playground"] = json!("/graphiql");
    }
    Json(places).into_response()
}

/// Whether requests can be answered: the database must be there and keep what is written, the cache need not be there.
async fn ready(State(served): State<Served>) -> Response {
    let database = served.app.db.ready().await.is_ok();
    let cache = served.app.cache.is_healthy().await;
    let status = if database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |up: bool| if up { "up" } else { "down" };
    (status, Json(json!({ "database": word(database), "cache": word(cache) }))).into_response()
}

/// Serves until told to stop, then finishes what is in flight and closes what stays open.
pub async fn serve(app: App, listener: TcpListener, stop: CancellationToken) {
    if app.config.graphql.playground
        && let Some(why) = playground::is_from_cdn()
    {
        tracing::warn!(why, "the playground loads GraphiQL from a CDN, each file held to its hash; the API needs none");
    }
    serve_within(Limits::default(), app, listener, stop).await;
}

/// Serves with other limits for connections that stay open.
pub async fn serve_within(limits: Limits, app: App, listener: TcpListener, stop: CancellationToken) {
    let connections = Connections::new(limits.clone(), stop.clone());
    listener::accept(routed(app, connections.clone()), listener, limits, stop).await;
    connections.ended().await;
}
