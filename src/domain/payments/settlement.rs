//! Settling a booking: setting the shares of its money, recording the refund owed to the guest, and charging a penalty.

use std::cmp::min;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::escrow::{Escrow, Shares, lock, returning_movements};
use super::ledger::{self, Movement, TransactionHeader};
use super::payouts::{reschedule_payouts, unschedule_payouts};
use super::status::{Account, PaymentState, RefundState, TransactionKind};
use super::{Payment, Refund, table};
use crate::domain::error::Error;
use crate::platform::{App, fail_point};

/// How a settlement records the refund that is owed by it.
#[derive(Clone, Copy, Debug)]
pub struct NewRefund<'a> {
    /// The id of the refund. If it is made from several payments, the id of the largest part.
    pub id: Uuid,
    /// Why the guest is refunded, as an English sentence of the service.
    pub reason: &'a str,
    /// What the person who caused the refund wrote.
    pub note: Option<&'a str>,
}

/// Sets the shares of a booking's money. What the guest has paid beyond `shares` is refunded to the guest, and what was
/// released beyond the new shares is taken back from its owners. Returns the largest refund that is owed now, if any.
pub async fn settle_shares(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    shares: Shares,
    new: NewRefund<'_>,
) -> Result<Option<Refund>, Error> {
    let escrow = lock_existing(txn, booking_id).await?;
    let refund_minor = escrow.shares().sum() - shares.sum();
    if refund_minor < 0 || shares != shares.without_negatives() {
        return Err(Error::failed(format!("the money of booking {booking_id} cannot be divided into {shares:?}")));
    }
    let returned = escrow.released().excess_over(shares);
    let released = escrow.released().minus(returned);
    let row = table::escrow::ActiveModel {
        booking_id: Unchanged(booking_id),
        refunded_minor: Set(escrow.refunded_minor + refund_minor),
        host_minor: Set(shares.host),
        platform_minor: Set(shares.platform),
        tax_minor: Set(shares.tax),
        host_released_minor: Set(released.host),
        platform_released_minor: Set(released.platform),
        tax_released_minor: Set(released.tax),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    fail_point::reach("escrow.settling").await;
    row.update(txn).await?;
    let header = TransactionHeader {
        kind: TransactionKind::Refund,
        object_id: app.clock.new_id(),
        booking_id,
        host_id: Some(escrow.host_id),
        currency: &escrow.currency,
    };
    let transaction_id = ledger::post(app, txn, header, &returning_movements(returned, refund_minor)).await?;
    reschedule_payouts(app, txn, booking_id, shares.host - released.host).await?;
    if shares == released {
        unschedule_payouts(app, txn, booking_id).await?;
    }
    record_refund_owed(app, txn, booking_id, refund_minor, transaction_id, new).await
}

async fn lock_existing(txn: &impl ConnectionTrait, booking_id: Uuid) -> Result<Escrow, Error> {
    let escrow = lock(txn, booking_id).await?;
    escrow.ok_or_else(|| Error::failed(format!("booking {booking_id} has no money in escrow")))
}

/// Inserts the refunds owed to the guest, payment by payment, the latest payment first. Returns the largest refund.
async fn record_refund_owed(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    minor: i64,
    transaction_id: Option<Uuid>,
    new: NewRefund<'_>,
) -> Result<Option<Refund>, Error> {
    use table::payment::Column;
    let payments = table::payment::Entity::find()
        .filter(Column::BookingId.eq(booking_id))
        .filter(Column::State.eq(PaymentState::Succeeded))
        .order_by_desc(Column::Id)
        .all(txn)
        .await?;
    let mut left = minor;
    let parts = payments.iter().map(|payment| {
        let part = min(left, payment.captured_minor - payment.refunded_minor);
        left -= part;
        (payment, part)
    });
    let parts: Vec<(&Payment, i64)> = parts.filter(|(_, part)| *part != 0).collect();
    if left != 0 {
        return Err(Error::failed(format!("the payments of booking {booking_id} are {left} short of the refund")));
    }
    let largest_part = parts.iter().map(|(_, part)| *part).max();
    let mut largest = None;
    for (payment, part) in parts {
        if largest.is_none() && Some(part) == largest_part {
            largest = Some(insert_refund(app, txn, payment, part, transaction_id, new).await?);
        } else {
            let new = NewRefund { id: app.clock.new_id(), ..new };
            insert_refund(app, txn, payment, part, transaction_id, new).await?;
        }
    }
    Ok(largest)
}

/// Adds to the refunded amount of a payment and inserts the refund. The update fails rather than refund more than was
/// captured.
async fn insert_refund(
    app: &App,
    txn: &impl ConnectionTrait,
    payment: &Payment,
    minor: i64,
    transaction_id: Option<Uuid>,
    new: NewRefund<'_>,
) -> Result<Refund, Error> {
    use table::payment::Column;
    let now = app.clock.now();
    fail_point::reach("escrow.owing").await;
    let updated = table::payment::Entity::update_many()
        .col_expr(Column::RefundedMinor, Expr::col(Column::RefundedMinor).add(minor))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(payment.id))
        .filter(Expr::col(Column::RefundedMinor).add(minor).lte(Expr::col(Column::CapturedMinor)))
        .exec(txn)
        .await?;
    if updated.rows_affected == 0 {
        return Err(Error::failed(format!("payment {} has less than {minor} left to refund", payment.id)));
    }
    let row = table::refund::ActiveModel {
        id: Set(new.id),
        payment_id: Set(payment.id),
        transaction_id: Set(transaction_id),
        attempt: Set(0),
        amount_minor: Set(minor),
        state: Set(RefundState::Pending),
        reason: Set(new.reason.to_owned()),
        note: Set(new.note.map(str::to_owned)),
        provider_reference: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    fail_point::reach("escrow.refunding").await;
    Ok(row.insert(txn).await?)
}

/// Charges a host the penalty for cancelling. It reduces what the host is owed, and so their payouts, now or later.
pub async fn charge_penalty(app: &App, txn: &impl ConnectionTrait, booking_id: Uuid, minor: i64) -> Result<(), Error> {
    let escrow = lock_existing(txn, booking_id).await?;
    let header = TransactionHeader {
        kind: TransactionKind::Penalty,
        object_id: booking_id,
        booking_id,
        host_id: Some(escrow.host_id),
        currency: &escrow.currency,
    };
    fail_point::reach("escrow.penalizing").await;
    let penalty = Movement { debit: Account::HostPayable, credit: Account::PlatformRevenue, minor };
    ledger::post(app, txn, header, &[penalty]).await?;
    Ok(())
}
