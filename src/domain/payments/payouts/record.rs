//! The payout's row, its changes, and the job that works on it.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::notices::notify_host;
use crate::domain::error::Error;
use crate::domain::payments::status::PayoutState;
use crate::domain::payments::table;
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::queue::{NewJob, enqueue};

pub use table::payout::Model as Payout;

/// Kind of the job that releases and sends a payout.
pub const PAY_OUT: &str = "pay_out";

/// Enqueues the job for a payout, in the caller's transaction.
pub(in crate::domain::payments) async fn enqueue_pay_out(
    app: &App,
    txn: &impl ConnectionTrait,
    payout_id: Uuid,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    Ok(enqueue(txn, &app.clock, NewJob::about(PAY_OUT, payout_id, at)).await?)
}

/// Lists the payouts of a booking in the order of their installments.
pub(in crate::domain::payments) async fn list_for_booking(
    db: &impl ConnectionTrait,
    booking_id: Uuid,
) -> Result<Vec<Payout>, Error> {
    Ok(table::payout::Entity::find()
        .filter(table::payout::Column::BookingId.eq(booking_id))
        .order_by_asc(table::payout::Column::Installment)
        .all(db)
        .await?)
}

/// New values for a payout. A field that is `None` stays unchanged, except that `failure_reason` is cleared.
#[derive(Default)]
pub(in crate::domain::payments) struct PayoutChange {
    pub state: Option<PayoutState>,
    pub released_at: Option<DateTime<Utc>>,
    pub release_at: Option<DateTime<Utc>>,
    pub sent_minor: Option<i64>,
    pub attempt: Option<i32>,
    pub paid_at: Option<DateTime<Utc>>,
    pub reference: Option<String>,
    pub failure_reason: Option<String>,
}

/// Updates a payout that still has the state and the attempt that were seen, and notifies its host. Returns whether it
/// was updated.
pub(in crate::domain::payments) async fn update(
    app: &App,
    txn: &Transaction,
    seen: &Payout,
    change: PayoutChange,
) -> Result<bool, Error> {
    use table::payout::Column;
    let row = table::payout::ActiveModel {
        state: change.state.map_or(NotSet, Set),
        released_at: change.released_at.map_or(NotSet, |at| Set(Some(at))),
        release_at: change.release_at.map_or(NotSet, Set),
        sent_minor: change.sent_minor.map_or(NotSet, |minor| Set(Some(minor))),
        // A new attempt goes to the account that the host has by then.
        destination: change.attempt.map_or(NotSet, |_| Set(None)),
        attempt: change.attempt.map_or(NotSet, Set),
        paid_at: change.paid_at.map_or(NotSet, |at| Set(Some(at))),
        provider_reference: change.reference.map_or(NotSet, |reference| Set(Some(reference))),
        failure_reason: Set(change.failure_reason.clone()),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    let updated = table::payout::Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(seen.id))
        .filter(Column::State.eq(seen.state))
        .filter(Column::Attempt.eq(seen.attempt))
        .exec(txn)
        .await?;
    if updated.rows_affected == 0 {
        return Ok(false);
    }
    notify_host(app, txn, seen, change.state, change.failure_reason).await?;
    Ok(true)
}
