//! Disputes (chargebacks): the ledger transactions for what a guest's bank takes back, and the hold on payouts that are
//! not sent yet.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::gateway_timeout::with_timeout;
use super::ledger::{self, Movement, TransactionHeader};
use super::payouts::{self, PayoutChange, enqueue_pay_out};
use super::read::{group_by, list_for_booking};
use super::status::{Account, DisputeState, PayoutState, TransactionKind};
use super::{Payment, table};
use crate::domain::error::Error;
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::gateway::{DisputeProgress, GatewayError};

/// Why a payout is on hold while a payment of its booking is disputed. It is stored with the payout and compared when
/// the dispute is won.
const DISPUTED: &str = "a payment of the booking is disputed";

/// Reads a dispute's state at the processor and stores it. Repeating it changes nothing.
pub(super) async fn refresh_dispute(app: &App, payment: &Payment, reference: &str) -> Result<(), Error> {
    let report = match with_timeout(app.gateway.read_dispute(reference)).await {
        Err(GatewayError::Refused(reason)) => {
            tracing::warn!(dispute = reference, reason, "the processor does not know the dispute");
            return Ok(());
        }
        report => report?,
    };
    let state = match report.progress {
        // An inquiry moves no money. The bank may still open a dispute later.
        DisputeProgress::Inquiry => return Ok(()),
        DisputeProgress::Open => DisputeState::Open,
        DisputeProgress::Won => DisputeState::Won,
        DisputeProgress::Lost => DisputeState::Lost,
    };
    let now = app.clock.now();
    let txn = app.db.begin_write().await?;
    let is_new = insert_if_new(app, &txn, payment, reference, report.amount_minor, now).await?;
    use table::dispute::Column;
    let dispute = table::dispute::Entity::find().filter(Column::Reference.eq(reference)).lock_exclusive();
    let dispute = dispute.one(&txn).await?.ok_or_else(|| Error::failed("a dispute does not exist any more"))?;
    let (suspense, clearing) = (Account::DisputeSuspense, Account::PspClearing);
    if is_new {
        tracing::error!(dispute = reference, minor = dispute.amount_minor, "a payment is disputed; staff must act");
        post(app, &txn, payment, &dispute, TransactionKind::Chargeback, suspense, clearing).await?;
        hold_payouts(app, &txn, payment.booking_id).await?;
    }
    if dispute.state == DisputeState::Open && state != DisputeState::Open {
        table::dispute::Entity::update_many()
            .col_expr(Column::State, Expr::value(state))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::Id.eq(dispute.id))
            .exec(&txn)
            .await?;
        if state == DisputeState::Won {
            post(app, &txn, payment, &dispute, TransactionKind::ChargebackReversal, clearing, suspense).await?;
            release_held_payouts(app, &txn, payment.booking_id).await?;
        }
    }
    txn.commit().await?;
    app.queue.wake();
    Ok(())
}

/// Inserts the dispute as open, unless a row with its reference exists. Returns whether it was inserted.
async fn insert_if_new(
    app: &App,
    txn: &Transaction,
    payment: &Payment,
    reference: &str,
    amount_minor: i64,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let row = table::dispute::ActiveModel {
        id: Set(app.clock.new_id()),
        payment_id: Set(payment.id),
        reference: Set(reference.to_owned()),
        amount_minor: Set(amount_minor),
        state: Set(DisputeState::Open),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let skip_existing = OnConflict::column(table::dispute::Column::Reference).do_nothing().to_owned();
    match table::dispute::Entity::insert(row).on_conflict(skip_existing).exec_without_returning(txn).await {
        Ok(rows) => Ok(rows > 0),
        Err(DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn post(
    app: &App,
    txn: &impl ConnectionTrait,
    payment: &Payment,
    dispute: &table::dispute::Model,
    kind: TransactionKind,
    debit: Account,
    credit: Account,
) -> Result<(), Error> {
    let header = TransactionHeader {
        kind,
        object_id: dispute.id,
        booking_id: payment.booking_id,
        host_id: payment.host_id,
        currency: &payment.currency,
    };
    ledger::post(app, txn, header, &[Movement { debit, credit, minor: dispute.amount_minor }]).await?;
    Ok(())
}

/// Puts the booking's payouts that are not being sent on hold until the bank has decided.
async fn hold_payouts(app: &App, txn: &Transaction, booking_id: Uuid) -> Result<(), Error> {
    for payout in payouts::list_for_booking(txn, booking_id).await? {
        if matches!(payout.state, PayoutState::Scheduled | PayoutState::Failed) {
            let reason = Some(DISPUTED.to_owned());
            let change =
                PayoutChange { state: Some(PayoutState::OnHold), failure_reason: reason, ..PayoutChange::default() };
            payouts::update(app, txn, &payout, change).await?;
        }
    }
    Ok(())
}

/// Releases the payouts that were on hold for the dispute, unless another dispute of the booking is open or lost.
async fn release_held_payouts(app: &App, txn: &Transaction, booking_id: Uuid) -> Result<(), Error> {
    let payments = list_for_booking(txn, booking_id).await?;
    let other = table::dispute::Entity::find()
        .filter(table::dispute::Column::PaymentId.is_in(payments.iter().map(|payment| payment.id)))
        .filter(table::dispute::Column::State.ne(DisputeState::Won))
        .one(txn)
        .await?;
    if other.is_some() {
        return Ok(());
    }
    for payout in payouts::list_for_booking(txn, booking_id).await? {
        if payout.state != PayoutState::OnHold || payout.failure_reason.as_deref() != Some(DISPUTED) {
            continue;
        }
        let state = if payout.released_at.is_some() { PayoutState::Failed } else { PayoutState::Scheduled };
        payouts::update(app, txn, &payout, PayoutChange { state: Some(state), ..PayoutChange::default() }).await?;
        let at = std::cmp::max(app.clock.now(), payout.release_at);
        enqueue_pay_out(app, txn, payout.id, at).await?;
    }
    Ok(())
}

/// Sums the open and lost disputes of the payments, in minor units, by payment.
pub async fn disputed_by_payments(app: &App, payments: &[Uuid]) -> Result<HashMap<Uuid, i64>, Error> {
    let rows = table::dispute::Entity::find()
        .filter(table::dispute::Column::PaymentId.is_in(payments.iter().copied()))
        .filter(table::dispute::Column::State.ne(DisputeState::Won))
        .all(app.db.read())
        .await?;
    let by_payment = group_by(rows, |dispute| dispute.payment_id);
    Ok(by_payment.into_iter().map(|(id, rows)| (id, rows.iter().map(|row| row.amount_minor).sum())).collect())
}
