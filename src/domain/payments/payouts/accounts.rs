//! The accounts at the processor to which hosts are paid.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::record::{Payout, PayoutChange, enqueue_pay_out, update};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::payments::status::PayoutState;
use crate::domain::payments::table;
use crate::domain::viewer::Viewer;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;

/// Why a payout is on hold if its host has no account. Stored with the payout and compared when the host sets one.
pub(super) const NO_ACCOUNT: &str = "the host has no account to be paid to";

/// Maximum length of the processor's reference of an account, in characters.
const MAX_ACCOUNT_CHARS: usize = 200;

/// Sets the account at the card processor to which the viewer is paid, and sends the payouts that waited for one.
pub async fn set_payout_account(app: &App, viewer: &Viewer, reference: &str) -> Result<(), Error> {
    let user = viewer.require_host()?;
    let mut checks = Refusals::default();
    let reference = checks.text(&["account"], reference, MAX_ACCOUNT_CHARS);
    let plain = reference.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    checks.check(plain, Code::Invalid, &["account"], "must be letters, digits, `_` and `-` only");
    checks.finish()?;
    let now = app.clock.now();
    let row = table::payout_account::ActiveModel {
        host_id: Set(user.user_id),
        provider: Set(app.gateway.provider().to_owned()),
        reference: Set(reference),
        updated_at: Set(now),
    };
    use table::payout_account::Column;
    let replace = OnConflict::column(Column::HostId)
        .update_columns([Column::Provider, Column::Reference, Column::UpdatedAt])
        .to_owned();
    let txn = app.db.begin_write().await?;
    table::payout_account::Entity::insert(row).on_conflict(replace).exec_without_returning(&txn).await?;
    for payout in list_without_account(&txn, user.user_id).await? {
        let change =
            PayoutChange { state: Some(PayoutState::Failed), release_at: Some(now), ..PayoutChange::default() };
        update(app, &txn, &payout, change).await?;
        enqueue_pay_out(app, &txn, payout.id, now).await?;
    }
    app.idempotency_key.record(&txn, &[user.user_id]).await?;
    txn.commit().await?;
    app.queue.wake();
    Ok(())
}

/// The reference of a host's account at the processor. The sandbox pays a host without an account too.
pub(super) async fn destination_of(app: &App, host_id: Uuid) -> Result<Option<String>, Error> {
    let provider = app.gateway.provider();
    let account = table::payout_account::Entity::find_by_id(host_id).one(app.db.read()).await?;
    let reference = account.filter(|account| account.provider == provider).map(|account| account.reference);
    Ok(reference.or_else(|| (provider == "sandbox").then(|| Id::new(Kind::User, host_id).to_string())))
}

/// Lists the payouts of a host that are on hold because the host has no account.
async fn list_without_account(txn: &impl ConnectionTrait, host_id: Uuid) -> Result<Vec<Payout>, Error> {
    Ok(table::payout::Entity::find()
        .filter(table::payout::Column::HostId.eq(host_id))
        .filter(table::payout::Column::State.eq(PayoutState::OnHold))
        .filter(table::payout::Column::FailureReason.eq(NO_ACCOUNT))
        .all(txn)
        .await?)
}
