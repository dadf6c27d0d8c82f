//! Giving money back: owed first in the transaction that decides it, then asked of the processor until it answers.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::state::{PaymentState, RefundState};
use super::{Refund, of_booking, table};
use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::gateway::GatewayError;

/// Writes down, in the caller's transaction, that `amount_minor` of what a booking's guest paid is owed back.
/// More than what is left of the payment cannot be owed.
pub async fn owe(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    amount_minor: i64,
    reason: &str,
) -> Result<Option<Refund>, Error> {
    if amount_minor == 0 {
        return Ok(None);
    }
    use table::payment::Column;
    let now = app.clock.now();
    let payment = of_booking(txn, booking_id).await?;
    let owed = table::payment::Entity::update_many()
        .col_expr(Column::RefundedMinor, Expr::col(Column::RefundedMinor).add(amount_minor))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(payment.id))
        .filter(Column::State.eq(PaymentState::Succeeded))
        .filter(Expr::col(Column::RefundedMinor).add(amount_minor).lte(Expr::col(Column::CapturedMinor)))
        .exec(txn)
        .await?;
    if owed.rows_affected == 0 {
        return Err(Error::failed(format!("payment {} has no {amount_minor} left to refund", payment.id)));
    }
    let row = table::refund::ActiveModel {
        id: Set(app.clock.id()),
        payment_id: Set(payment.id),
        amount_minor: Set(amount_minor),
        state: Set(RefundState::Pending),
        reason: Set(reason.to_owned()),
        provider_reference: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    Ok(Some(row.insert(txn).await?))
}

/// Asks the processor for every refund of a booking that is owed and not confirmed; repeating it changes nothing.
pub async fn send_refunds(app: &App, booking_id: Uuid) -> Result<(), Error> {
    let payment = of_booking(app.db.read(), booking_id).await?;
    let pending = table::refund::Entity::find()
        .filter(table::refund::Column::PaymentId.eq(payment.id))
        .filter(table::refund::Column::State.eq(RefundState::Pending))
        .all(app.db.read())
        .await?;
    let Some(reference) = payment.provider_reference.as_deref().filter(|_| !pending.is_empty()) else { return Ok(()) };
    for refund in pending {
        let key = Id::new(Kind::Refund, refund.id).to_string();
        let (state, provider_reference) = match app.gateway.refund(reference, &key, refund.amount_minor).await {
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
    }
    Ok(())
}
