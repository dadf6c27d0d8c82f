//! The job that works on a payout: releases it when it is due, sends it to the processor, and retries refusals.

use std::cmp::max;

use chrono::TimeDelta;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::accounts::{NO_ACCOUNT, destination_of};
use super::record::{Payout, PayoutChange, enqueue_pay_out, update};
use super::release::{SAFETY_NET_DELAY, release, sendable_minor};
use crate::domain::error::Error;
use crate::domain::payments::gateway_timeout::with_timeout;
use crate::domain::payments::ledger::{self, Movement, TransactionHeader};
use crate::domain::payments::status::{Account, PayoutState, TransactionKind};
use crate::domain::payments::table;
use crate::kernel::id::{Id, Kind};
use crate::platform::gateway::{GatewayError, Transfer};
use crate::platform::{App, fail_point};

/// How often the processor may refuse a payout before it is put on hold.
const MAX_ATTEMPTS: i32 = 5;
/// Hours from the first refusal to the next attempt. The wait doubles with every refusal.
const RETRY_HOURS: i64 = 6;
/// An upper bound of the changes that one run of the job can make, so that it ends in any case.
const MAX_CHANGES_PER_RUN: usize = 6;

/// Advances a payout as far as possible. Repeating it changes nothing.
///
/// Fails if the processor gives no answer; the queue then runs the job again.
pub async fn pay_out(app: &App, id: Uuid) -> Result<(), Error> {
    for _ in 0..MAX_CHANGES_PER_RUN {
        let Some(payout) = table::payout::Entity::find_by_id(id).one(app.db.write()).await? else { return Ok(()) };
        let due = payout.release_at <= app.clock.now();
        let may_continue = match payout.state {
            PayoutState::Scheduled if due => release(app, &payout).await?,
            PayoutState::Failed if due => retry(app, &payout).await?,
            PayoutState::Processing => send(app, &payout).await?,
            _ => false,
        };
        if !may_continue {
            break;
        }
    }
    Ok(())
}

/// Starts another attempt of a refused payout, with the amount that the host is owed now.
async fn retry(app: &App, payout: &Payout) -> Result<bool, Error> {
    let txn = app.db.begin_write().await?;
    let sent = sendable_minor(&txn, payout).await?;
    let change = PayoutChange {
        state: Some(PayoutState::Processing),
        sent_minor: Some(sent),
        attempt: Some(payout.attempt + 1),
        ..PayoutChange::default()
    };
    update(app, &txn, payout, change).await?;
    enqueue_pay_out(app, &txn, payout.id, app.clock.now() + SAFETY_NET_DELAY).await?;
    txn.commit().await?;
    Ok(true)
}

/// Requests the transfer from the processor. An attempt keeps its idempotency key, amount and destination until the
/// processor has answered.
async fn send(app: &App, payout: &Payout) -> Result<bool, Error> {
    let minor = payout.sent_minor.unwrap_or(0);
    if minor == 0 {
        return record_paid(app, payout, None).await;
    }
    let Some(destination) = payout.destination.clone() else { return store_destination(app, payout).await };
    let request = Transfer {
        idempotency_key: format!("{}:{}", Id::new(Kind::Payout, payout.id), payout.attempt),
        amount_minor: minor,
        currency: payout.currency.clone(),
        destination,
    };
    fail_point::reach("payout.sending").await;
    let answer = with_timeout(app.gateway.transfer(request)).await;
    fail_point::reach("payout.sent").await;
    match answer {
        Ok(reference) => record_paid(app, payout, Some(reference)).await,
        Err(GatewayError::Refused(reason)) if payout.attempt >= MAX_ATTEMPTS => {
            record_refusal(app, payout, PayoutState::OnHold, &reason, None).await
        }
        Err(GatewayError::Refused(reason)) => {
            let doublings = u32::try_from(max(0, payout.attempt - 1)).unwrap_or(0);
            let wait = TimeDelta::hours(RETRY_HOURS << doublings);
            record_refusal(app, payout, PayoutState::Failed, &reason, Some(wait)).await
        }
        Err(unknown) => Err(unknown.into()),
    }
}

/// Stores the destination of an attempt before it is sent. If the host sets another account before the processor has
/// answered, the attempt is still repeated with the stored one.
async fn store_destination(app: &App, payout: &Payout) -> Result<bool, Error> {
    let Some(destination) = destination_of(app, payout.host_id).await? else {
        return record_refusal(app, payout, PayoutState::OnHold, NO_ACCOUNT, None).await;
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

/// Records that the processor sent the money, or that there was nothing to send. Posts the ledger transaction.
async fn record_paid(app: &App, payout: &Payout, reference: Option<String>) -> Result<bool, Error> {
    let txn = app.db.begin_write().await?;
    let now = app.clock.now();
    let change =
        PayoutChange { state: Some(PayoutState::Paid), paid_at: Some(now), reference, ..PayoutChange::default() };
    fail_point::reach("payout.paying").await;
    if !update(app, &txn, payout, change).await? {
        return Ok(true);
    }
    let header = TransactionHeader {
        kind: TransactionKind::Payout,
        object_id: payout.id,
        booking_id: payout.booking_id,
        host_id: Some(payout.host_id),
        currency: &payout.currency,
    };
    let minor = payout.sent_minor.unwrap_or(0);
    let sent = Movement { debit: Account::HostPayable, credit: Account::PspClearing, minor };
    ledger::post(app, &txn, header, &[sent]).await?;
    fail_point::reach("payout.recording").await;
    txn.commit().await?;
    fail_point::reach("payout.recorded").await;
    Ok(false)
}

/// Records why a payout was not sent. With `wait` it is retried after that time; without, it waits for a person.
async fn record_refusal(
    app: &App,
    payout: &Payout,
    state: PayoutState,
    reason: &str,
    wait: Option<TimeDelta>,
) -> Result<bool, Error> {
    tracing::warn!(payout.id = %Id::new(Kind::Payout, payout.id), ?state, reason, "a payout was not sent");
    let txn = app.db.begin_write().await?;
    let retry_at = wait.map(|wait| app.clock.now() + wait);
    let change = PayoutChange {
        state: Some(state),
        failure_reason: Some(reason.to_owned()),
        release_at: retry_at,
        ..PayoutChange::default()
    };
    let updated = update(app, &txn, payout, change).await?;
    if let Some(at) = retry_at.filter(|_| updated) {
        enqueue_pay_out(app, &txn, payout.id, at).await?;
    }
    txn.commit().await?;
    Ok(false)
}
