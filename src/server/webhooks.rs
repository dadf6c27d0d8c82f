//! Where the card processor tells that something has happened.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::Served;
use crate::domain::payments::{self, Received};
use crate::platform::gateway::event::BadEvent;

/// The largest events hold one object of the processor's, some dozens of KiB.
const EVENT_BYTES: usize = 256 * 1024;

pub(super) fn routes() -> Router<Served> {
    Router::new().route("/webhooks/stripe", post(stripe).layer(DefaultBodyLimit::max(EVENT_BYTES)))
}

/// 200 once the event is written down, however often it comes; anything else makes Stripe send it again.
async fn stripe(State(served): State<Served>, headers: HeaderMap, body: Bytes) -> Response {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or("");
    match payments::receive_event(&served.app, signature, &body).await {
        Ok(Received::Known) => Json(json!({ "received": true })).into_response(),
        Ok(Received::Bad(bad)) => {
            let status = match bad {
                BadEvent::NotExpected => StatusCode::NOT_FOUND,
                BadEvent::Signature | BadEvent::Unreadable => StatusCode::BAD_REQUEST,
            };
            (status, Json(json!({ "error": bad.to_string() }))).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an event of the processor's could not be written down");
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "internal error" }))).into_response()
        }
    }
}
