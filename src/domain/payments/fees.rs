//! What the card processor keeps for a charge, written down once it says.

use chrono::TimeDelta;
use uuid::Uuid;

use super::ledger;
use super::ledger::{Event, Movement};
use super::status::{Account, TransactionKind};
use super::{by_id, patiently};
use crate::domain::error::Error;
use crate::platform::App;
use crate::platform::queue::{NewJob, enqueue};

/// The job that writes a processor's fee down.
pub const RECORD_FEE: &str = "record_provider_fee";
/// A processor knows its fee a while after the charge.
pub(super) const AFTER_CHARGE: TimeDelta = TimeDelta::hours(1);
/// When it is asked again.
const AGAIN: TimeDelta = TimeDelta::days(1);
/// Until when it is asked.
const AT_LAST: TimeDelta = TimeDelta::days(10);

/// Writes down what the processor kept of a payment. Repeating it changes nothing.
pub async fn record_fee(app: &App, payment_id: Uuid) -> Result<(), Error> {
    let Some(payment) = by_id(app, payment_id).await? else { return Ok(()) };
    let Some(reference) = &payment.provider_reference else { return Ok(()) };
    if ledger::is_posted(app.db.write(), TransactionKind::ProviderFee, payment.id).await? {
        return Ok(());
    }
    let fee = patiently(app.gateway.fee(reference, &payment.currency)).await?;
    let txn = app.db.begin_write().await?;
    match fee {
        Some(minor) => {
            let event = Event {
                kind: TransactionKind::ProviderFee,
                object_id: payment.id,
                booking_id: payment.booking_id,
                host_id: payment.host_id,
                currency: &payment.currency,
            };
            let kept = Movement { debit: Account::PlatformCost, credit: Account::PspClearing, minor };
            ledger::post(app, &txn, event, &[kept]).await?;
        }
        None if app.clock.now() < payment.updated_at + AT_LAST => {
            let later = app.clock.now() + AGAIN;
            enqueue(&txn, &app.clock, NewJob::about(RECORD_FEE, payment.id, later)).await?;
        }
        None => tracing::warn!(payment.id = %payment.id, "the processor never said what it kept of a payment"),
    }
    txn.commit().await?;
    Ok(())
}
