//! Reading bookings and their events. Only guest, host and staff may see that a booking exists.

use std::collections::{HashMap, HashSet};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::allowed_actions::Action;
use super::event::EventKind;
use super::lifecycle::permission::allowed_now;
use super::state::{Actor, BookingState};
use super::{Booking, Event, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::between_cursors;
use crate::platform::top_n_per_group::{Grouping, count_of_each, first_of_each, pages};

/// The role of the viewer in the booking. None if the viewer may not see the booking.
pub fn viewer_role(viewer: &Viewer, booking: &Booking) -> Option<Actor> {
    if viewer.is(booking.guest_id) {
        Some(Actor::Guest)
    } else if viewer.is(booking.host_id) {
        Some(Actor::Host)
    } else if viewer.is_staff() {
        Some(Actor::Platform)
    } else {
        None
    }
}

/// What the viewer can do with the booking now, except for reviews: the wing `reviews` adds those.
pub fn allowed_actions(app: &App, viewer: &Viewer, booking: &Booking) -> Result<Vec<Action>, Error> {
    viewer_role(viewer, booking).map_or(Ok(Vec::new()), |actor| allowed_now(app, booking, actor))
}

/// The booking with this ID. None if it does not exist or the viewer may not see it.
pub async fn by_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<Booking>, Error> {
    let booking = table::booking::Entity::find_by_id(id).one(app.db.read()).await?;
    Ok(booking.filter(|booking| viewer_role(viewer, booking).is_some()))
}

/// The booking with this code. None if it does not exist or the viewer may not see it.
pub async fn by_code(app: &App, viewer: &Viewer, code: &str) -> Result<Option<Booking>, Error> {
    // Codes consist of ASCII letters and digits. Postgres fails for some other texts, such as one with a NUL character.
    if !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let booking =
        table::booking::Entity::find().filter(table::booking::Column::Code.eq(code)).one(app.db.read()).await?;
    Ok(booking.filter(|booking| viewer_role(viewer, booking).is_some()))
}

/// The bookings with these IDs that the viewer may see.
pub async fn by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Booking>, Error> {
    let rows = table::booking::Entity::find()
        .filter(table::booking::Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    let visible = rows.into_iter().filter(|booking| viewer_role(viewer, booking).is_some());
    Ok(visible.map(|booking| (booking.id, booking)).collect())
}

/// A page of the events of each booking, newest first, in one statement. The caller has checked that the viewer may see
/// the bookings.
pub async fn pages_of_events(
    app: &App,
    bookings: &[Uuid],
    request: &PageRequest,
) -> Result<HashMap<Uuid, Page<Event>>, Error> {
    let select = between_cursors(select_events(bookings), table::event::Column::Id, request)?;
    let rows: Vec<Event> = first_of_each(app.db.read(), select, Grouping::Owner("booking_id"), request).await?;
    Ok(pages(rows, request, |event| event.booking_id, |event| event.id))
}

/// Number of events of each booking, in one statement. The caller has checked that the viewer may see the bookings.
pub async fn event_counts(app: &App, bookings: &[Uuid]) -> Result<HashMap<Uuid, i64>, Error> {
    Ok(count_of_each(app.db.read(), select_events(bookings), table::event::Column::BookingId).await?)
}

fn select_events(bookings: &[Uuid]) -> Select<table::event::Entity> {
    table::event::Entity::find().filter(table::event::Column::BookingId.is_in(bookings.iter().copied()))
}

/// Those of these listings at which the viewer has a confirmed, current or completed stay.
pub async fn booked_listings(app: &App, viewer: &Viewer, listings: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
    use BookingState::{CheckedIn, Completed, Confirmed};
    let Some(user) = viewer.user() else { return Ok(HashSet::new()) };
    let rows: Vec<Uuid> = table::booking::Entity::find()
        .select_only()
        .column(table::booking::Column::ListingId)
        .distinct()
        .filter(table::booking::Column::GuestId.eq(user.user_id))
        .filter(table::booking::Column::ListingId.is_in(listings.iter().copied()))
        .filter(table::booking::Column::State.is_in([Confirmed, CheckedIn, Completed]))
        .into_tuple()
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().collect())
}

/// The events with these IDs whose bookings the viewer may see.
pub async fn events_by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Event>, Error> {
    let rows = table::event::Entity::find().filter(table::event::Column::Id.is_in(ids.iter().copied()));
    let rows = rows.all(app.db.read()).await?;
    let bookings: Vec<Uuid> = rows.iter().map(|event| event.booking_id).collect();
    let visible = by_ids(app, viewer, &bookings).await?;
    let rows = rows.into_iter().filter(|event| visible.contains_key(&event.booking_id));
    Ok(rows.map(|event| (event.id, event)).collect())
}

/// The events by which these bookings were declined, by booking. The caller has checked that the viewer may see the
/// bookings.
pub async fn declines_by_bookings(app: &App, bookings: &[Uuid]) -> Result<HashMap<Uuid, Event>, Error> {
    let rows = table::event::Entity::find()
        .filter(table::event::Column::BookingId.is_in(bookings.iter().copied()))
        .filter(table::event::Column::Kind.eq(EventKind::Decline))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|event| (event.booking_id, event)).collect())
}

/// The event with this ID. None if it does not exist or the viewer may not see its booking.
pub async fn event_by_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<Event>, Error> {
    let Some(event) = table::event::Entity::find_by_id(id).one(app.db.read()).await? else { return Ok(None) };
    Ok(by_id(app, viewer, event.booking_id).await?.map(|_| event))
}
