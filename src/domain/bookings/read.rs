//! Reading bookings: only guest, host and staff see that there is one.

use std::collections::{HashMap, HashSet};

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::lifecycle::state::{Action, Actor, BookingState};
use super::lifecycle::transition::possible;
use super::{Booking, Event, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::newest_first;

/// As what the viewer sees the booking, if at all.
pub fn role(viewer: &Viewer, booking: &Booking) -> Option<Actor> {
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

/// What the viewer may do with the booking now, reviewing aside.
pub fn actions(app: &App, viewer: &Viewer, booking: &Booking) -> Result<Vec<Action>, Error> {
    role(viewer, booking).map_or(Ok(Vec::new()), |actor| possible(app, booking, actor))
}

/// The booking with this id, if the viewer may know of it.
pub async fn by_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<Booking>, Error> {
    let booking = table::booking::Entity::find_by_id(id).one(app.db.read()).await?;
    Ok(booking.filter(|booking| role(viewer, booking).is_some()))
}

/// The booking with this code, if the viewer may know of it.
pub async fn by_code(app: &App, viewer: &Viewer, code: &str) -> Result<Option<Booking>, Error> {
    // Codes are made of letters and digits; not every other text may be asked of Postgres.
    if !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let booking =
        table::booking::Entity::find().filter(table::booking::Column::Code.eq(code)).one(app.db.read()).await?;
    Ok(booking.filter(|booking| role(viewer, booking).is_some()))
}

/// Those of these bookings that the viewer may know of.
pub async fn by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Booking>, Error> {
    let rows = table::booking::Entity::find()
        .filter(table::booking::Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    let seen = rows.into_iter().filter(|booking| role(viewer, booking).is_some());
    Ok(seen.map(|booking| (booking.id, booking)).collect())
}

/// On which side of a booking the viewer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The viewer's own trips.
    Guest,
    /// Bookings of the viewer's listings.
    Host,
}

fn own(
    viewer: &Viewer,
    side: Side,
    states: Option<&[BookingState]>,
    listing_id: Option<Uuid>,
) -> Result<Select<table::booking::Entity>, Error> {
    use table::booking::Column;
    let user = viewer.require_user()?;
    let column = match side {
        Side::Guest => Column::GuestId,
        Side::Host => Column::HostId,
    };
    let filter = Condition::all()
        .add(column.eq(user.user_id))
        .add_option(states.map(|states| Column::State.is_in(states.iter().copied())))
        .add_option(listing_id.map(|id| Column::ListingId.eq(id)));
    Ok(table::booking::Entity::find().filter(filter))
}

/// The viewer's bookings on one side, newest first.
pub async fn page(
    app: &App,
    viewer: &Viewer,
    side: Side,
    states: Option<&[BookingState]>,
    listing_id: Option<Uuid>,
    request: PageRequest,
) -> Result<Page<Booking>, Error> {
    let select = newest_first(own(viewer, side, states, listing_id)?, table::booking::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |booking| booking.id))
}

/// How many bookings the viewer has on one side.
pub async fn page_count(
    app: &App,
    viewer: &Viewer,
    side: Side,
    states: Option<&[BookingState]>,
    listing_id: Option<Uuid>,
) -> Result<u64, Error> {
    Ok(own(viewer, side, states, listing_id)?.count(app.db.read()).await?)
}

/// The steps of a booking that the viewer may know of, newest first.
pub async fn events(app: &App, booking_id: Uuid, request: PageRequest) -> Result<Page<Event>, Error> {
    let select = table::event::Entity::find().filter(table::event::Column::BookingId.eq(booking_id));
    let select = newest_first(select, table::event::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |event| event.id))
}

/// How many steps a booking has taken.
pub async fn events_count(app: &App, booking_id: Uuid) -> Result<u64, Error> {
    let select = table::event::Entity::find().filter(table::event::Column::BookingId.eq(booking_id));
    Ok(select.count(app.db.read()).await?)
}

/// Those of these listings that the viewer has a confirmed, current or past stay at.
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

/// Keeps a booking's row until the transaction ends, so that what two sides do about it happens one after the other.
pub async fn lock(txn: &impl ConnectionTrait, id: Uuid) -> Result<(), Error> {
    table::booking::Entity::find_by_id(id).lock_exclusive().one(txn).await?;
    Ok(())
}

/// The step with this id, if the viewer may know of its booking.
pub async fn event_by_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<Event>, Error> {
    let Some(event) = table::event::Entity::find_by_id(id).one(app.db.read()).await? else { return Ok(None) };
    Ok(by_id(app, viewer, event.booking_id).await?.map(|_| event))
}
