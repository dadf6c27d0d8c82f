//! Payments: what guests pay, every try at moving it, and what goes back.
//!
//! **Invariant:** no call to the processor happens inside a transaction. A payment's id is its idempotency key at the
//! processor, a refund's row is written before the refund is asked for and its id is that call's key; so every call
//! can be repeated. Amounts only ever come from our own rows, never from a request. Every charge, refund and payout is
//! in the ledger by the transaction that records it. What
//! the processor tells on its own account is a reason to look, not news: states are set to what it says when asked, in
//! whatever order it tells.

mod audit;
mod charges;
mod disputes;
pub mod escrow;
mod fees;
pub mod ledger;
pub mod payouts;
mod provider_events;
mod read;
mod refunds;
pub mod status;
mod table;

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::platform::App;
use crate::platform::gateway::{Answer, GatewayError};

/// The job that looks at a booking again. The bookings wing runs it; it is named here because what happens to a
/// payment is a reason to look.
pub const LOOK_AT_BOOKING: &str = "advance_booking";

pub use audit::audit;
pub use charges::authorize::{Charge, Reach, capture, confirm, open, reach, void};
pub use disputes::disputed;
pub use escrow::settlement::{Escrow, Shares};
pub use fees::{RECORD_FEE, record_fee};
pub use payouts::admin::{hold, known, release, set_account};
pub use payouts::schedule::{Slot, schedule, unschedule};
pub use payouts::send::Payout;
pub use provider_events::{HANDLE_EVENT, Received, handle_event, receive_event};
pub use read::{balance, ledger, payout_count, payout_page, payouts, payouts_by_ids, transaction_by_id};
pub use refunds::send::{retried, retry_refund, send_refunds};
pub use table::attempt::Model as Attempt;
pub use table::payment::Model as Payment;
pub use table::refund::Model as Refund;

/// How long an answer of the processor is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The payments of these bookings, by booking: the first is for the booking itself, the others for its alterations.
pub async fn by_bookings(app: &App, bookings: &[Uuid]) -> Result<HashMap<Uuid, Vec<Payment>>, Error> {
    let rows = table::payment::Entity::find()
        .filter(table::payment::Column::BookingId.is_in(bookings.iter().copied()))
        .order_by_asc(table::payment::Column::Id)
        .all(app.db.read())
        .await?;
    Ok(grouped(rows, |payment| payment.booking_id))
}

/// The payment for a booking itself, as the transaction or connection sees it.
pub async fn of_booking(db: &impl ConnectionTrait, booking: Uuid) -> Result<Payment, Error> {
    let payment = table::payment::Entity::find()
        .filter(table::payment::Column::BookingId.eq(booking))
        .filter(table::payment::Column::AlterationId.is_null())
        .one(db)
        .await?;
    payment.ok_or_else(|| Error::failed(format!("booking {booking} has no payment")))
}

/// The payment for an alteration of a booking, if it was opened.
pub async fn of_alteration(db: &impl ConnectionTrait, alteration: Uuid) -> Result<Option<Payment>, Error> {
    let payments = table::payment::Entity::find().filter(table::payment::Column::AlterationId.eq(alteration));
    Ok(payments.one(db).await?)
}

/// Every payment for a booking, the first for the booking itself.
pub async fn all_of_booking(db: &impl ConnectionTrait, booking: Uuid) -> Result<Vec<Payment>, Error> {
    Ok(table::payment::Entity::find()
        .filter(table::payment::Column::BookingId.eq(booking))
        .order_by_asc(table::payment::Column::Id)
        .all(db)
        .await?)
}

/// Waits for the processor's answer, but not for ever.
async fn patiently<T>(answer: Answer<'_, T>) -> Result<T, GatewayError> {
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| Err(GatewayError::Unknown("no answer within 10 seconds".into())))
}

/// The payment with this id.
pub async fn by_id(app: &App, id: Uuid) -> Result<Option<Payment>, Error> {
    Ok(table::payment::Entity::find_by_id(id).one(app.db.read()).await?)
}

/// The tries at moving these payments, by payment, oldest first.
pub async fn attempts(app: &App, payments: &[Uuid]) -> Result<HashMap<Uuid, Vec<Attempt>>, Error> {
    let rows = table::attempt::Entity::find()
        .filter(table::attempt::Column::PaymentId.is_in(payments.iter().copied()))
        .order_by_asc(table::attempt::Column::Id)
        .all(app.db.read())
        .await?;
    Ok(grouped(rows, |row| row.payment_id))
}

/// The refunds of these payments, by payment, oldest first.
pub async fn refunds(app: &App, payments: &[Uuid]) -> Result<HashMap<Uuid, Vec<Refund>>, Error> {
    let rows = table::refund::Entity::find()
        .filter(table::refund::Column::PaymentId.is_in(payments.iter().copied()))
        .order_by_asc(table::refund::Column::Id)
        .all(app.db.read())
        .await?;
    Ok(grouped(rows, |row| row.payment_id))
}

/// The refund with this id.
pub async fn refund_by_id(app: &App, id: Uuid) -> Result<Option<Refund>, Error> {
    Ok(table::refund::Entity::find_by_id(id).one(app.db.read()).await?)
}

/// The try with this id.
pub async fn attempt_by_id(app: &App, id: Uuid) -> Result<Option<Attempt>, Error> {
    Ok(table::attempt::Entity::find_by_id(id).one(app.db.read()).await?)
}

fn grouped<T>(rows: Vec<T>, owner: impl Fn(&T) -> Uuid) -> HashMap<Uuid, Vec<T>> {
    let mut groups: HashMap<Uuid, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(owner(&row)).or_default().push(row);
    }
    groups
}
