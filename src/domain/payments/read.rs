//! Reading payouts, balances and the ledger: a host sees their own, staff see all.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select};
use uuid::Uuid;

use super::ledger::{self, Posting, Transaction};
use super::payouts::send::Payout;
use super::status::PayoutState;
use super::{grouped, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::newest_first;

fn may_see(viewer: &Viewer, payout: &Payout) -> bool {
    viewer.is(payout.host_id) || viewer.is_staff()
}

/// The payouts of these bookings that the viewer may see, by booking, the first instalment first.
pub async fn payouts(app: &App, viewer: &Viewer, bookings: &[Uuid]) -> Result<HashMap<Uuid, Vec<Payout>>, Error> {
    let rows = table::payout::Entity::find()
        .filter(table::payout::Column::BookingId.is_in(bookings.iter().copied()))
        .order_by_asc(table::payout::Column::Installment)
        .all(app.db.read())
        .await?;
    let seen = rows.into_iter().filter(|payout| may_see(viewer, payout)).collect();
    Ok(grouped(seen, |payout: &Payout| payout.booking_id))
}

/// Those of these payouts that the viewer may see.
pub async fn payouts_by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Payout>, Error> {
    let rows = table::payout::Entity::find().filter(table::payout::Column::Id.is_in(ids.iter().copied()));
    let rows = rows.all(app.db.read()).await?;
    Ok(rows.into_iter().filter(|payout| may_see(viewer, payout)).map(|payout| (payout.id, payout)).collect())
}

fn own(viewer: &Viewer, states: Option<&[PayoutState]>) -> Result<Select<table::payout::Entity>, Error> {
    let user = viewer.require_user()?;
    let filter = Condition::all()
        .add(table::payout::Column::HostId.eq(user.user_id))
        .add_option(states.map(|states| table::payout::Column::State.is_in(states.iter().copied())));
    Ok(table::payout::Entity::find().filter(filter))
}

/// The viewer's own payouts, newest first.
pub async fn payout_page(
    app: &App,
    viewer: &Viewer,
    states: Option<&[PayoutState]>,
    request: PageRequest,
) -> Result<Page<Payout>, Error> {
    let select = newest_first(own(viewer, states)?, table::payout::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |payout| payout.id))
}

/// How many payouts the viewer has.
pub async fn payout_count(app: &App, viewer: &Viewer, states: Option<&[PayoutState]>) -> Result<u64, Error> {
    Ok(own(viewer, states)?.count(app.db.read()).await?)
}

/// What the platform owes the viewer by the ledger, in minor units by currency; below zero, what the viewer owes.
pub async fn balance(app: &App, viewer: &Viewer) -> Result<BTreeMap<String, i64>, Error> {
    ledger::balance(app.db.read(), viewer.require_user()?.user_id).await
}

/// What the ledger says of these bookings, by booking; for staff alone.
pub async fn ledger(
    app: &App,
    viewer: &Viewer,
    bookings: &[Uuid],
) -> Result<HashMap<Uuid, Vec<(Transaction, Vec<Posting>)>>, Error> {
    if viewer.is_staff() { ledger::by_bookings(app, bookings).await } else { Ok(HashMap::new()) }
}

/// The transaction with this id; for staff alone.
pub async fn transaction_by_id(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Option<(Transaction, Vec<Posting>)>, Error> {
    if viewer.is_staff() { ledger::by_id(app, id).await } else { Ok(None) }
}
