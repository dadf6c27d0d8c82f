//! Releasing a payout from escrow when it is due, and computing how much of it can be sent.

use std::cmp::{max, min};

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::record::{Payout, PayoutChange, enqueue_pay_out, update};
use crate::domain::error::Error;
use crate::domain::payments::escrow::{self, Escrow, Shares, release_shares};
use crate::domain::payments::ledger::{self, Movement, TransactionHeader};
use crate::domain::payments::status::{Account, PayoutState, TransactionKind};
use crate::domain::payments::table;
use crate::domain::users;
use crate::platform::database::Transaction;
use crate::platform::{App, fail_point};

/// When the job runs again, in case the process that released the money stopped before sending it.
pub(super) const SAFETY_NET_DELAY: TimeDelta = TimeDelta::seconds(30);

/// Releases a payout that is due: moves its money out of the escrow and fixes how much of it is sent. Returns whether
/// the payout may have changed and should be processed further.
pub(super) async fn release(app: &App, payout: &Payout) -> Result<bool, Error> {
    let txn = app.db.begin_write().await?;
    fail_point::reach("payout.locking").await;
    let Some(escrow) = escrow::lock(&txn, payout.booking_id).await? else {
        return Err(Error::failed("the guest has not been charged yet"));
    };
    // The host is locked before the ledger rows that refer to it are inserted. Otherwise two payouts of one host could
    // deadlock.
    users::lock(&txn, payout.host_id).await?;
    // Re-read under the lock: a refund may have changed the amount, and staff may have put the payout on hold.
    let payout = table::payout::Entity::find_by_id(payout.id).lock_exclusive().one(&txn).await?;
    let Some(payout) = payout else { return Ok(false) };
    if payout.state != PayoutState::Scheduled {
        return Ok(true);
    }
    check_escrow(&escrow, &payout)?;
    let part = shares_to_release(&escrow, payout.amount_minor);
    if part == Shares::default() {
        let cancelled = PayoutChange { state: Some(PayoutState::Cancelled), ..PayoutChange::default() };
        update(app, &txn, &payout, cancelled).await?;
        txn.commit().await?;
        return Ok(false);
    }
    fail_point::reach("payout.sharing").await;
    release_shares(app, &txn, &escrow, part).await?;
    post_release(app, &txn, &payout, part).await?;
    fail_point::reach("payout.computing").await;
    let sent = sendable_minor(&txn, &payout).await?;
    let now = app.clock.now();
    let change = PayoutChange {
        state: Some(PayoutState::Processing),
        released_at: Some(now),
        sent_minor: Some(sent),
        attempt: Some(1),
        ..PayoutChange::default()
    };
    update(app, &txn, &payout, change).await?;
    enqueue_pay_out(app, &txn, payout.id, now + SAFETY_NET_DELAY).await?;
    fail_point::reach("payout.releasing").await;
    txn.commit().await?;
    fail_point::reach("payout.released").await;
    Ok(true)
}

fn check_escrow(escrow: &Escrow, payout: &Payout) -> Result<(), Error> {
    if payout.host_id != escrow.host_id || payout.currency != escrow.currency {
        return Err(Error::failed("the payout and the escrow of a booking name different hosts or currencies"));
    }
    if payout.amount_minor > escrow.shares().minus(escrow.released()).host {
        return Err(Error::failed("the guest has not been charged for the change of the stay yet"));
    }
    Ok(())
}

async fn post_release(app: &App, txn: &Transaction, payout: &Payout, part: Shares) -> Result<(), Error> {
    let header = TransactionHeader {
        kind: TransactionKind::Release,
        object_id: payout.id,
        booking_id: payout.booking_id,
        host_id: Some(payout.host_id),
        currency: &payout.currency,
    };
    let debit = Account::GuestEscrow;
    let movements = [
        Movement { debit, credit: Account::HostPayable, minor: part.host },
        Movement { debit, credit: Account::PlatformRevenue, minor: part.platform },
        Movement { debit, credit: Account::TaxPayable, minor: part.tax },
    ];
    ledger::post(app, txn, header, &movements).await?;
    Ok(())
}

/// What leaves the escrow with a payout of `host` minor units: fees and taxes in proportion to the host's part. The
/// last payout releases everything that is left.
fn shares_to_release(escrow: &Escrow, host: i64) -> Shares {
    let left = escrow.shares().minus(escrow.released());
    if host >= left.host {
        return left;
    }
    let share = |whole: i64| {
        i64::try_from(i128::from(whole) * i128::from(host) / i128::from(max(1, left.host))).unwrap_or(whole)
    };
    Shares { host, platform: share(left.platform), tax: share(left.tax) }
}

/// How much of a payout can be sent: at most what the ledger owes the host, less what other payouts are sending now.
pub(super) async fn sendable_minor(txn: &impl ConnectionTrait, payout: &Payout) -> Result<i64, Error> {
    users::lock(txn, payout.host_id).await?;
    let owed = ledger::host_balance(txn, payout.host_id).await?.get(&payout.currency).copied().unwrap_or(0);
    let processing = table::payout::Entity::find()
        .filter(table::payout::Column::HostId.eq(payout.host_id))
        .filter(table::payout::Column::Currency.eq(&payout.currency))
        .filter(table::payout::Column::State.eq(PayoutState::Processing))
        .filter(table::payout::Column::Id.ne(payout.id))
        .all(txn)
        .await?;
    let processing_minor: i64 = processing.iter().filter_map(|payout| payout.sent_minor).sum();
    Ok(min(payout.amount_minor, max(0, owed - processing_minor)))
}
