//! The state that every handler is given.

use axum::http::StatusCode;

use super::connections::Connections;
use crate::graphql::Engine;
use crate::platform::App;

/// The state that every handler is given. Cheap to clone.
#[derive(Clone)]
pub(super) struct ServerState {
    pub app: App,
    pub engine: Engine,
    /// The status of responses with both data and errors.
    pub partial_status: StatusCode,
    pub connections: Connections,
}

impl ServerState {
    pub(super) fn new(app: App, connections: Connections) -> ServerState {
        let partial_status = StatusCode::from_u16(app.config.graphql.partial_status).unwrap_or(StatusCode::OK);
        ServerState { engine: Engine::new(app.clone()), partial_status, connections, app }
    }
}
