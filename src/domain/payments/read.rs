//! Queries for payments, attempts, refunds, payouts, balances and the ledger.
//!
//! A host sees their own payouts and staff see all. Only staff see the ledger.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select};
use uuid::Uuid;

use super::ledger::{self, Posting, Transaction};
use super::payouts::Payout;
use super::status::PayoutState;
use super::{Attempt, Payment, Refund, table};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::App;
use crate::platform::keyset::newest_first;

/// Finds a payment by its id.
pub async fn by_id(app: &App, id: Uuid) -> Result<Option<Payment>, Error> {
    Ok(table::payment::Entity::find_by_id(id).one(app.db.read()).await?)
}

/// Finds the payments of the bookings, grouped by booking. The first is for the booking itself, the others are for its
/// alterations.
pub async fn by_bookings(app: &App, bookings: &[Uuid]) -> Result<HashMap<Uuid, Vec<Payment>>, Error> {
    let rows = table::payment::Entity::find()
        .filter(table::payment::Column::BookingId.is_in(bookings.iter().copied()))
        .order_by_asc(table::payment::Column::Id)
        .all(app.db.read())
        .await?;
    Ok(group_by(rows, |payment| payment.booking_id))
}

/// Loads the payment for a booking itself, through the given connection or transaction; fails if there is none.
pub async fn load_for_booking(db: &impl ConnectionTrait, booking_id: Uuid) -> Result<Payment, Error> {
    let payment = table::payment::Entity::find()
        .filter(table::payment::Column::BookingId.eq(booking_id))
        .filter(table::payment::Column::AlterationId.is_null())
        .one(db)
        .await?;
    payment.ok_or_else(|| Error::failed(format!("booking {booking_id} has no payment")))
}

/// Finds the payment for an alteration of a booking. `None` if the alteration needed no charge.
pub async fn find_for_alteration(db: &impl ConnectionTrait, alteration_id: Uuid) -> Result<Option<Payment>, Error> {
    let payments = table::payment::Entity::find().filter(table::payment::Column::AlterationId.eq(alteration_id));
    Ok(payments.one(db).await?)
}

/// Lists all payments for a booking. The first is for the booking itself.
pub async fn list_for_booking(db: &impl ConnectionTrait, booking_id: Uuid) -> Result<Vec<Payment>, Error> {
    Ok(table::payment::Entity::find()
        .filter(table::payment::Column::BookingId.eq(booking_id))
        .order_by_asc(table::payment::Column::Id)
        .all(db)
        .await?)
}

/// Finds the attempts of the payments, grouped by payment, oldest first.
pub async fn attempts_by_payments(app: &App, payments: &[Uuid]) -> Result<HashMap<Uuid, Vec<Attempt>>, Error> {
    let rows = table::attempt::Entity::find()
        .filter(table::attempt::Column::PaymentId.is_in(payments.iter().copied()))
        .order_by_asc(table::attempt::Column::Id)
        .all(app.db.read())
        .await?;
    Ok(group_by(rows, |row| row.payment_id))
}

