//! Reading alterations. Who may see a booking may see its alterations.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Select};
use uuid::Uuid;

use crate::domain::bookings::state::AlterationState;
use crate::domain::bookings::{Alteration, Booking, read, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::between_cursors;
use crate::platform::top_n_per_group::{Grouping, count_of_each, first_of_each, pages};

/// The alteration with this ID, and its booking. None if it does not exist or the viewer may not see the booking.
pub async fn by_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<(Alteration, Booking)>, Error> {
    let Some(alteration) = table::alteration::Entity::find_by_id(id).one(app.db.read()).await? else {
        return Ok(None);
    };
    let booking = read::by_id(app, viewer, alteration.booking_id).await?;
    Ok(booking.map(|booking| (alteration, booking)))
}

/// The alterations with these IDs whose bookings the viewer may see.
pub async fn by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Alteration>, Error> {
    let rows = table::alteration::Entity::find().filter(table::alteration::Column::Id.is_in(ids.iter().copied()));
    let rows = rows.all(app.db.read()).await?;
    let bookings: Vec<Uuid> = rows.iter().map(|alteration| alteration.booking_id).collect();
    let visible = read::by_ids(app, viewer, &bookings).await?;
    let rows = rows.into_iter().filter(|alteration| visible.contains_key(&alteration.booking_id));
    Ok(rows.map(|alteration| (alteration.id, alteration)).collect())
}

/// The open alterations of these bookings, by booking: a booking has at most one that waits for an answer or for a
/// payment. The caller has checked that the viewer may see the bookings.
pub async fn open_by_bookings(app: &App, bookings: &[Uuid]) -> Result<HashMap<Uuid, Alteration>, Error> {
    use table::alteration::Column;
    let rows = table::alteration::Entity::find()
        .filter(Column::BookingId.is_in(bookings.iter().copied()))
        .filter(Column::State.is_in([AlterationState::Pending, AlterationState::Paying]))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|alteration| (alteration.booking_id, alteration)).collect())
}

/// A page of the alterations of each booking, newest first, in one statement. The caller has checked that the viewer may
/// see the bookings.
pub async fn pages_by_booking(
    app: &App,
    bookings: &[Uuid],
    request: &PageRequest,
) -> Result<HashMap<Uuid, Page<Alteration>>, Error> {
    let select = between_cursors(select_alterations(bookings), table::alteration::Column::Id, request)?;
    let rows: Vec<Alteration> = first_of_each(app.db.read(), select, Grouping::Owner("booking_id"), request).await?;
    Ok(pages(rows, request, |alteration| alteration.booking_id, |alteration| alteration.id))
}

/// Number of alterations of each booking, in one statement. The caller has checked that the viewer may see the bookings.
pub async fn counts_by_booking(app: &App, bookings: &[Uuid]) -> Result<HashMap<Uuid, i64>, Error> {
    let counts = count_of_each(app.db.read(), select_alterations(bookings), table::alteration::Column::BookingId);
    Ok(counts.await?)
}

fn select_alterations(bookings: &[Uuid]) -> Select<table::alteration::Entity> {
    table::alteration::Entity::find().filter(table::alteration::Column::BookingId.is_in(bookings.iter().copied()))
}

/// All alterations of a booking, oldest first.
pub(super) async fn load_alterations(db: &impl ConnectionTrait, booking_id: Uuid) -> Result<Vec<Alteration>, Error> {
    Ok(select_alterations(&[booking_id]).order_by_asc(table::alteration::Column::Id).all(db).await?)
}

/// The alteration of a booking whose difference is being paid. None if there is none.
pub(in crate::domain::bookings) async fn find_paying(app: &App, booking_id: Uuid) -> Result<Option<Alteration>, Error> {
    let all = load_alterations(app.db.read(), booking_id).await?;
    Ok(all.into_iter().find(|alteration| alteration.state == AlterationState::Paying))
}
