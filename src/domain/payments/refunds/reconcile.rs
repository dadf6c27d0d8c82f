//! Bringing refunds into the state that the processor reports.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::domain::error::Error;
use crate::domain::payments::booking_job::enqueue_advance;
use crate::domain::payments::gateway_timeout::with_timeout;
use crate::domain::payments::status::RefundState;
use crate::domain::payments::{Payment, Refund, table};
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::gateway::{RefundProgress, RefundReport};

/// Reads all refunds of a payment at the processor and updates ours to match.
pub(in crate::domain::payments) async fn reconcile_refunds(
    app: &App,
    payment: &Payment,
    reference: &str,
) -> Result<(), Error> {
    let reports = with_timeout(app.gateway.list_refunds(reference)).await?;
    let refunds = table::refund::Entity::find().filter(table::refund::Column::PaymentId.eq(payment.id));
    let refunds = refunds.all(app.db.write()).await?;
    let txn = app.db.begin_write().await?;
    let mut any_changed = false;
    for report in reports {
        let Some(refund) = find_reported(&refunds, &report) else {
            tracing::warn!(refund.reference = report.reference, "a refund at the processor was not requested here");
            continue;
        };
        let state = state_from_progress(&report.progress);
        if !update_state(app, &txn, refund, state, Some(report.reference)).await? {
            continue;
        }
        any_changed = true;
        if state == RefundState::Failed {
            let refund_id = Id::new(Kind::Refund, refund.id);
            tracing::error!(refund.id = %refund_id, progress = ?report.progress, "a refund came back; staff must act");
        }
    }
    if any_changed {
        enqueue_advance(app, &txn, payment.booking_id, app.clock.now()).await?;
    }
    txn.commit().await?;
    app.queue.wake();
    Ok(())
}

/// Finds our refund by its id in the idempotency key, or by the processor's reference.
fn find_reported<'a>(refunds: &'a [Refund], report: &RefundReport) -> Option<&'a Refund> {
    let id = report.key.as_deref().and_then(|key| Id::parse_as(Kind::Refund, key.split(':').next()?));
    refunds.iter().find(|refund| Some(refund.id) == id || refund.provider_reference.as_ref() == Some(&report.reference))
}

/// Updates a refund to the state that the processor reports, unless it changed since `seen` was read. Returns whether
/// its state is a different one now.
pub(super) async fn update_state(
    app: &App,
    txn: &impl ConnectionTrait,
    seen: &Refund,
    state: RefundState,
    provider_reference: Option<String>,
) -> Result<bool, Error> {
    use table::refund::Column;
    let updated = table::refund::Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::ProviderReference, Expr::value(provider_reference.or(seen.provider_reference.clone())))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(seen.id))
        .filter(Column::State.eq(seen.state))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected > 0 && state != seen.state)
}

/// The state of a refund that corresponds to the processor's progress.
pub(super) fn state_from_progress(progress: &RefundProgress) -> RefundState {
    match progress {
        RefundProgress::Pending => RefundState::Pending,
        RefundProgress::Succeeded => RefundState::Succeeded,
        RefundProgress::Failed { .. } => RefundState::Failed,
    }
}
