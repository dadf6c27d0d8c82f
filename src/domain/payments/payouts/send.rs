//! Paying hosts: scheduled with the booking, released from escrow on the day, sent until the processor has answered.
//!
//! **Invariant:** a payout's money leaves the escrow once and the platform once. What a host owes from elsewhere is kept
//! back from it, so a negative balance is carried forward and never paid out.

use std::cmp::{max, min};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::notices;
use crate::domain::error::Error;
use crate::domain::payments::escrow::settlement;
use crate::domain::payments::escrow::settlement::{Escrow, Shares};
use crate::domain::payments::ledger;
use crate::domain::payments::ledger::{Event, Movement};
use crate::domain::payments::status::{Account, PayoutState, TransactionKind};
use crate::domain::payments::{patiently, table};
use crate::domain::users;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::fail_point;
use crate::platform::gateway::{GatewayError, Transfer};
use crate::platform::queue::{NewJob, enqueue};

pub use table::payout::Model as Payout;

/// The job that pays a host.
pub const PAY_OUT: &str = "pay_out";
/// A payout that the processor refused so often is put on hold.
const MOST_ATTEMPTS: i32 = 5;
/// How long after a refusal a payout is tried again: so many hours for the first, twice as many for the next.
const RETRY_HOURS: i64 = 6;
/// More than the longest chain of steps that one look can take.
const MOST_STEPS: usize = 6;
/// The job looks again after this long, should the one who released the money be gone.
const SAFETY_NET: TimeDelta = TimeDelta::seconds(30);

/// Why a payout waits whose host has not said where to send it.
const NO_ACCOUNT: &str = "the host has no account to be paid to";

/// The payouts of a booking, the first instalment first.
pub(in crate::domain::payments) async fn of_booking(
    db: &impl ConnectionTrait,
    booking_id: Uuid,
) -> Result<Vec<Payout>, Error> {
    Ok(table::payout::Entity::find()
        .filter(table::payout::Column::BookingId.eq(booking_id))
        .order_by_asc(table::payout::Column::Installment)
        .all(db)
        .await?)
}

/// Moves a payout on as far as it goes. Repeating it changes nothing.
///
/// Fails when the processor gives no answer; the queue then tries again.
pub async fn pay_out(app: &App, id: Uuid) -> Result<(), Error> {
    for _ in 0..MOST_STEPS {
        let Some(payout) = table::payout::Entity::find_by_id(id).one(app.db.write()).await? else { return Ok(()) };
        let due = payout.release_at <= app.clock.now();
        let moved = match payout.state {
            PayoutState::Scheduled if due => release(app, &payout).await?,
            PayoutState::Failed if due => again(app, &payout).await?,
            PayoutState::Processing => send(app, &payout).await?,
            _ => false,
        };
        if !moved {
            break;
        }
    }
    Ok(())
}

/// The day has come: the money leaves the escrow, and how much of it is sent is settled.
async fn release(app: &App, payout: &Payout) -> Result<bool, Error> {
    let now = app.clock.now();
    let txn = app.db.begin_write().await?;
    fail_point::reach("payout.locking").await;
    let Some(escrow) = settlement::lock(&txn, payout.booking_id).await? else {
        return Err(Error::failed("the guest has not been charged yet"));
    };
    // Before the ledger's rows, which refer to the host: two payouts of one host must not wait for each other.
    users::lock(&txn, payout.host_id).await?;
    // Read again under the lock: a refund may have changed the amount, and staff may be holding it back.
    let payout = table::payout::Entity::find_by_id(payout.id).lock_exclusive().one(&txn).await?;
    let Some(payout) = payout else { return Ok(false) };
    if payout.state != PayoutState::Scheduled {
        return Ok(true);
    }
    if payout.host_id != escrow.host_id || payout.currency != escrow.currency {
        return Err(Error::failed("the payout and the escrow of a booking name different hosts or currencies"));
    }
    if payout.amount_minor > escrow.shares().minus(escrow.released()).host {
        return Err(Error::failed("the guest has not been charged for the change of the stay yet"));
    }
    let part = part_of(&escrow, payout.amount_minor);
    if part == Shares::default() {
        set(app, &txn, &payout, Change { state: Some(PayoutState::Cancelled), ..Change::default() }).await?;
        txn.commit().await?;
        return Ok(false);
    }
    fail_point::reach("payout.handing").await;
    settlement::hand_over(app, &txn, &escrow, part).await?;
    let event = Event {
        kind: TransactionKind::Release,
        object_id: payout.id,
        booking_id: payout.booking_id,
        host_id: Some(payout.host_id),
        currency: &payout.currency,
    };
    let from = Account::GuestEscrow;
    let movements = [
        Movement { debit: from, credit: Account::HostPayable, minor: part.host },
        Movement { debit: from, credit: Account::PlatformRevenue, minor: part.platform },
        Movement { debit: from, credit: Account::TaxPayable, minor: part.tax },
    ];
    ledger::post(app, &txn, event, &movements).await?;
    fail_point::reach("payout.reckoning").await;
    let sent = available(&txn, &payout).await?;
    let change = Change {
        state: Some(PayoutState::Processing),
        released_at: Some(now),
        sent_minor: Some(sent),
        attempt: Some(1),
        ..Change::default()
    };
    set(app, &txn, &payout, change).await?;
    enqueue(&txn, &app.clock, NewJob::about(PAY_OUT, payout.id, now + SAFETY_NET)).await?;
    fail_point::reach("payout.releasing").await;
    txn.commit().await?;
    fail_point::reach("payout.released").await;
    Ok(true)
}

