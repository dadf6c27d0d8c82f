//! The endpoint for webhooks of the payment processor.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::state::ServerState;
use crate::domain::payments::{self, Received};
use crate::platform::gateway::EventError;

/// Largest body of a webhook, in bytes. An event contains one object of the processor, some dozens of KiB.
const MAX_EVENT_BYTES: usize = 256 * 1024;

pub(super) fn routes() -> Router<ServerState> {
    Router::new().route("/webhooks/stripe", post(stripe).layer(DefaultBodyLimit::max(MAX_EVENT_BYTES)))
}

/// Stores an event and answers 200, also for an event that was stored before. After any other status, Stripe sends the
/// event again.
async fn stripe(State(state): State<ServerState>, headers: HeaderMap, body: Bytes) -> Response {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or("");
    match payments::receive_event(&state.app, signature, &body).await {
        Ok(Received::Stored) => Json(json!({ "received": true })).into_response(),
        Ok(Received::Invalid(bad)) => {
            let status = match bad {
                EventError::NotSupported => StatusCode::NOT_FOUND,
                EventError::InvalidSignature | EventError::Malformed => StatusCode::BAD_REQUEST,
            };
            (status, Json(json!({ "error": bad.to_string() }))).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an event of the payment processor could not be stored");
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "internal error" }))).into_response()
        }
    }
}
