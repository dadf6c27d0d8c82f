//! Changes of a booking's stay: asked for by one side, agreed to by the other, and the difference charged or paid back.
//!
//! **Invariant:** a booking has one open change at most. Its id and code never change. The stay is swapped in one
//! transaction: nights, price, shares and payouts together; a difference to be paid is set aside before and taken after.

mod answer;
mod apply;
mod request;

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use serde::Deserialize;
use uuid::Uuid;

use super::lifecycle::state::{AlterationState, BookingState};
use super::{Booking, Quote, read, table};
use crate::domain::error::Error;
use crate::domain::payments::Shares;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::keyset::newest_first;
use crate::platform::{App, fail_point};

pub use answer::{respond, responded};
pub(super) use apply::{advance, confirm, give_up, is_being_paid};
pub use request::{request, requested};
pub use table::alteration::Model as Alteration;

/// Why a stay cannot be changed for one that costs less than the guest got back already.
const MORE_WENT_BACK: &str = "costs less than what went back to the guest already";

impl Alteration {
    /// The stay that was asked for, and what it costs.
    pub fn quote(&self) -> Result<Quote, Error> {
        Quote::deserialize(&self.quote).map_err(|_| Error::failed(format!("alteration {} has no quote", self.id)))
    }
}

/// What a change moves between guest, host, platform and taxes.
fn difference(booking: &Booking, quote: &Quote) -> Result<Shares, Error> {
    Ok(quote.shares().minus(booking.quote()?.shares()))
}

/// Whether the guest has arrived, so that another day of arrival is out of the question.
fn arrived_elsewhere(booking: &Booking, quote: &Quote) -> bool {
    booking.state == BookingState::CheckedIn && quote.stay.check_in() != booking.check_in
}

/// Changes the state of an alteration that is still in the one that was seen; whether it was.
async fn set(app: &App, txn: &impl ConnectionTrait, seen: &Alteration, state: AlterationState) -> Result<bool, Error> {
    use table::alteration::Column;
    fail_point::reach("alteration.setting").await;
    let set = table::alteration::Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(seen.id))
        .filter(Column::State.eq(seen.state))
        .exec(txn)
        .await?;
    Ok(set.rows_affected > 0)
}

/// The alteration with this id, if the viewer may know of its booking, and the booking.
pub async fn by_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<(Alteration, Booking)>, Error> {
    let Some(alteration) = table::alteration::Entity::find_by_id(id).one(app.db.read()).await? else {
        return Ok(None);
    };
    let booking = read::by_id(app, viewer, alteration.booking_id).await?;
    Ok(booking.map(|booking| (alteration, booking)))
}

/// Those of these changes whose bookings the viewer may know of.
pub async fn by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Alteration>, Error> {
    let rows = table::alteration::Entity::find().filter(table::alteration::Column::Id.is_in(ids.iter().copied()));
    let rows = rows.all(app.db.read()).await?;
    let bookings: Vec<Uuid> = rows.iter().map(|alteration| alteration.booking_id).collect();
    let seen = read::by_ids(app, viewer, &bookings).await?;
    let rows = rows.into_iter().filter(|alteration| seen.contains_key(&alteration.booking_id));
    Ok(rows.map(|alteration| (alteration.id, alteration)).collect())
}

/// The changes that were asked for of a booking that the viewer may know of, newest first.
pub async fn page(app: &App, booking_id: Uuid, request: PageRequest) -> Result<Page<Alteration>, Error> {
    let select = newest_first(of(booking_id), table::alteration::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |alteration| alteration.id))
}

/// How many changes were asked for of a booking.
pub async fn page_count(app: &App, booking_id: Uuid) -> Result<u64, Error> {
    Ok(of(booking_id).count(app.db.read()).await?)
}

fn of(booking_id: Uuid) -> sea_orm::Select<table::alteration::Entity> {
    table::alteration::Entity::find().filter(table::alteration::Column::BookingId.eq(booking_id))
}

/// Every change of a booking, oldest first.
async fn all(db: &impl ConnectionTrait, booking_id: Uuid) -> Result<Vec<Alteration>, Error> {
    Ok(of(booking_id).order_by_asc(table::alteration::Column::Id).all(db).await?)
}
