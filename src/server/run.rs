//! Runs the server until it is stopped.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::connections::{Connections, Limits};
use super::router::router_with;
use super::{listener, playground};
use crate::platform::App;

/// Serves until `stop` is cancelled. Then it finishes requests in flight and closes long-lived connections.
pub async fn serve(app: App, listener: TcpListener, stop: CancellationToken) {
    if app.config.graphql.playground
        && let Some(reason) = playground::cdn_reason()
    {
        tracing::warn!(reason, "the playground loads GraphiQL from a CDN and checks the hash of each file");
    }
    serve_within(Limits::default(), app, listener, stop).await;
}

/// The same with other limits for connections.
pub async fn serve_within(limits: Limits, app: App, listener: TcpListener, stop: CancellationToken) {
    let connections = Connections::new(limits.clone(), stop.clone());
    listener::accept_connections(router_with(app, connections.clone()), listener, limits, stop).await;
    connections.wait_until_closed().await;
}
