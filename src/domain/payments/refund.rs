//! Giving money back: what the escrow's division owes is asked of the processor until it answers.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::state::RefundState;
use super::{all_of_booking, patiently, table};
use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::fail_point;
use crate::platform::gateway::GatewayError;

/// Asks the processor for every refund of a booking that is owed and not confirmed; repeating it changes nothing.
pub async fn send_refunds(app: &App, booking_id: Uuid) -> Result<(), Error> {
    let payments = all_of_booking(app.db.read(), booking_id).await?;
    let pending = table::refund::Entity::find()
        .filter(table::refund::Column::PaymentId.is_in(payments.iter().map(|payment| payment.id)))
        .filter(table::refund::Column::State.eq(RefundState::Pending))
        .order_by_asc(table::refund::Column::Id)
        .all(app.db.read())
        .await?;
    for refund in pending {
        let payment = payments.iter().find(|payment| payment.id == refund.payment_id);
        let reference = payment.and_then(|payment| payment.provider_reference.as_deref());
        let reference = reference.ok_or_else(|| Error::failed("a refund's payment has no reference"))?;
        let key = Id::new(Kind::Refund, refund.id).to_string();
        fail_point::reach("refund.sending").await;
        let answer = patiently(app.gateway.refund(reference, &key, refund.amount_minor)).await;
        fail_point::reach("refund.sent").await;
        let (state, provider_reference) = match answer {
            Ok(provider_reference) => (RefundState::Succeeded, Some(provider_reference)),
            Err(GatewayError::Refused(reason)) => {
                tracing::error!(refund.id = key, reason, "the processor refused a refund; it needs a person");
                (RefundState::Failed, None)
            }
            Err(error) => return Err(error.into()),
        };
        let row = table::refund::ActiveModel {
            id: Unchanged(refund.id),
            state: Set(state),
            provider_reference: Set(provider_reference),
            updated_at: Set(app.clock.now()),
            ..Default::default()
        };
        row.update(app.db.write()).await?;
        fail_point::reach("refund.recorded").await;
    }
    Ok(())
}