/// Finds payments by their ids.
pub async fn by_ids(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Payment>, Error> {
    let rows = table::payment::Entity::find().filter(table::payment::Column::Id.is_in(ids.iter().copied()));
    Ok(rows.all(app.db.read()).await?.into_iter().map(|payment| (payment.id, payment)).collect())
}

/// Finds refunds by their ids.
pub async fn refunds_by_ids(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Refund>, Error> {
    let rows = table::refund::Entity::find().filter(table::refund::Column::Id.is_in(ids.iter().copied()));
    Ok(rows.all(app.db.read()).await?.into_iter().map(|refund| (refund.id, refund)).collect())
}

/// Finds a refund by its id.
pub async fn refund_by_id(app: &App, id: Uuid) -> Result<Option<Refund>, Error> {
    Ok(table::refund::Entity::find_by_id(id).one(app.db.read()).await?)
}

/// Finds the refunds of the payments, grouped by payment, oldest first.
pub async fn refunds_by_payments(app: &App, payments: &[Uuid]) -> Result<HashMap<Uuid, Vec<Refund>>, Error> {
    let rows = table::refund::Entity::find()
        .filter(table::refund::Column::PaymentId.is_in(payments.iter().copied()))
        .order_by_asc(table::refund::Column::Id)
        .all(app.db.read())
        .await?;
    Ok(group_by(rows, |row| row.payment_id))
}

fn may_see(viewer: &Viewer, payout: &Payout) -> bool {
    viewer.is(payout.host_id) || viewer.is_staff()
}

/// Finds the payouts of the bookings that the viewer may see, grouped by booking, in the order of their installments.
pub async fn payouts_by_bookings(
    app: &App,
    viewer: &Viewer,
    bookings: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Payout>>, Error> {
    let rows = table::payout::Entity::find()
        .filter(table::payout::Column::BookingId.is_in(bookings.iter().copied()))
        .order_by_asc(table::payout::Column::Installment)
        .all(app.db.read())
        .await?;
    let visible = rows.into_iter().filter(|payout| may_see(viewer, payout)).collect();
    Ok(group_by(visible, |payout: &Payout| payout.booking_id))
}

/// Finds payouts by their ids, leaving out those that the viewer may not see.
pub async fn payouts_by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Payout>, Error> {
    let rows = table::payout::Entity::find().filter(table::payout::Column::Id.is_in(ids.iter().copied()));
    let rows = rows.all(app.db.read()).await?;
    Ok(rows.into_iter().filter(|payout| may_see(viewer, payout)).map(|payout| (payout.id, payout)).collect())
}

fn select_own_payouts(viewer: &Viewer, states: Option<&[PayoutState]>) -> Result<Select<table::payout::Entity>, Error> {
    let user = viewer.require_user()?;
    let filter = Condition::all()
        .add(table::payout::Column::HostId.eq(user.user_id))
        .add_option(states.map(|states| table::payout::Column::State.is_in(states.iter().copied())));
    Ok(table::payout::Entity::find().filter(filter))
}

/// Returns a page of the viewer's own payouts, newest first.
pub async fn payout_page(
    app: &App,
    viewer: &Viewer,
    states: Option<&[PayoutState]>,
    request: PageRequest,
) -> Result<Page<Payout>, Error> {
    let select = newest_first(select_own_payouts(viewer, states)?, table::payout::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |payout| payout.id))
}

/// Counts the viewer's own payouts.
pub async fn payout_count(app: &App, viewer: &Viewer, states: Option<&[PayoutState]>) -> Result<u64, Error> {
    Ok(select_own_payouts(viewer, states)?.count(app.db.read()).await?)
}

/// What the platform owes the viewer according to the ledger, in minor units by currency. Negative if the viewer owes
/// the platform.
pub async fn viewer_balance(app: &App, viewer: &Viewer) -> Result<BTreeMap<String, i64>, Error> {
    ledger::host_balance(app.db.read(), viewer.require_user()?.user_id).await
}

/// Finds the ledger transactions of the bookings, grouped by booking. Empty unless the viewer is staff.
pub async fn ledger_by_bookings(
    app: &App,
    viewer: &Viewer,
    bookings: &[Uuid],
) -> Result<HashMap<Uuid, Vec<(Transaction, Vec<Posting>)>>, Error> {
    if viewer.is_staff() { ledger::by_bookings(app, bookings).await } else { Ok(HashMap::new()) }
}

/// Finds ledger transactions by their ids. Empty unless the viewer is staff.
pub async fn transactions_by_ids(
    app: &App,
    viewer: &Viewer,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, (Transaction, Vec<Posting>)>, Error> {
    if viewer.is_staff() { ledger::by_ids(app, ids).await } else { Ok(HashMap::new()) }
}

/// Groups rows by the id that `owner` returns, in the order of the rows.
pub(super) fn group_by<T>(rows: Vec<T>, owner: impl Fn(&T) -> Uuid) -> HashMap<Uuid, Vec<T>> {
    let mut groups: HashMap<Uuid, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(owner(&row)).or_default().push(row);
    }
    groups
}
