//! Closing a booking: one whose payment was not completed, or one that was paid and is closed before its stay is over.

use chrono::Days;
use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::permission::require_paid_in_full;
use super::transition::{Transition, apply};
use crate::domain::bookings::Booking;
use crate::domain::bookings::cancellation::record::Cancellation;
use crate::domain::bookings::cancellation::{Canceller, settle};
use crate::domain::bookings::deadlines::FOLLOW_UP_DELAY;
use crate::domain::bookings::event::{ActedBy, EventDetails, EventKind};
use crate::domain::bookings::state::{Actor, BookingState};
use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::payments::{self, NewRefund, Refund};
use crate::platform::idempotency::IdempotencyKey;
use crate::platform::{App, fail_point};

/// Closes a booking that was never confirmed, or whose charge was refused, and releases its nights. The next advance
/// releases its payment.
pub(in crate::domain::bookings) async fn close_unpaid(
    app: &App,
    booking: &Booking,
    to: BookingState,
    kind: EventKind,
) -> Result<(), Error> {
    let txn = app.db.begin_write().await?;
    let mut transition = Transition::new(to, kind, ActedBy::SYSTEM);
    transition.advance_at = vec![app.clock.now() + FOLLOW_UP_DELAY];
    if apply(app, &txn, booking, transition).await?.is_some() {
        fail_point::reach("close.releasing").await;
        listings::release_claims(&txn, booking.id, booking.check_in, false).await?;
        payments::unschedule_payouts(app, &txn, booking.id).await?;
        fail_point::reach("close.committing").await;
        txn.commit().await?;
        fail_point::reach("close.committed").await;
        app.queue.wake();
    }
    Ok(())
}

/// Who cancels, when a person in this role does. `chosen_refund` is the refund that staff chose, in minor units. Guests
/// and hosts cannot choose.
pub(in crate::domain::bookings) fn canceller_in_role(
    booking: &Booking,
    actor: Actor,
    chosen_refund: Option<i64>,
) -> Canceller {
    match actor {
        Actor::Guest => Canceller::Guest,
        Actor::Host => Canceller::Host,
        Actor::Platform | Actor::System => {
            let refund = chosen_refund.map(|chosen| chosen.saturating_add(booking.refunded_minor));
            Canceller::Platform { refund }
        }
    }
}

/// Computes how the money of a booking is shared if it is cancelled now.
pub(in crate::domain::bookings) fn compute_cancellation(
    app: &App,
    booking: &Booking,
    canceller: Canceller,
    note: Option<String>,
) -> Result<Cancellation, Error> {
    let now = app.clock.now();
    let quote = booking.quote()?;
    let terms = quote.terms(app, booking.created_at, booking.confirmed_at);
    let refunded = booking.refunded_minor;
    Ok(Cancellation::from_settlement(settle(&terms, canceller, now), refunded, now, note))
}

/// How a booking that was paid for is closed before its stay is over.
pub(in crate::domain::bookings) struct EarlyClose {
    pub to: BookingState,
    pub kind: EventKind,
    pub by: ActedBy,
    /// Whether the released nights are blocked for other guests.
    pub blocks_nights: bool,
}

impl EarlyClose {
    /// A cancellation. The nights of a host who cancels become blocks, so that they cannot be sold to another guest.
    pub(in crate::domain::bookings) fn cancellation(by: ActedBy) -> Self {
        let (to, blocks_nights) = match by.actor {
            Actor::Guest => (BookingState::CancelledByGuest, false),
            Actor::Host => (BookingState::CancelledByHost, true),
            Actor::Platform | Actor::System => (BookingState::CancelledByPlatform, false),
        };
        EarlyClose { to, kind: EventKind::Cancel, by, blocks_nights }
    }
}

/// Closes a booking that was paid for: state, nights, shares and the owed refund change in one transaction. None if
/// another transition was committed since the booking was read; then nothing is changed. Otherwise the refund that is
/// owed, if any.
pub(in crate::domain::bookings) async fn close_paid(
    app: &App,
    booking: &Booking,
    close: EarlyClose,
    cancellation: &Cancellation,
) -> Result<Option<Option<Refund>>, Error> {
    let mut transition = Transition::new(close.to, close.kind, close.by);
    transition.change.cancellation = Set(Some(serde_json::to_value(cancellation).map_err(Error::failed)?));
    let refund_id = app.clock.new_id();
    transition.details = EventDetails {
        note: cancellation.note.clone(),
        refund_id: (cancellation.refund > 0).then_some(refund_id),
        ..EventDetails::default()
    };
    transition.advance_at = vec![cancellation.at + FOLLOW_UP_DELAY];
    let txn = app.db.begin_write().await?;
    if apply(app, &txn, booking, transition).await?.is_none() {
        return Ok(None);
    }
    // A refund goes back to the card that was charged, so all of the price has to be charged before it is refunded.
    fail_point::reach("cancel.locking").await;
    if close.by.user_id.is_some() {
        require_paid_in_full(&txn, booking).await?;
    }
    fail_point::reach("cancel.releasing").await;
    // The extra nights that an alteration was holding never belonged to the booking, so they are released, not blocked.
    listings::release_extra_nights(&txn, booking.id, booking.stay()?, booking.preparation_nights.unsigned_abs())
        .await?;
    // The nights that have begun stay claimed.
    let first = booking.check_in.checked_add_days(Days::new(cancellation.nights_stayed.unsigned_abs()));
    listings::release_claims(&txn, booking.id, first.unwrap_or(booking.check_out), close.blocks_nights).await?;
    fail_point::reach("cancel.settling").await;
    let new = NewRefund { id: refund_id, reason: &cancellation.explanation, note: cancellation.note.as_deref() };
    let refund = payments::settle_shares(app, &txn, booking.id, cancellation.shares(), new).await?;
    if let Some(penalty) = cancellation.host_penalty {
        payments::charge_penalty(app, &txn, booking.id, penalty).await?;
    }
    let subject: Vec<Uuid> = [booking.id].into_iter().chain(refund.as_ref().map(|refund| refund.id)).collect();
    app.idempotency_key.record(&txn, &subject).await?;
    fail_point::reach("cancel.committing").await;
    txn.commit().await?;
    Ok(Some(refund))
}

/// Cancels a booking in the name of the platform and refunds everything, after a charge was refused.
pub(in crate::domain::bookings) async fn cancel_by_platform(
    app: &App,
    booking: &Booking,
    kind: EventKind,
) -> Result<(), Error> {
    // The request that is running may have found the failure, but its idempotency key must not be recorded for this.
    let app = &app.with_idempotency_key(IdempotencyKey::default());
    // The part of the price that was never charged cannot be refunded.
    let escrow = payments::lock_escrow(app.db.write(), booking.id).await?;
    let held = escrow.map_or(0, |escrow| escrow.shares().sum());
    let everything = Canceller::Platform { refund: None };
    let cancellation = compute_cancellation(app, booking, everything, None)?.after_refused_charge(held);
    let close = EarlyClose { to: BookingState::CancelledByPlatform, kind, by: ActedBy::SYSTEM, blocks_nights: false };
    close_paid(app, booking, close, &cancellation).await?;
    Ok(())
}
