//! The readiness check: whether this process can serve requests.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::state::ServerState;

/// 200 if the database stores writes durably. The cache is reported, but the server also works without it.
pub(super) async fn ready(State(state): State<ServerState>) -> Response {
    let database = state.app.db.ready().await.is_ok();
    let cache = state.app.cache.is_healthy().await;
    let status = if database { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = |up: bool| if up { "up" } else { "down" };
    (status, Json(json!({ "database": word(database), "cache": word(cache) }))).into_response()
}
