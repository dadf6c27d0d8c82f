//! Reading bookings and their events. Only guest, host and staff may see that a booking exists.

use std::collections::{HashMap, HashSet};

use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::allowed_actions::Action;
use super::lifecycle::permission::allowed_now;
use super::quotes::quote::Quote;
use super::quotes::usage::find_booking_of_quote;
use super::state::{Actor, BookingState};
use super::{Booking, Event, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::newest_first;

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

/// The side of a booking on which the viewer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookingSide {
    /// Bookings that the viewer made as a guest.
    Guest,
    /// Bookings of the viewer's listings.
    Host,
}

fn select_own_bookings(
    viewer: &Viewer,
    side: BookingSide,
    states: Option<&[BookingState]>,
    listing_id: Option<Uuid>,
) -> Result<Select<table::booking::Entity>, Error> {
    use table::booking::Column;
    let user = viewer.require_user()?;
    let column = match side {
        BookingSide::Guest => Column::GuestId,
        BookingSide::Host => Column::HostId,
    };
    let filter = Condition::all()
        .add(column.eq(user.user_id))
        .add_option(states.map(|states| Column::State.is_in(states.iter().copied())))
        .add_option(listing_id.map(|id| Column::ListingId.eq(id)));
    Ok(table::booking::Entity::find().filter(filter))
}

/// A page of the viewer's bookings on one side, newest first.
pub async fn page_of_bookings(
    app: &App,
    viewer: &Viewer,
    side: BookingSide,
    states: Option<&[BookingState]>,
    listing_id: Option<Uuid>,
    request: PageRequest,
) -> Result<Page<Booking>, Error> {
    let select = select_own_bookings(viewer, side, states, listing_id)?;
    let select = newest_first(select, table::booking::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |booking| booking.id))
}

/// Number of the viewer's bookings on one side.
pub async fn count_bookings(
    app: &App,
    viewer: &Viewer,
    side: BookingSide,
    states: Option<&[BookingState]>,
    listing_id: Option<Uuid>,
) -> Result<u64, Error> {
    Ok(select_own_bookings(viewer, side, states, listing_id)?.count(app.db.read()).await?)
}

/// A page of the events of a booking, newest first. The caller has checked that the viewer may see the booking.
pub async fn page_of_events(app: &App, booking_id: Uuid, request: PageRequest) -> Result<Page<Event>, Error> {
    let select = table::event::Entity::find().filter(table::event::Column::BookingId.eq(booking_id));
    let select = newest_first(select, table::event::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |event| event.id))
}

/// Number of events of a booking. The caller has checked that the viewer may see the booking.
pub async fn count_events(app: &App, booking_id: Uuid) -> Result<u64, Error> {
    let select = table::event::Entity::find().filter(table::event::Column::BookingId.eq(booking_id));
    Ok(select.count(app.db.read()).await?)
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

/// The event with this ID. None if it does not exist or the viewer may not see its booking.
pub async fn event_by_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<Event>, Error> {
    let Some(event) = table::event::Entity::find_by_id(id).one(app.db.read()).await? else { return Ok(None) };
    Ok(by_id(app, viewer, event.booking_id).await?.map(|_| event))
}

/// The quote with this ID, as the booking that used it stores it. None if no booking used it or the viewer may not see
/// that booking.
pub async fn booked_quote(app: &App, viewer: &Viewer, quote_id: Uuid) -> Result<Option<Quote>, Error> {
    let booking = find_booking_of_quote(app.db.read(), quote_id).await?;
    booking.filter(|booking| viewer_role(viewer, booking).is_some()).map(|booking| booking.quote()).transpose()
}
