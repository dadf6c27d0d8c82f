//! What a booking's guest has paid: held in escrow, and divided among guest, host, platform and taxes.
//!
//! **Invariant:** paid = refunded + host + platform + tax, at every commit; the database refuses anything else. The row
//! is locked by whoever moves a booking's money, so that two movements happen one after the other.

use std::cmp::{max, min};

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::payments::ledger;
use crate::domain::payments::ledger::{Event, Movement};
use crate::domain::payments::payouts::schedule::{reschedule, unschedule};
use crate::domain::payments::status::{Account, PaymentState, RefundState, TransactionKind};
use crate::domain::payments::{Payment, Refund, table};
use crate::platform::{App, fail_point};

pub use table::escrow::Model as Escrow;

/// To whom money belongs, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// The host's earnings.
    pub host: i64,
    /// The service fees.
    pub platform: i64,
    /// The taxes.
    pub tax: i64,
}

impl Shares {
    /// All of it.
    pub fn sum(self) -> i64 {
        self.host + self.platform + self.tax
    }

    /// What both are together.
    pub fn plus(self, more: Shares) -> Shares {
        Shares { host: self.host + more.host, platform: self.platform + more.platform, tax: self.tax + more.tax }
    }

    /// What is left without `less`.
    pub fn minus(self, less: Shares) -> Shares {
        self.plus(Shares { host: -less.host, platform: -less.platform, tax: -less.tax })
    }

    /// What is left when `minor` goes back to the guest: from the host first, then from the fees, then from the taxes.
    pub fn giving_back(self, minor: i64) -> Shares {
        let host = min(minor, self.host);
        let platform = min(minor - host, self.platform);
        self.minus(Shares { host, platform, tax: minor - host - platform })
    }

    /// What each has beyond `shares`.
    fn beyond(self, shares: Shares) -> Shares {
        let more = self.minus(shares);
        Shares { host: max(0, more.host), platform: max(0, more.platform), tax: max(0, more.tax) }
    }

    /// The same sum with nothing below zero: who has too little is helped by the others.
    pub fn settled(self) -> Shares {
        let debt = |share: i64| max(0, -share);
        let missing = debt(self.host) + debt(self.platform) + debt(self.tax);
        let floor = Shares { host: max(0, self.host), platform: max(0, self.platform), tax: max(0, self.tax) };
        floor.giving_back(missing)
    }
}

impl Escrow {
    /// To whom the money belongs.
    pub fn shares(&self) -> Shares {
        Shares { host: self.host_minor, platform: self.platform_minor, tax: self.tax_minor }
    }

    /// What has left the escrow already.
    pub(in crate::domain::payments) fn released(&self) -> Shares {
        Shares { host: self.host_released_minor, platform: self.platform_released_minor, tax: self.tax_released_minor }
    }
}

/// The escrow of a booking, kept as it is until the transaction ends; nothing before the guest was charged.
pub async fn lock(txn: &impl ConnectionTrait, booking_id: Uuid) -> Result<Option<Escrow>, Error> {
    Ok(table::escrow::Entity::find_by_id(booking_id).lock_exclusive().one(txn).await?)
}

/// Takes in what a guest was charged, in the transaction that records the charge.
pub(in crate::domain::payments) async fn receive(
    app: &App,
    txn: &impl ConnectionTrait,
    payment: &Payment,
) -> Result<(), Error> {
    let now = app.clock.now();
    let host_id = payment.host_id.ok_or_else(|| Error::failed(format!("payment {} has no host", payment.id)))?;
    let added = Shares { host: payment.host_minor, platform: payment.platform_minor, tax: payment.tax_minor };
    fail_point::reach("escrow.receiving").await;
    let seen = lock(txn, payment.booking_id).await?;
    let shares = seen.as_ref().map(Escrow::shares).unwrap_or_default().plus(added).settled();
    // Who has less by a change, although the guest pays more, may have had more released to them already.
    let released = seen.as_ref().map(Escrow::released).unwrap_or_default();
    let back = released.beyond(shares);
    let still = released.minus(back);
    let row = table::escrow::ActiveModel {
        booking_id: Set(payment.booking_id),
        host_id: Set(host_id),
        currency: Set(payment.currency.clone()),
        paid_minor: Set(seen.as_ref().map_or(0, |seen| seen.paid_minor) + payment.amount_minor),
        refunded_minor: Set(seen.as_ref().map_or(0, |seen| seen.refunded_minor)),
        host_minor: Set(shares.host),
        platform_minor: Set(shares.platform),
        tax_minor: Set(shares.tax),
        host_released_minor: Set(still.host),
        platform_released_minor: Set(still.platform),
        tax_released_minor: Set(still.tax),
        created_at: Set(seen.as_ref().map_or(now, |seen| seen.created_at)),
        updated_at: Set(now),
    };
    match seen {
        None => table::escrow::Entity::insert(row).exec_without_returning(txn).await.map(|_| ())?,
        Some(_) => row.update(txn).await.map(|_| ())?,
    }
    let event = Event {
        kind: TransactionKind::Capture,
        object_id: payment.id,
        booking_id: payment.booking_id,
        host_id: Some(host_id),
        currency: &payment.currency,
    };
    let charged = Movement { debit: Account::PspClearing, credit: Account::GuestEscrow, minor: payment.amount_minor };
    let mut moved = vec![charged];
    moved.extend(movements(back, 0));
    ledger::post(app, txn, event, &moved).await?;
    Ok(())
}

