//! Holding payouts back, letting them go, and the account that a host is paid to.

use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use sea_orm::sea_query::OnConflict;

use super::send::{Change, PAY_OUT, Payout, pay_out, set};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::payments::status::PayoutState;
use crate::domain::payments::table;
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::queue::{NewJob, enqueue};
use uuid::Uuid;

const LONGEST_REASON: usize = 1_000;
const LONGEST_ACCOUNT: usize = 200;

/// Staff keep a payout back until they let it go.
pub async fn hold(app: &App, viewer: &Viewer, id: Uuid, reason: &str) -> Result<Payout, Error> {
    let mut checks = Refusals::default();
    let reason = checks.text(&["reason"], reason, LONGEST_REASON);
    let payout = for_staff(app, viewer, id).await?;
    checks.finish()?;
    if !matches!(payout.state, PayoutState::Scheduled | PayoutState::Failed) {
        return Err(conflict("only a payout that is SCHEDULED or FAILED can be held back"));
    }
    let change = Change { state: Some(PayoutState::OnHold), failure_reason: Some(reason), ..Change::default() };
    apply(app, &payout, change, false).await
}

/// Staff let a payout go that was on hold.
pub async fn release(app: &App, viewer: &Viewer, id: Uuid) -> Result<Payout, Error> {
    let payout = for_staff(app, viewer, id).await?;
    if payout.state != PayoutState::OnHold {
        return Err(conflict("only a payout that is ON_HOLD can be let go"));
    }
    // What has left the escrow already is sent again; anything else waits for its day.
    let change = match payout.released_at {
        Some(_) => Change { state: Some(PayoutState::Failed), release_at: Some(app.clock.now()), ..Change::default() },
        None => Change { state: Some(PayoutState::Scheduled), ..Change::default() },
    };
    let payout = apply(app, &payout, change, true).await?;
    if let Err(error) = pay_out(app, id).await {
        tracing::warn!(payout.id = %id, %error, "a payout that was let go will be sent later");
    }
    known(app, payout.id).await
}

async fn for_staff(app: &App, viewer: &Viewer, id: Uuid) -> Result<Payout, Error> {
    let user = viewer.require_user()?;
    let payout = table::payout::Entity::find_by_id(id).one(app.db.read()).await?;
    let seen = payout.filter(|payout| user.is_admin || viewer.is(payout.host_id));
    let payout = seen.ok_or_else(|| Error::not_found(&["id"]))?;
    if user.is_admin { Ok(payout) } else { Err(Error::refused(Code::Forbidden, &["id"], "this is for staff to do")) }
}

fn conflict(message: &str) -> Error {
    Error::refused(Code::StateConflict, &["id"], message)
}

async fn apply(app: &App, payout: &Payout, change: Change, wake: bool) -> Result<Payout, Error> {
    let txn = app.db.begin_write().await?;
    if !set(app, &txn, payout, change).await? {
        return Err(conflict("the payout has moved on"));
    }
    if wake {
        let at = std::cmp::max(app.clock.now(), payout.release_at);
        let at = if payout.released_at.is_some() { app.clock.now() } else { at };
        enqueue(&txn, &app.clock, NewJob::about(PAY_OUT, payout.id, at)).await?;
    }
    app.once.spend(&txn, &[payout.id]).await?;
    txn.commit().await?;
    app.queue.wake();
    known(app, payout.id).await
}

/// Answers once more for a payout that was held back or let go.
pub async fn known(app: &App, id: Uuid) -> Result<Payout, Error> {
    let payout = table::payout::Entity::find_by_id(id).one(app.db.write()).await?;
    payout.ok_or_else(|| Error::failed("a payout is gone"))
}

/// Names the account at the card processor to which the viewer is paid; payouts that waited for one are let go.
pub async fn set_account(app: &App, viewer: &Viewer, reference: &str) -> Result<(), Error> {
    let user = viewer.require_host()?;
    let mut checks = Refusals::default();
    let reference = checks.text(&["account"], reference, LONGEST_ACCOUNT);
    let plain = reference.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    checks.check(plain, Code::Invalid, &["account"], "must be letters, digits, `_` and `-` only");
    checks.finish()?;
    let row = table::payout_account::ActiveModel {
        host_id: Set(user.user_id),
        provider: Set(app.gateway.provider().to_owned()),
        reference: Set(reference),
        updated_at: Set(app.clock.now()),
    };
    use table::payout_account::Column;
    let replace = OnConflict::column(Column::HostId)
        .update_columns([Column::Provider, Column::Reference, Column::UpdatedAt])
        .to_owned();
    let txn = app.db.begin_write().await?;
    table::payout_account::Entity::insert(row).on_conflict(replace).exec_without_returning(&txn).await?;
    for payout in super::send::without_account(&txn, user.user_id).await? {
        let change =
            Change { state: Some(PayoutState::Failed), release_at: Some(app.clock.now()), ..Change::default() };
        set(app, &txn, &payout, change).await?;
        enqueue(&txn, &app.clock, NewJob::about(PAY_OUT, payout.id, app.clock.now())).await?;
    }
    app.once.spend(&txn, &[user.user_id]).await?;
    txn.commit().await?;
    app.queue.wake();
    Ok(())
}
