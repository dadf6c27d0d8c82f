//! The route of the GraphQL endpoint, for HTTP and WebSocket.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::any;
use tower_http::set_header::SetResponseHeaderLayer;

use super::{http, websocket};
use crate::server::failure_layer::catch_failures;
use crate::server::state::ServerState;

pub(in crate::server) fn routes() -> Router<ServerState> {
    // A response is for one caller only, and depends on the media types that the client accepts.
    let no_store = SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let vary = SetResponseHeaderLayer::appending(header::VARY, HeaderValue::from_static("accept"));
    Router::new().route("/graphql", any(serve)).layer(from_fn(catch_failures)).layer(no_store).layer(vary)
}

async fn serve(State(state): State<ServerState>, request: Request) -> Response {
    if websocket::is_upgrade(&request) {
        return websocket::open(state, request).await;
    }
    http::serve(state, request).await
}
