//! Putting payouts on hold and releasing them, for staff.

use sea_orm::EntityTrait;
use uuid::Uuid;

use super::record::{Payout, PayoutChange, enqueue_pay_out, update};
use super::send::pay_out;
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::limits::MAX_REASON_CHARS;
use crate::domain::payments::status::PayoutState;
use crate::domain::payments::table;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Puts a payout on hold until staff release it.
pub async fn hold_payout(app: &App, viewer: &Viewer, id: Uuid, reason: &str) -> Result<Payout, Error> {
    let mut checks = Refusals::default();
    let reason = checks.text(&["reason"], reason, MAX_REASON_CHARS);
    let payout = find_as_staff(app, viewer, id).await?;
    checks.finish()?;
    if !matches!(payout.state, PayoutState::Scheduled | PayoutState::Failed) {
        return Err(conflict("only a payout that is SCHEDULED or FAILED can be put on hold"));
    }
    let change =
        PayoutChange { state: Some(PayoutState::OnHold), failure_reason: Some(reason), ..PayoutChange::default() };
    apply(app, &payout, change, false).await
}

/// Releases a payout that is on hold.
pub async fn release_payout(app: &App, viewer: &Viewer, id: Uuid) -> Result<Payout, Error> {
    let payout = find_as_staff(app, viewer, id).await?;
    if payout.state != PayoutState::OnHold {
        return Err(conflict("only a payout that is ON_HOLD can be released"));
    }
    // A payout that has left the escrow already is sent again at once. Any other waits until it is due.
    let change = match payout.released_at {
        Some(_) => PayoutChange {
            state: Some(PayoutState::Failed),
            release_at: Some(app.clock.now()),
            ..PayoutChange::default()
        },
        None => PayoutChange { state: Some(PayoutState::Scheduled), ..PayoutChange::default() },
    };
    let payout = apply(app, &payout, change, true).await?;
    if let Err(error) = pay_out(app, id).await {
        tracing::warn!(payout.id = %id, %error, "a payout that staff released will be sent later");
    }
    load_payout(app, payout.id).await
}

async fn find_as_staff(app: &App, viewer: &Viewer, id: Uuid) -> Result<Payout, Error> {
    let user = viewer.require_user()?;
    let payout = table::payout::Entity::find_by_id(id).one(app.db.read()).await?;
    let visible = payout.filter(|payout| user.is_admin || viewer.is(payout.host_id));
    let payout = visible.ok_or_else(|| Error::not_found(&["id"]))?;
    if user.is_admin { Ok(payout) } else { Err(Error::refused(Code::Forbidden, &["id"], "only staff can do this")) }
}

fn conflict(message: &str) -> Error {
    Error::refused(Code::StateConflict, &["id"], message)
}

async fn apply(app: &App, payout: &Payout, change: PayoutChange, wake: bool) -> Result<Payout, Error> {
    let txn = app.db.begin_write().await?;
    if !update(app, &txn, payout, change).await? {
        return Err(conflict("the payout changed in the meantime"));
    }
    if wake {
        let now = app.clock.now();
        let at = if payout.released_at.is_some() { now } else { std::cmp::max(now, payout.release_at) };
        enqueue_pay_out(app, &txn, payout.id, at).await?;
    }
    app.idempotency_key.record(&txn, &[payout.id]).await?;
    txn.commit().await?;
    app.queue.wake();
    load_payout(app, payout.id).await
}

/// Loads a payout for the response of `hold_payout` or `release_payout`, also for a replayed request.
pub async fn load_payout(app: &App, id: Uuid) -> Result<Payout, Error> {
    let payout = table::payout::Entity::find_by_id(id).one(app.db.write()).await?;
    payout.ok_or_else(|| Error::failed("a payout does not exist any more"))
}