/// What leaves the escrow with a payout: fees and taxes in proportion to the host's part, and all of the rest with the
/// last.
fn part_of(escrow: &Escrow, host: i64) -> Shares {
    let left = escrow.shares().minus(escrow.released());
    if host >= left.host {
        return left;
    }
    let share = |whole: i64| {
        i64::try_from(i128::from(whole) * i128::from(host) / i128::from(max(1, left.host))).unwrap_or(whole)
    };
    Shares { host, platform: share(left.platform), tax: share(left.tax) }
}

/// How much of a payout can be sent: what the host is owed by the ledger and is not on its way already.
async fn available(txn: &impl ConnectionTrait, payout: &Payout) -> Result<i64, Error> {
    users::lock(txn, payout.host_id).await?;
    let owed = ledger::balance(txn, payout.host_id).await?.get(&payout.currency).copied().unwrap_or(0);
    let on_their_way = table::payout::Entity::find()
        .filter(table::payout::Column::HostId.eq(payout.host_id))
        .filter(table::payout::Column::Currency.eq(&payout.currency))
        .filter(table::payout::Column::State.eq(PayoutState::Processing))
        .filter(table::payout::Column::Id.ne(payout.id))
        .all(txn)
        .await?;
    let on_their_way: i64 = on_their_way.iter().filter_map(|payout| payout.sent_minor).sum();
    Ok(min(payout.amount_minor, max(0, owed - on_their_way)))
}

/// Tries a refused payout again, with what the host is owed by now.
async fn again(app: &App, payout: &Payout) -> Result<bool, Error> {
    let txn = app.db.begin_write().await?;
    let sent = available(&txn, payout).await?;
    let change = Change {
        state: Some(PayoutState::Processing),
        sent_minor: Some(sent),
        attempt: Some(payout.attempt + 1),
        ..Change::default()
    };
    set(app, &txn, payout, change).await?;
    enqueue(&txn, &app.clock, NewJob::about(PAY_OUT, payout.id, app.clock.now() + SAFETY_NET)).await?;
    txn.commit().await?;
    Ok(true)
}

/// Asks the processor to send what was settled. A try has one key and one amount until the processor has answered.
async fn send(app: &App, payout: &Payout) -> Result<bool, Error> {
    let minor = payout.sent_minor.unwrap_or(0);
    if minor == 0 {
        return paid(app, payout, None).await;
    }
    let Some(destination) = payout.destination.clone() else { return address(app, payout).await };
    let request = Transfer {
        idempotency_key: format!("{}:{}", Id::new(Kind::Payout, payout.id), payout.attempt),
        amount_minor: minor,
        currency: payout.currency.clone(),
        destination,
    };
    fail_point::reach("payout.sending").await;
    let answer = patiently(app.gateway.transfer(request)).await;
    fail_point::reach("payout.sent").await;
    match answer {
        Ok(reference) => paid(app, payout, Some(reference)).await,
        Err(GatewayError::Refused(reason)) if payout.attempt >= MOST_ATTEMPTS => {
            hold_back(app, payout, PayoutState::OnHold, &reason, None).await
        }
        Err(GatewayError::Refused(reason)) => {
            let doubled = u32::try_from(max(0, payout.attempt - 1)).unwrap_or(0);
            let wait = TimeDelta::hours(RETRY_HOURS << doubled);
            hold_back(app, payout, PayoutState::Failed, &reason, Some(wait)).await
        }
        Err(unknown) => Err(unknown.into()),
    }
}

/// Writes down where a try goes: should the host name another account before it is answered, it still goes there.
async fn address(app: &App, payout: &Payout) -> Result<bool, Error> {
    let Some(destination) = account(app, payout.host_id).await? else {
        return hold_back(app, payout, PayoutState::OnHold, NO_ACCOUNT, None).await;
    };
    use table::payout::Column;
    table::payout::Entity::update_many()
        .col_expr(Column::Destination, Expr::value(destination))
        .filter(Column::Id.eq(payout.id))
        .filter(Column::State.eq(payout.state))
        .filter(Column::Attempt.eq(payout.attempt))
        .filter(Column::Destination.is_null())
        .exec(app.db.write())
        .await?;
    Ok(true)
}

