//! The GraphQL endpoint: one engine behind every transport.
//!
//! **Invariant:** a transport reads what was sent, finds out who sent it, and writes the answer down. What may run, and
//! what comes of it, the [`Engine`](crate::graphql::Engine) decides alike for all of them.

mod budget;
mod content_negotiation;
mod http;
mod origin;
mod rejection;
mod request_body;
mod sse;
mod websocket;

use async_graphql::Value;
use async_graphql::parser::types::OperationType;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::any;
use tower_http::set_header::SetResponseHeaderLayer;

use super::Served;
use super::failure_layer::guard;
use crate::graphql::Answer;
pub(super) use content_negotiation::Media;
pub(super) use rejection::Failure;

pub(super) fn routes() -> Router<Served> {
    // An answer is one person's, and depends on what they accept.
    let kept = SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let varies = SetResponseHeaderLayer::appending(header::VARY, HeaderValue::from_static("accept"));
    Router::new().route("/graphql", any(serve)).layer(from_fn(guard)).layer(kept).layer(varies)
}

/// Whether an answer is the end of its subscription: what its only field could not be had for, and no data.
fn breaks_off(kind: OperationType, answer: &Answer) -> bool {
    let of_the_root = answer.response.errors.iter().any(|error| error.path.len() == 1);
    kind == OperationType::Subscription && of_the_root && answer.response.data == Value::Null
}

async fn serve(State(served): State<Served>, request: Request) -> Response {
    if websocket::is_asked_for(&request) {
        return websocket::open(served, request).await;
    }
    http::serve(served, request).await
}
