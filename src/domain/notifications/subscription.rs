//! Hearing of notifications as they are written.

use super::notify::topic;
use super::{Notification, by_ids};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::messaging::publisher::{Event, Listener};

/// Hears whatever the viewer is told from now on.
pub fn watch(app: &App, viewer: &Viewer) -> Result<Listener, Error> {
    Ok(app.db.events().listen(topic(viewer.require_user()?.user_id)))
}

/// The notification that was announced, if it is still there and the viewer's.
pub async fn told(app: &App, viewer: &Viewer, event: &Event) -> Result<Option<Notification>, Error> {
    match event.id("id") {
        Some(id) => Ok(by_ids(app, viewer, &[id]).await?.remove(&id)),
        None => Ok(None),
    }
}
