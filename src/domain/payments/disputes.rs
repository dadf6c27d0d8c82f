//! What guests' banks want back: held against the ledger while it is disputed, and against what is not paid out yet.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::ledger;
use super::ledger::{Event, Movement};
use super::payouts::send;
use super::payouts::send::{Change, PAY_OUT};
use super::status::{Account, DisputeState, PayoutState, TransactionKind};
use super::{Payment, grouped, patiently, table};
use crate::domain::error::Error;
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::gateway::{DisputeProgress, GatewayError};
use crate::platform::queue::{NewJob, enqueue};

/// Why a payout waits whose guest's bank wants the money back.
const DISPUTED: &str = "a payment of the booking is disputed";

/// Asks the processor how a dispute stands and sets that. Repeating it changes nothing.
pub(super) async fn look(app: &App, payment: &Payment, reference: &str) -> Result<(), Error> {
    let report = match patiently(app.gateway.dispute(reference)).await {
        Err(GatewayError::Refused(reason)) => {
            tracing::warn!(dispute = reference, reason, "the processor knows no such dispute");
            return Ok(());
        }
        report => report?,
    };
    let to = match report.progress {
        // An inquiry moves no money; the bank may still ask for it later.
        DisputeProgress::Inquiry => return Ok(()),
        DisputeProgress::Open => DisputeState::Open,
        DisputeProgress::Won => DisputeState::Won,
        DisputeProgress::Lost => DisputeState::Lost,
    };
    let now = app.clock.now();
    let row = table::dispute::ActiveModel {
        id: Set(app.clock.id()),
        payment_id: Set(payment.id),
        reference: Set(reference.to_owned()),
        amount_minor: Set(report.amount_minor),
        state: Set(DisputeState::Open),
        created_at: Set(now),
        updated_at: Set(now),
    };
    use table::dispute::Column;
    let txn = app.db.begin_write().await?;
    let known = OnConflict::column(Column::Reference).do_nothing().to_owned();
    let opened = match table::dispute::Entity::insert(row).on_conflict(known).exec_without_returning(&txn).await {
        Ok(rows) => rows > 0,
        Err(DbErr::RecordNotInserted) => false,
        Err(error) => return Err(error.into()),
    };
    let dispute = table::dispute::Entity::find().filter(Column::Reference.eq(reference)).lock_exclusive();
    let dispute = dispute.one(&txn).await?.ok_or_else(|| Error::failed("a dispute is gone"))?;
    let (suspense, clearing) = (Account::DisputeSuspense, Account::PspClearing);
    if opened {
        tracing::error!(dispute = reference, minor = dispute.amount_minor, "a payment is disputed; it needs a person");
        post(app, &txn, payment, &dispute, TransactionKind::Chargeback, suspense, clearing).await?;
        hold(app, &txn, payment.booking_id).await?;
    }
    if dispute.state == DisputeState::Open && to != DisputeState::Open {
        table::dispute::Entity::update_many()
            .col_expr(Column::State, Expr::value(to))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::Id.eq(dispute.id))
            .exec(&txn)
            .await?;
        if to == DisputeState::Won {
            post(app, &txn, payment, &dispute, TransactionKind::ChargebackReversal, clearing, suspense).await?;
            let_go(app, &txn, payment.booking_id).await?;
        }
    }
    txn.commit().await?;
    app.queue.wake();
    Ok(())
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
    let event = Event {
        kind,
        object_id: dispute.id,
        booking_id: payment.booking_id,
        host_id: payment.host_id,
        currency: &payment.currency,
    };
    ledger::post(app, txn, event, &[Movement { debit, credit, minor: dispute.amount_minor }]).await?;
    Ok(())
}

/// What has not left the escrow waits until the bank has decided.
async fn hold(app: &App, txn: &Transaction, booking_id: Uuid) -> Result<(), Error> {
    for payout in send::of_booking(txn, booking_id).await? {
        if matches!(payout.state, PayoutState::Scheduled | PayoutState::Failed) {
            let reason = Some(DISPUTED.to_owned());
            let change = Change { state: Some(PayoutState::OnHold), failure_reason: reason, ..Change::default() };
            send::set(app, txn, &payout, change).await?;
        }
    }
    Ok(())
}

/// The host gets what waited, unless another dispute of the booking is open.
async fn let_go(app: &App, txn: &Transaction, booking_id: Uuid) -> Result<(), Error> {
    let payments = super::all_of_booking(txn, booking_id).await?;
    let open = table::dispute::Entity::find()
        .filter(table::dispute::Column::PaymentId.is_in(payments.iter().map(|payment| payment.id)))
        .filter(table::dispute::Column::State.ne(DisputeState::Won))
        .one(txn)
        .await?;
    if open.is_some() {
        return Ok(());
    }
    for payout in send::of_booking(txn, booking_id).await? {
        if payout.state != PayoutState::OnHold || payout.failure_reason.as_deref() != Some(DISPUTED) {
            continue;
        }
        let state = if payout.released_at.is_some() { PayoutState::Failed } else { PayoutState::Scheduled };
        send::set(app, txn, &payout, Change { state: Some(state), ..Change::default() }).await?;
        let at = std::cmp::max(app.clock.now(), payout.release_at);
        enqueue(txn, &app.clock, NewJob::about(PAY_OUT, payout.id, at)).await?;
    }
    Ok(())
}

/// What guests' banks hold or have taken back of these payments, in minor units, by payment.
pub async fn disputed(app: &App, payments: &[Uuid]) -> Result<HashMap<Uuid, i64>, Error> {
    let rows = table::dispute::Entity::find()
        .filter(table::dispute::Column::PaymentId.is_in(payments.iter().copied()))
        .filter(table::dispute::Column::State.ne(DisputeState::Won))
        .all(app.db.read())
        .await?;
    let by_payment = grouped(rows, |dispute| dispute.payment_id);
    Ok(by_payment.into_iter().map(|(id, rows)| (id, rows.iter().map(|row| row.amount_minor).sum())).collect())
}
