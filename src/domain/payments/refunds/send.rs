//! Giving money back: what the escrow's division owes is asked of the processor until it answers.

use chrono::TimeDelta;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::domain::error::{Code, Error};
use crate::domain::payments::status::RefundState;
use crate::domain::payments::{LOOK_AT_BOOKING, Refund, all_of_booking, by_id, patiently, refund_by_id, table};
use crate::domain::viewer::Viewer;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::fail_point;
use crate::platform::gateway::{GatewayError, RefundProgress};
use crate::platform::queue::{NewJob, enqueue};

/// When a refund that is on its way is looked at again, should no event tell how it ended.
const LOOK_AGAIN: TimeDelta = TimeDelta::days(1);

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
        let key = key(&refund);
        fail_point::reach("refund.sending").await;
        let answer = patiently(app.gateway.refund(reference, &key, refund.amount_minor)).await;
        fail_point::reach("refund.sent").await;
        let (state, provider_reference) = match answer {
            Ok(report) => (state(&report.progress), Some(report.reference)),
            Err(GatewayError::Refused(reason)) => {
                tracing::error!(refund.id = key, reason, "the processor refused a refund; it needs a person");
                (RefundState::Failed, None)
            }
            Err(error) => return Err(error.into()),
        };
        let txn = app.db.begin_write().await?;
        settle(app, &txn, &refund, state, provider_reference).await?;
        if state == RefundState::Pending {
            let later = app.clock.now() + LOOK_AGAIN;
            enqueue(&txn, &app.clock, NewJob::about(LOOK_AT_BOOKING, booking_id, later)).await?;
        }
        txn.commit().await?;
        fail_point::reach("refund.recorded").await;
    }
    Ok(())
}

/// Each try has a key of its own; the processor would answer a used one with its first answer.
fn key(refund: &Refund) -> String {
    let id = Id::new(Kind::Refund, refund.id);
    if refund.attempt == 0 { id.to_string() } else { format!("{id}:{}", refund.attempt) }
}

/// Staff have a refund sent again that the processor refused or that came back.
pub async fn retry_refund(app: &App, viewer: &Viewer, id: Uuid) -> Result<Refund, Error> {
    use table::refund::Column;
    viewer.require_user()?;
    if !viewer.is_staff() {
        return Err(Error::not_found(&["id"]));
    }
    let refund = refund_by_id(app, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let payment = by_id(app, refund.payment_id).await?.ok_or_else(|| Error::failed("a refund has no payment"))?;
    let txn = app.db.begin_write().await?;
    let again = table::refund::Entity::update_many()
        .col_expr(Column::State, Expr::value(RefundState::Pending))
        .col_expr(Column::Attempt, Expr::value(refund.attempt + 1))
        .col_expr(Column::ProviderReference, Expr::value(None::<String>))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(RefundState::Failed))
        .filter(Column::Attempt.eq(refund.attempt))
        .exec(&txn)
        .await?;
    if again.rows_affected == 0 {
        return Err(Error::refused(Code::StateConflict, &["id"], "only a refund that is FAILED can be sent again"));
    }
    enqueue(&txn, &app.clock, NewJob::about(LOOK_AT_BOOKING, payment.booking_id, app.clock.now())).await?;
    app.once.spend(&txn, &[id]).await?;
    txn.commit().await?;
    app.queue.wake();
    retried(app, id).await
}

/// Answers for a refund that is sent again.
pub async fn retried(app: &App, id: Uuid) -> Result<Refund, Error> {
    refund_by_id(app, id).await?.ok_or_else(|| Error::failed("a refund is gone"))
}

/// Sets a refund to where the processor says it stands, unless somebody else did since `seen`. Answers whether it
/// stands elsewhere now.
pub(in crate::domain::payments) async fn settle(
    app: &App,
    txn: &impl ConnectionTrait,
    seen: &Refund,
    to: RefundState,
    provider_reference: Option<String>,
) -> Result<bool, Error> {
    use table::refund::Column;
    let moved = table::refund::Entity::update_many()
        .col_expr(Column::State, Expr::value(to))
        .col_expr(Column::ProviderReference, Expr::value(provider_reference.or(seen.provider_reference.clone())))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(seen.id))
        .filter(Column::State.eq(seen.state))
        .exec(txn)
        .await?;
    Ok(moved.rows_affected > 0 && to != seen.state)
}

/// The processor's word for it in ours.
pub(in crate::domain::payments) fn state(progress: &RefundProgress) -> RefundState {
    match progress {
        RefundProgress::Pending => RefundState::Pending,
        RefundProgress::Succeeded => RefundState::Succeeded,
        RefundProgress::Failed { .. } => RefundState::Failed,
    }
}
