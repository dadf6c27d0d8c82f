//! Recording the processor's fee for a charge, once the processor reports it.

use chrono::TimeDelta;
use uuid::Uuid;

use super::gateway_timeout::with_timeout;
use super::ledger::{self, Movement, TransactionHeader};
use super::read::by_id;
use super::status::{Account, TransactionKind};
use crate::domain::error::Error;
use crate::platform::App;
use crate::platform::queue::{NewJob, enqueue};

/// Kind of the job that records the processor's fee.
pub const RECORD_FEE: &str = "record_provider_fee";
/// When the fee is requested first. The processor determines it some time after the charge.
pub(super) const FEE_DELAY: TimeDelta = TimeDelta::hours(1);
/// How often the fee is requested until it is known.
const RETRY_INTERVAL: TimeDelta = TimeDelta::days(1);
/// How long the fee is requested before the job stops with a warning.
const RETRY_PERIOD: TimeDelta = TimeDelta::days(10);

/// Records the processor's fee for a payment in the ledger. Repeating it changes nothing.
pub async fn record_fee(app: &App, payment_id: Uuid) -> Result<(), Error> {
    let Some(payment) = by_id(app, payment_id).await? else { return Ok(()) };
    let Some(reference) = &payment.provider_reference else { return Ok(()) };
    if ledger::is_posted(app.db.write(), TransactionKind::ProviderFee, payment.id).await? {
        return Ok(());
    }
    let fee = with_timeout(app.gateway.read_fee(reference, &payment.currency)).await?;
    let txn = app.db.begin_write().await?;
    match fee {
        Some(minor) => {
            let header = TransactionHeader {
                kind: TransactionKind::ProviderFee,
                object_id: payment.id,
                booking_id: payment.booking_id,
                host_id: payment.host_id,
                currency: &payment.currency,
            };
            let fee = Movement { debit: Account::PlatformCost, credit: Account::PspClearing, minor };
            ledger::post(app, &txn, header, &[fee]).await?;
        }
        None if app.clock.now() < payment.updated_at + RETRY_PERIOD => {
            let at = app.clock.now() + RETRY_INTERVAL;
            enqueue(&txn, &app.clock, NewJob::about(RECORD_FEE, payment.id, at)).await?;
        }
        None => tracing::warn!(payment.id = %payment.id, "the processor did not report the fee of a payment"),
    }
    txn.commit().await?;
    Ok(())
}
