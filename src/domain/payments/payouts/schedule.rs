//! Scheduling the payouts of a booking when it is confirmed, and adjusting them when the host's share changes.

use std::cmp::max;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::record::{enqueue_pay_out, list_for_booking};
use crate::domain::error::Error;
use crate::domain::payments::status::PayoutState;
use crate::domain::payments::{escrow, table};
use crate::kernel::money::allocate;
use crate::platform::{App, fail_point};

/// When one payout of a booking is due, and how large it is relative to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayoutSlot {
    /// When the payout is released from escrow.
    pub release_at: DateTime<Utc>,
    /// Its weight relative to the weights of the other slots.
    pub weight: i64,
}

/// Schedules, in the caller's transaction, the payouts that pay a host `minor` for a booking. It replaces scheduled
/// payouts that are not released yet. Each released payout uses up one slot, from the first on.
pub async fn schedule_payouts(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    host_id: Uuid,
    currency: &str,
    minor: i64,
    slots: &[PayoutSlot],
) -> Result<(), Error> {
    let now = app.clock.now();
    fail_point::reach("payout.scheduling").await;
    let existing = list_for_booking(txn, booking_id).await?;
    let released_count = existing.iter().filter(|payout| payout.released_at.is_some()).count();
    let held = existing.iter().find(|payout| payout.state == PayoutState::OnHold && payout.released_at.is_none());
    table::payout::Entity::delete_many()
        .filter(table::payout::Column::BookingId.eq(booking_id))
        .filter(table::payout::Column::ReleasedAt.is_null())
        .exec(txn)
        .await?;
    let last = slots.last().map(|slot| PayoutSlot { release_at: max(slot.release_at, now), weight: 1 });
    let mut slots = slots.get(released_count..).unwrap_or_default().to_vec();
    if slots.is_empty() {
        slots.extend(last);
    }
    // The escrow's released share, not the sum of the released payouts: a refund may have taken part of them back.
    let released_minor = escrow::lock(txn, booking_id).await?.map_or(0, |escrow| escrow.released().host);
    let parts = allocate(max(0, minor - released_minor), &allocation_weights(slots.iter().map(|slot| slot.weight)));
    let installments = i32::try_from(released_count + slots.len()).unwrap_or(i32::MAX);
    for ((slot, part), number) in slots.iter().zip(parts).zip(released_count + 1..) {
        let row = table::payout::ActiveModel {
            id: Set(app.clock.new_id()),
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
        enqueue_pay_out(app, txn, payout.id, payout.release_at).await?;
    }
    Ok(())
}

/// Changes the amounts of a booking's unreleased payouts so that they sum to `minor`, in proportion to what they were.
pub(in crate::domain::payments) async fn reschedule_payouts(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    minor: i64,
) -> Result<(), Error> {
    fail_point::reach("payout.rescheduling").await;
    let mut unreleased = list_for_booking(txn, booking_id).await?;
    unreleased.retain(|payout| payout.released_at.is_none());
    let parts = allocate(minor, &allocation_weights(unreleased.iter().map(|payout| payout.amount_minor)));
    for (payout, part) in unreleased.iter().zip(parts) {
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

/// Cancels the unreleased payouts of a booking that was never charged or that has nothing left to pay out.
pub async fn unschedule_payouts(app: &App, txn: &impl ConnectionTrait, booking_id: Uuid) -> Result<(), Error> {
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

/// Weights with a positive sum. If all weights are zero, the last one becomes 1, so the last slot gets everything.
fn allocation_weights(given: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut weights: Vec<i64> = given.collect();
    if weights.iter().sum::<i64>() == 0
        && let Some(last) = weights.last_mut()
    {
        *last = 1;
    }
    weights
}
