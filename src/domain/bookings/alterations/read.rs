//! Reading alterations. Who may see a booking may see its alterations.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select};
use uuid::Uuid;

use crate::domain::bookings::state::AlterationState;
use crate::domain::bookings::{Alteration, Booking, read, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::newest_first;

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

/// A page of the alterations of a booking, newest first. The caller has checked that the viewer may see the booking.
pub async fn page_of_alterations(app: &App, booking_id: Uuid, request: PageRequest) -> Result<Page<Alteration>, Error> {
    let select = newest_first(select_alterations(booking_id), table::alteration::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |alteration| alteration.id))
}

/// Number of alterations of a booking. The caller has checked that the viewer may see the booking.
pub async fn count_alterations(app: &App, booking_id: Uuid) -> Result<u64, Error> {
    Ok(select_alterations(booking_id).count(app.db.read()).await?)
}

fn select_alterations(booking_id: Uuid) -> Select<table::alteration::Entity> {
    table::alteration::Entity::find().filter(table::alteration::Column::BookingId.eq(booking_id))
}

/// All alterations of a booking, oldest first.
pub(super) async fn load_alterations(db: &impl ConnectionTrait, booking_id: Uuid) -> Result<Vec<Alteration>, Error> {
    Ok(select_alterations(booking_id).order_by_asc(table::alteration::Column::Id).all(db).await?)
}

/// The alteration of a booking whose difference is being paid. None if there is none.
pub(in crate::domain::bookings) async fn find_paying(app: &App, booking_id: Uuid) -> Result<Option<Alteration>, Error> {
    let all = load_alterations(app.db.read(), booking_id).await?;
    Ok(all.into_iter().find(|alteration| alteration.state == AlterationState::Paying))
}
