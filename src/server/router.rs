//! The routes of the server and the layers around them.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{from_fn, map_request};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::trace::TraceLayer;

use super::connections::{Connections, Limits};
use super::cors::cors_layer;
use super::request_id::{REQUEST_ID, RandomRequestId, remove_client_request_id};
use super::state::ServerState;
#[cfg(feature = "test-clock")]
use super::test_clock;
use super::{failure_layer, graphql, health, playground, webhooks};
use crate::platform::App;

/// The routes and layers of a server for `app`, with the default limits for connections.
pub fn router(app: App) -> Router {
    let connections = Connections::new(Limits::default(), CancellationToken::new());
    router_with(app, connections)
}

/// The same with the given connections.
pub(super) fn router_with(app: App, connections: Connections) -> Router {
    let state = ServerState::new(app, connections);
    let playground = if state.app.config.graphql.playground { playground::routes() } else { Router::new() };
    let cors = cors_layer(&state.app.config.graphql.origins);
    let routes = Router::new().fallback(failure_layer::not_found);
    #[cfg(feature = "test-clock")]
    let routes = routes.merge(test_clock::routes(&state.app));
    routes
        .route("/", get(root))
        .route("/health/live", get(|| async { Json(json!({ "status": "live" })) }))
        .route("/health/ready", get(health::ready))
        .merge(playground)
        .merge(webhooks::routes())
        .layer(from_fn(failure_layer::catch_failures))
        .merge(graphql::routes().layer(cors))
        .with_state(state)
        .layer(CompressionLayer::new())
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
            let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
            tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
        }))
        .layer(SetRequestIdLayer::new(REQUEST_ID, RandomRequestId))
        .layer(map_request(remove_client_request_id))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
}

/// Redirects a browser to the playground, if there is one, and lists the paths of the server for other clients.
async fn root(State(state): State<ServerState>, headers: HeaderMap) -> Response {
    let has_playground = state.app.config.graphql.playground;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if has_playground && accepts.contains("text/html") {
        return Redirect::temporary("/graphiql").into_response();
    }
    let mut paths = json!({
        "name": "roost",
        "version": env!("CARGO_PKG_VERSION"),
        "graphql": "/graphql",
        "health": ["/health/live", "/health/ready"],
    });
    if has_playground {
        paths["playground"] = json!("/graphiql");
    }
    Json(paths).into_response()
}
