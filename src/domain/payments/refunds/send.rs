//! Sending pending refunds to the processor until it answers.

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::reconcile::{state_from_progress, update_state};
use crate::domain::error::Error;
use crate::domain::payments::booking_job::enqueue_advance;
use crate::domain::payments::gateway_timeout::with_timeout;
use crate::domain::payments::read::list_for_booking;
use crate::domain::payments::status::RefundState;
use crate::domain::payments::{Payment, Refund, table};
use crate::kernel::id::{Id, Kind};
use crate::platform::gateway::GatewayError;
use crate::platform::{App, fail_point};

/// When a refund that the processor accepted is checked again, in case no webhook reports the result.
const CHECK_INTERVAL: TimeDelta = TimeDelta::days(1);

/// Sends every pending refund of a booking to the processor. Repeating it changes nothing.
pub async fn send_refunds(app: &App, booking_id: Uuid) -> Result<(), Error> {
    let payments = list_for_booking(app.db.read(), booking_id).await?;
    let pending = table::refund::Entity::find()
        .filter(table::refund::Column::PaymentId.is_in(payments.iter().map(|payment| payment.id)))
        .filter(table::refund::Column::State.eq(RefundState::Pending))
        .order_by_asc(table::refund::Column::Id)
        .all(app.db.read())
        .await?;
    for refund in pending {
        let payment = payments.iter().find(|payment| payment.id == refund.payment_id);
        send_refund(app, payment, &refund, booking_id).await?;
    }
    Ok(())
}

async fn send_refund(app: &App, payment: Option<&Payment>, refund: &Refund, booking_id: Uuid) -> Result<(), Error> {
    let reference = payment.and_then(|payment| payment.provider_reference.as_deref());
    let reference = reference.ok_or_else(|| Error::failed("a refund's payment has no reference"))?;
    let key = idempotency_key(refund);
    fail_point::reach("refund.sending").await;
    let answer = with_timeout(app.gateway.refund(reference, &key, refund.amount_minor)).await;
    fail_point::reach("refund.sent").await;
    let (state, provider_reference) = match answer {
        Ok(report) => (state_from_progress(&report.progress), Some(report.reference)),
        Err(GatewayError::Refused(reason)) => {
            tracing::error!(refund.id = key, reason, "the processor refused a refund; staff must act");
            (RefundState::Failed, None)
        }
        Err(error) => return Err(error.into()),
    };
    let txn = app.db.begin_write().await?;
    update_state(app, &txn, refund, state, provider_reference).await?;
    if state == RefundState::Pending {
        enqueue_advance(app, &txn, booking_id, app.clock.now() + CHECK_INTERVAL).await?;
    }
    txn.commit().await?;
    fail_point::reach("refund.recorded").await;
    Ok(())
}

/// The idempotency key of a refund's current attempt. Each attempt has its own key: for a used key the processor would
/// repeat its first answer.
fn idempotency_key(refund: &Refund) -> String {
    let id = Id::new(Kind::Refund, refund.id);
    if refund.attempt == 0 { id.to_string() } else { format!("{id}:{}", refund.attempt) }
}