/// The processor has sent the money, or there was none to send.
async fn paid(app: &App, payout: &Payout, reference: Option<String>) -> Result<bool, Error> {
    let txn = app.db.begin_write().await?;
    let change =
        Change { state: Some(PayoutState::Paid), paid_at: Some(app.clock.now()), reference, ..Change::default() };
    fail_point::reach("payout.paying").await;
    if !set(app, &txn, payout, change).await? {
        return Ok(true);
    }
    let event = Event {
        kind: TransactionKind::Payout,
        object_id: payout.id,
        booking_id: payout.booking_id,
        host_id: Some(payout.host_id),
        currency: &payout.currency,
    };
    let minor = payout.sent_minor.unwrap_or(0);
    let sent = Movement { debit: Account::HostPayable, credit: Account::PspClearing, minor };
    ledger::post(app, &txn, event, &[sent]).await?;
    fail_point::reach("payout.recording").await;
    txn.commit().await?;
    fail_point::reach("payout.recorded").await;
    Ok(false)
}

async fn hold_back(
    app: &App,
    payout: &Payout,
    state: PayoutState,
    reason: &str,
    wait: Option<TimeDelta>,
) -> Result<bool, Error> {
    tracing::warn!(payout.id = %Id::new(Kind::Payout, payout.id), ?state, reason, "a payout did not go through");
    let txn = app.db.begin_write().await?;
    let change = Change {
        state: Some(state),
        failure_reason: Some(reason.to_owned()),
        release_at: wait.map(|wait| app.clock.now() + wait),
        ..Change::default()
    };
    let moved = set(app, &txn, payout, change).await?;
    if let Some(wait) = wait.filter(|_| moved) {
        enqueue(&txn, &app.clock, NewJob::about(PAY_OUT, payout.id, app.clock.now() + wait)).await?;
    }
    txn.commit().await?;
    Ok(false)
}

/// The processor's name for a host's account. The sandbox pays everybody who did not name one.
async fn account(app: &App, host_id: Uuid) -> Result<Option<String>, Error> {
    let provider = app.gateway.provider();
    let known = table::payout_account::Entity::find_by_id(host_id).one(app.db.read()).await?;
    let known = known.filter(|account| account.provider == provider).map(|account| account.reference);
    Ok(known.or_else(|| (provider == "sandbox").then(|| Id::new(Kind::User, host_id).to_string())))
}

/// The payouts of a host that are on hold for want of an account.
pub(in crate::domain::payments) async fn without_account(
    txn: &impl ConnectionTrait,
    host_id: Uuid,
) -> Result<Vec<Payout>, Error> {
    Ok(table::payout::Entity::find()
        .filter(table::payout::Column::HostId.eq(host_id))
        .filter(table::payout::Column::State.eq(PayoutState::OnHold))
        .filter(table::payout::Column::FailureReason.eq(NO_ACCOUNT))
        .all(txn)
        .await?)
}

/// What changes about a payout.
#[derive(Default)]
pub(in crate::domain::payments) struct Change {
    pub state: Option<PayoutState>,
    pub released_at: Option<DateTime<Utc>>,
    pub release_at: Option<DateTime<Utc>>,
    pub sent_minor: Option<i64>,
    pub attempt: Option<i32>,
    pub paid_at: Option<DateTime<Utc>>,
    pub reference: Option<String>,
    pub failure_reason: Option<String>,
}

/// Changes a payout that is still in the state and at the attempt that were seen, and tells its host; whether it was.
pub(in crate::domain::payments) async fn set(
    app: &App,
    txn: &Transaction,
    seen: &Payout,
    change: Change,
) -> Result<bool, Error> {
    use table::payout::Column;
    let notice = notices::of(seen, &change)?;
    let row = table::payout::ActiveModel {
        state: change.state.map_or(NotSet, Set),
        released_at: change.released_at.map_or(NotSet, |at| Set(Some(at))),
        release_at: change.release_at.map_or(NotSet, Set),
        sent_minor: change.sent_minor.map_or(NotSet, |minor| Set(Some(minor))),
        // A new try goes to where the host wants it by then.
        destination: change.attempt.map_or(NotSet, |_| Set(None)),
        attempt: change.attempt.map_or(NotSet, Set),
        paid_at: change.paid_at.map_or(NotSet, |at| Set(Some(at))),
        provider_reference: change.reference.map_or(NotSet, |reference| Set(Some(reference))),
        failure_reason: Set(change.failure_reason),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    let changed = table::payout::Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(seen.id))
        .filter(Column::State.eq(seen.state))
        .filter(Column::Attempt.eq(seen.attempt))
        .exec(txn)
        .await?;
    if changed.rows_affected == 0 {
        return Ok(false);
    }
    notices::tell(app, txn, notice).await?;
    Ok(true)
}
