//! The GraphQL endpoint: one engine behind every transport.
//!
//! **Invariant:** a transport reads what was sent, finds out who sent it, and writes the answer down. What may run, and
//! what comes of it, the [`Engine`](crate::graphql::Engine) decides alike for all of them.

mod budget;
mod failure;
mod http;
mod media;
mod sse;
mod websocket;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;

pub(super) use self::failure::Failure;
use super::Served;

pub(super) fn routes() -> Router<Served> {
    Router::new().route("/graphql", any(serve))
}

async fn serve(State(served): State<Served>, request: Request) -> Response {
    if websocket::is_asked_for(&request) {
        return websocket::open(served, request).await;
    }
    http::serve(served, request).await
}
