//! Subscriptions to the events of bookings.

use uuid::Uuid;

use super::announce::{EVENT_ID, booking_topic, host_topic};
use super::{Event, read};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::messaging;
use crate::platform::messaging::Listener;

/// Subscribes to the events of one booking that the viewer may see. The subscription begins before the booking is read,
/// so that no event in between is missed.
pub async fn subscribe_to_booking(app: &App, viewer: &Viewer, id: Uuid) -> Result<Listener, Error> {
    viewer.require_user()?;
    let listener = app.db.events().listen(booking_topic(id));
    read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    Ok(listener)
}

/// Subscribes to the events of all bookings of the viewer's listings. Refused unless the viewer is a host.
pub fn subscribe_to_hosted_bookings(app: &App, viewer: &Viewer) -> Result<Listener, Error> {
    Ok(app.db.events().listen(host_topic(viewer.require_host()?.user_id)))
}

/// Loads the event that an announcement names. None if the viewer may not see its booking any more.
pub async fn load_announced_event(
    app: &App,
    viewer: &Viewer,
    announcement: &messaging::Event,
) -> Result<Option<Event>, Error> {
    match announcement.id(EVENT_ID) {
        Some(id) => read::event_by_id(app, viewer, id).await,
        None => Ok(None),
    }
}
