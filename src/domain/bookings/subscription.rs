//! Hearing of the steps of bookings as they are taken.

use serde_json::json;
use uuid::Uuid;

use super::{Booking, Event, read};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::messaging::publisher;
use crate::platform::messaging::publisher::{Listener, Topic};

/// What the steps of one booking are told on.
fn of_booking(id: Uuid) -> Topic {
    Topic::new("booking", id)
}

/// What the steps of all bookings of a host's places are told on.
fn of_host(id: Uuid) -> Topic {
    Topic::new("host_bookings", id)
}

/// Tells of a step once its transaction is committed.
pub(super) fn announce(txn: &Transaction, booking: &Booking, event_id: Uuid) {
    for topic in [of_booking(booking.id), of_host(booking.host_id)] {
        txn.announce(publisher::Event { topic, body: json!({ "booking": booking.id, "event": event_id }) });
    }
}

/// Hears every step of a booking that the viewer may know of, from before it is looked at.
pub async fn watch(app: &App, viewer: &Viewer, id: Uuid) -> Result<Listener, Error> {
    viewer.require_user()?;
    let listener = app.db.events().listen(of_booking(id));
    read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    Ok(listener)
}

/// Hears every step of the bookings of the viewer's own places.
pub fn watch_hosted(app: &App, viewer: &Viewer) -> Result<Listener, Error> {
    Ok(app.db.events().listen(of_host(viewer.require_host()?.user_id)))
}

/// The step that was told of, if the viewer may know of it now.
pub async fn step_told(app: &App, viewer: &Viewer, told: &publisher::Event) -> Result<Option<Event>, Error> {
    match told.id("event") {
        Some(id) => read::event_by_id(app, viewer, id).await,
        None => Ok(None),
    }
}