/// Divides what a booking's guest has paid anew: `shares` stay, everything else goes back to the guest, and what was
/// released beyond the new shares is taken back. Answers with the refund that is owed now, if any.
pub async fn divide(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    shares: Shares,
    reason: &str,
) -> Result<Option<Refund>, Error> {
    let Some(escrow) = lock(txn, booking_id).await? else {
        return Err(Error::failed(format!("booking {booking_id} holds no money")));
    };
    let refund = escrow.shares().sum() - shares.sum();
    if refund < 0 || shares != shares.settled() {
        return Err(Error::failed(format!("the money of booking {booking_id} cannot be divided into {shares:?}")));
    }
    let released = escrow.released();
    let back = released.beyond(shares);
    let still = released.minus(back);
    let row = table::escrow::ActiveModel {
        booking_id: Unchanged(booking_id),
        refunded_minor: Set(escrow.refunded_minor + refund),
        host_minor: Set(shares.host),
        platform_minor: Set(shares.platform),
        tax_minor: Set(shares.tax),
        host_released_minor: Set(still.host),
        platform_released_minor: Set(still.platform),
        tax_released_minor: Set(still.tax),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    fail_point::reach("escrow.dividing").await;
    row.update(txn).await?;
    let event = Event {
        kind: TransactionKind::Refund,
        object_id: app.clock.id(),
        booking_id,
        host_id: Some(escrow.host_id),
        currency: &escrow.currency,
    };
    let transaction = ledger::post(app, txn, event, &movements(back, refund)).await?;
    reschedule(app, txn, booking_id, shares.host - still.host).await?;
    if shares == still {
        unschedule(app, txn, booking_id).await?;
    }
    owe(app, txn, booking_id, refund, transaction, reason).await
}

/// Lets a part of the escrow go to those it belongs to.
pub(in crate::domain::payments) async fn hand_over(
    app: &App,
    txn: &impl ConnectionTrait,
    seen: &Escrow,
    part: Shares,
) -> Result<(), Error> {
    let released = seen.released().plus(part);
    let row = table::escrow::ActiveModel {
        booking_id: Unchanged(seen.booking_id),
        host_released_minor: Set(released.host),
        platform_released_minor: Set(released.platform),
        tax_released_minor: Set(released.tax),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    row.update(txn).await?;
    Ok(())
}

/// The guest's money comes from those who had it released to them first, and from the escrow for the rest. What was
/// released too much beyond that returns to the escrow.
fn movements(back: Shares, refund: i64) -> Vec<Movement> {
    let mut left = refund;
    let mut movements = Vec::new();
    for (debit, minor) in
        [(Account::HostPayable, back.host), (Account::PlatformRevenue, back.platform), (Account::TaxPayable, back.tax)]
    {
        let to_guest = min(minor, left);
        left -= to_guest;
        movements.push(Movement { debit, credit: Account::PspClearing, minor: to_guest });
        movements.push(Movement { debit, credit: Account::GuestEscrow, minor: minor - to_guest });
    }
    movements.push(Movement { debit: Account::GuestEscrow, credit: Account::PspClearing, minor: left });
    movements
}

/// Writes down what is owed to the guest, payment by payment, the latest first. Answers with the largest refund.
async fn owe(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    minor: i64,
    transaction: Option<Uuid>,
    reason: &str,
) -> Result<Option<Refund>, Error> {
    use table::payment::Column;
    let payments = table::payment::Entity::find()
        .filter(Column::BookingId.eq(booking_id))
        .filter(Column::State.eq(PaymentState::Succeeded))
        .order_by_desc(Column::Id)
        .all(txn)
        .await?;
    let (mut left, mut largest) = (minor, None::<Refund>);
    for payment in payments {
        let part = min(left, payment.captured_minor - payment.refunded_minor);
        if part == 0 {
            continue;
        }
        left -= part;
        let now = app.clock.now();
        fail_point::reach("escrow.owing").await;
        let owed = table::payment::Entity::update_many()
            .col_expr(Column::RefundedMinor, Expr::col(Column::RefundedMinor).add(part))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::Id.eq(payment.id))
            .filter(Expr::col(Column::RefundedMinor).add(part).lte(Expr::col(Column::CapturedMinor)))
            .exec(txn)
            .await?;
        if owed.rows_affected == 0 {
            return Err(Error::failed(format!("payment {} has no {part} left to refund", payment.id)));
        }
        let row = table::refund::ActiveModel {
            id: Set(app.clock.id()),
            payment_id: Set(payment.id),
            transaction_id: Set(transaction),
            attempt: Set(0),
            amount_minor: Set(part),
            state: Set(RefundState::Pending),
            reason: Set(reason.to_owned()),
            provider_reference: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
        };
        fail_point::reach("escrow.refunding").await;
        let refund = row.insert(txn).await?;
        if largest.as_ref().is_none_or(|largest| refund.amount_minor > largest.amount_minor) {
            largest = Some(refund);
        }
    }
    if left != 0 {
        return Err(Error::failed(format!("the payments of booking {booking_id} lack {left} of a refund")));
    }
    Ok(largest)
}

/// Charges a host the penalty for cancelling; it is taken from what they are owed, now or later.
pub async fn penalize(app: &App, txn: &impl ConnectionTrait, booking_id: Uuid, minor: i64) -> Result<(), Error> {
    let Some(escrow) = lock(txn, booking_id).await? else {
        return Err(Error::failed(format!("booking {booking_id} holds no money")));
    };
    let event = Event {
        kind: TransactionKind::Penalty,
        object_id: booking_id,
        booking_id,
        host_id: Some(escrow.host_id),
        currency: &escrow.currency,
    };
    fail_point::reach("escrow.penalizing").await;
    let penalty = Movement { debit: Account::HostPayable, credit: Account::PlatformRevenue, minor };
    ledger::post(app, txn, event, &[penalty]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_back_comes_from_the_host_first() {
        let shares = Shares { host: 100, platform: 20, tax: 5 };
        assert_eq!(shares.giving_back(60), Shares { host: 40, platform: 20, tax: 5 });
        assert_eq!(shares.giving_back(110), Shares { host: 0, platform: 10, tax: 5 });
        assert_eq!(shares.giving_back(125), Shares::default());
    }

    #[test]
    fn nobody_has_less_than_nothing_and_the_sum_stays() {
        let shares = Shares { host: -30, platform: 20, tax: 15 };
        assert_eq!(shares.settled(), Shares { host: 0, platform: 0, tax: 5 });
        let fine = Shares { host: 1, platform: 0, tax: 2 };
        assert_eq!(fine.settled(), fine);
    }

    #[test]
    fn a_refund_takes_from_those_who_were_paid_and_then_from_the_escrow() {
        let back = Shares { host: 30, platform: 5, tax: 0 };
        let moved = |refund: i64| {
            let movements = movements(back, refund).into_iter().filter(|movement| movement.minor > 0);
            movements.map(|movement| (movement.debit, movement.credit, movement.minor)).collect::<Vec<_>>()
        };
        use Account::{GuestEscrow, HostPayable, PlatformRevenue, PspClearing};
        assert_eq!(
            moved(50),
            [(HostPayable, PspClearing, 30), (PlatformRevenue, PspClearing, 5), (GuestEscrow, PspClearing, 15)]
        );
        assert_eq!(
            moved(10),
            [(HostPayable, PspClearing, 10), (HostPayable, GuestEscrow, 20), (PlatformRevenue, GuestEscrow, 5)]
        );
    }
}
