//! Deletes rows that are stored for a limited time only.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::error::Error;
use crate::domain::notifications;
use crate::platform::{App, idempotency};

/// How often expired rows are deleted.
const PURGE_INTERVAL: Duration = Duration::from_secs(600);

/// Deletes expired rows every [`PURGE_INTERVAL`] until `stop` is cancelled.
pub(super) async fn purge_regularly(app: &App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = purge_expired(app).await {
            tracing::error!(%error, "expired rows could not be deleted");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PURGE_INTERVAL) => {}
        }
    }
}

/// Deletes expired idempotency keys and notifications. Returns how many.
pub async fn purge_expired(app: &App) -> Result<u64, Error> {
    Ok(idempotency::purge(&app.db, &app.clock).await? + notifications::purge(app).await?)
}
