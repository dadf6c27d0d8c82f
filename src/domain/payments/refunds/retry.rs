//! Retrying a refund that the processor refused or that came back.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::domain::error::{Code, Error};
use crate::domain::payments::booking_job::enqueue_advance;
use crate::domain::payments::read::{by_id, refund_by_id};
use crate::domain::payments::status::RefundState;
use crate::domain::payments::{Refund, table};
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Sends a failed refund again, with a new idempotency key. For staff only.
pub async fn retry_refund(app: &App, viewer: &Viewer, id: Uuid) -> Result<Refund, Error> {
    use table::refund::Column;
    viewer.require_user()?;
    if !viewer.is_staff() {
        return Err(Error::not_found(&["id"]));
    }
    let refund = refund_by_id(app, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let payment = by_id(app, refund.payment_id).await?.ok_or_else(|| Error::failed("a refund has no payment"))?;
    let txn = app.db.begin_write().await?;
    let updated = table::refund::Entity::update_many()
        .col_expr(Column::State, Expr::value(RefundState::Pending))
        .col_expr(Column::Attempt, Expr::value(refund.attempt + 1))
        .col_expr(Column::ProviderReference, Expr::value(None::<String>))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(RefundState::Failed))
        .filter(Column::Attempt.eq(refund.attempt))
        .exec(&txn)
        .await?;
    if updated.rows_affected == 0 {
        return Err(Error::refused(Code::StateConflict, &["id"], "only a refund that is FAILED can be sent again"));
    }
    enqueue_advance(app, &txn, payment.booking_id, app.clock.now()).await?;
    app.idempotency_key.record(&txn, &[id]).await?;
    txn.commit().await?;
    app.queue.wake();
    load_refund(app, id).await
}

/// Loads a refund for the response of `retry_refund`, also for a replayed request.
pub async fn load_refund(app: &App, id: Uuid) -> Result<Refund, Error> {
    refund_by_id(app, id).await?.ok_or_else(|| Error::failed("a refund does not exist any more"))
}
