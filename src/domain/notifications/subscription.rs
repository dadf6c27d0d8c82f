//! Subscribing to new notifications.

use super::notify::user_topic;
use super::{Notification, by_ids};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::messaging::{Event, Listener};

/// Subscribes to the viewer's notifications from now on.
pub fn subscribe(app: &App, viewer: &Viewer) -> Result<Listener, Error> {
    Ok(app.db.events().listen(user_topic(viewer.require_user()?.user_id)))
}

/// Loads the notification that an event announced. `None` if it does not exist any more or is not the viewer's.
pub async fn load_announced(app: &App, viewer: &Viewer, event: &Event) -> Result<Option<Notification>, Error> {
    match event.id("id") {
        Some(id) => Ok(by_ids(app, viewer, &[id]).await?.remove(&id)),
        None => Ok(None),
    }
}
