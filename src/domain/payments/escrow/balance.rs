//! The escrow's row of a booking: locking it, adding a charge, and subtracting what is released.

use std::cmp::min;

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, QuerySelect};
use uuid::Uuid;

use super::shares::Shares;
use crate::domain::error::Error;
use crate::domain::payments::ledger::{self, Movement, TransactionHeader};
use crate::domain::payments::status::{Account, TransactionKind};
use crate::domain::payments::{Payment, table};
use crate::platform::{App, fail_point};

pub use table::escrow::Model as Escrow;

impl Escrow {
    /// How the money that was not refunded is divided, whether it was released or not.
    pub fn shares(&self) -> Shares {
        Shares { host: self.host_minor, platform: self.platform_minor, tax: self.tax_minor }
    }

    /// What has left the escrow already.
    pub(in crate::domain::payments) fn released(&self) -> Shares {
        Shares { host: self.host_released_minor, platform: self.platform_released_minor, tax: self.tax_released_minor }
    }
}

/// Loads the escrow of a booking and locks it until the transaction ends. `None` before the guest's first charge.
pub async fn lock(txn: &impl ConnectionTrait, booking_id: Uuid) -> Result<Option<Escrow>, Error> {
    Ok(table::escrow::Entity::find_by_id(booking_id).lock_exclusive().one(txn).await?)
}

/// Adds a captured payment to the escrow of its booking, in the transaction that records the capture.
pub(in crate::domain::payments) async fn receive_charge(
    app: &App,
    txn: &impl ConnectionTrait,
    payment: &Payment,
) -> Result<(), Error> {
    let host_id = payment.host_id.ok_or_else(|| Error::failed(format!("payment {} has no host", payment.id)))?;
    fail_point::reach("escrow.receiving").await;
    let seen = lock(txn, payment.booking_id).await?;
    let added = Shares { host: payment.host_minor, platform: payment.platform_minor, tax: payment.tax_minor };
    let shares = seen.as_ref().map(Escrow::shares).unwrap_or_default().plus(added).without_negatives();
    // An alteration may lower one share although the guest pays more. More than the new share may be released already.
    let released = seen.as_ref().map(Escrow::released).unwrap_or_default();
    let returned = released.excess_over(shares);
    upsert(app, txn, payment, host_id, seen, shares, released.minus(returned)).await?;
    let header = TransactionHeader {
        kind: TransactionKind::Capture,
        object_id: payment.id,
        booking_id: payment.booking_id,
        host_id: Some(host_id),
        currency: &payment.currency,
    };
    let captured = Movement { debit: Account::PspClearing, credit: Account::GuestEscrow, minor: payment.amount_minor };
    let mut movements = vec![captured];
    movements.extend(returning_movements(returned, 0));
    ledger::post(app, txn, header, &movements).await?;
    Ok(())
}

async fn upsert(
    app: &App,
    txn: &impl ConnectionTrait,
    payment: &Payment,
    host_id: Uuid,
    seen: Option<Escrow>,
    shares: Shares,
    released: Shares,
) -> Result<(), Error> {
    let now = app.clock.now();
    let row = table::escrow::ActiveModel {
        booking_id: Set(payment.booking_id),
        host_id: Set(host_id),
        currency: Set(payment.currency.clone()),
        paid_minor: Set(seen.as_ref().map_or(0, |seen| seen.paid_minor) + payment.amount_minor),
        refunded_minor: Set(seen.as_ref().map_or(0, |seen| seen.refunded_minor)),
        host_minor: Set(shares.host),
        platform_minor: Set(shares.platform),
        tax_minor: Set(shares.tax),
        host_released_minor: Set(released.host),
        platform_released_minor: Set(released.platform),
        tax_released_minor: Set(released.tax),
        created_at: Set(seen.as_ref().map_or(now, |seen| seen.created_at)),
        updated_at: Set(now),
    };
    match seen {
        None => table::escrow::Entity::insert(row).exec_without_returning(txn).await.map(|_| ())?,
        Some(_) => row.update(txn).await.map(|_| ())?,
    }
    Ok(())
}

/// Records that `part` leaves the escrow for its owners. The caller posts the ledger transaction.
pub(in crate::domain::payments) async fn release_shares(
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

/// The ledger movements that take `returned` back from its owners and refund `refund_minor` to the guest. The refund is
/// paid from what is taken back, and from the escrow for the rest. What is taken back beyond the refund returns to the
/// escrow.
pub(in crate::domain::payments) fn returning_movements(returned: Shares, refund_minor: i64) -> Vec<Movement> {
    let mut left = refund_minor;
    let mut movements = Vec::new();
    for (debit, minor) in [
        (Account::HostPayable, returned.host),
        (Account::PlatformRevenue, returned.platform),
        (Account::TaxPayable, returned.tax),
    ] {
        let to_guest = min(minor, left);
        left -= to_guest;
        movements.push(Movement { debit, credit: Account::PspClearing, minor: to_guest });
        movements.push(Movement { debit, credit: Account::GuestEscrow, minor: minor - to_guest });
    }
    movements.push(Movement { debit: Account::GuestEscrow, credit: Account::PspClearing, minor: left });
    movements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_is_paid_from_released_shares_first_and_then_from_the_escrow() {
        let returned = Shares { host: 30, platform: 5, tax: 0 };
        let moved = |refund_minor: i64| {
            let movements = returning_movements(returned, refund_minor).into_iter();
            let movements = movements.filter(|movement| movement.minor > 0);
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
