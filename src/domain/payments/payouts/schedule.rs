//! When a host will be paid for a booking: written down when it is confirmed, and fitted to what it comes to.

use std::cmp::max;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::send::{PAY_OUT, of_booking};
use crate::domain::error::Error;
use crate::domain::payments::escrow::settlement;
use crate::domain::payments::status::PayoutState;
use crate::domain::payments::table;
use crate::kernel::money::allocate;
use crate::platform::queue::{NewJob, enqueue};
use crate::platform::{App, fail_point};

/// When a part of a host's earnings is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it is released.
    pub release_at: DateTime<Utc>,
    /// Its part of the whole, against the other slots' weights.
    pub weight: i64,
}

/// Writes down, in the caller's transaction, when a host will be paid `minor` for a booking. What was scheduled before
/// and is not released yet gives way; what was released counts as the first of the slots.
pub async fn schedule(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    host_id: Uuid,
    currency: &str,
    minor: i64,
    slots: &[Slot],
) -> Result<(), Error> {
    let now = app.clock.now();
    fail_point::reach("payout.scheduling").await;
    let known = of_booking(txn, booking_id).await?;
    let released: Vec<_> = known.iter().filter(|payout| payout.released_at.is_some()).collect();
    let held = known.iter().find(|payout| payout.state == PayoutState::OnHold && payout.released_at.is_none());
    table::payout::Entity::delete_many()
        .filter(table::payout::Column::BookingId.eq(booking_id))
        .filter(table::payout::Column::ReleasedAt.is_null())
        .exec(txn)
        .await?;
    let last = slots.last().map(|slot| Slot { release_at: max(slot.release_at, now), weight: 1 });
    let mut slots = slots.get(released.len()..).unwrap_or_default().to_vec();
    if slots.is_empty() {
        slots.extend(last);
    }
    // Not the released payouts' sum: a refund may have taken a part of them back.
    let had = settlement::lock(txn, booking_id).await?.map_or(0, |escrow| escrow.released().host);
    let left = minor - had;
    let parts = allocate(max(0, left), &weights(slots.iter().map(|slot| slot.weight)));
    let installments = i32::try_from(released.len() + slots.len()).unwrap_or(i32::MAX);
    for ((slot, part), number) in slots.iter().zip(parts).zip(released.len() + 1..) {
        let row = table::payout::ActiveModel {
            id: Set(app.clock.id()),
            booking_id: Set(booking_id),
            host_id: Set(host_id),
            currency: Set(currency.to_owned()),
            amount_minor: Set(part),
            sent_minor: Set(None),
            state: Set(if held.is_some() { PayoutState::OnHold } else { PayoutState::Scheduled }),
            release_at: Set(slot.release_at),
            released_at: Set(None),
            installment: Set(i32::try_from(number).unwrap_or(i32::MAX)),
            installments: Set(installments),
            attempt: Set(0),
            destination: Set(None),
            failure_reason: Set(held.and_then(|held| held.failure_reason.clone())),
            provider: Set(app.gateway.provider().to_owned()),
            provider_reference: Set(None),
            paid_at: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
        };
        let payout = row.insert(txn).await?;
        enqueue(txn, &app.clock, NewJob::about(PAY_OUT, payout.id, payout.release_at)).await?;
    }
    Ok(())
}

/// Fits what is still scheduled for a booking to what is left of the host's share.
pub(in crate::domain::payments) async fn reschedule(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    left: i64,
) -> Result<(), Error> {
    fail_point::reach("payout.refitting").await;
    let waiting: Vec<_> =
        of_booking(txn, booking_id).await?.into_iter().filter(|payout| payout.released_at.is_none()).collect();
    let parts = allocate(left, &weights(waiting.iter().map(|payout| payout.amount_minor)));
    for (payout, part) in waiting.iter().zip(parts) {
        let change = table::payout::ActiveModel {
            amount_minor: Set(part),
            updated_at: Set(app.clock.now()),
            ..Default::default()
        };
        table::payout::Entity::update_many()
            .set(change)
            .filter(table::payout::Column::Id.eq(payout.id))
            .exec(txn)
            .await?;
    }
    Ok(())
}

/// Gives up what was scheduled for a booking that was never charged, or that has nothing left to be paid.
pub async fn unschedule(app: &App, txn: &impl ConnectionTrait, booking_id: Uuid) -> Result<(), Error> {
    let change = table::payout::ActiveModel {
        amount_minor: Set(0),
        state: Set(PayoutState::Cancelled),
        updated_at: Set(app.clock.now()),
        ..Default::default()
    };
    table::payout::Entity::update_many()
        .set(change)
        .filter(table::payout::Column::BookingId.eq(booking_id))
        .filter(table::payout::Column::ReleasedAt.is_null())
        .exec(txn)
        .await?;
    Ok(())
}

/// Weights that can be divided by: when all are nothing, the last takes everything.
fn weights(given: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut weights: Vec<i64> = given.collect();
    if weights.iter().sum::<i64>() == 0
        && let Some(last) = weights.last_mut()
    {
        *last = 1;
    }
    weights
}
