//! Closing an alteration that was not agreed on or not paid in time, or whose booking closed first.

use super::row::set_state;
use crate::domain::bookings::event::{ActedBy, EventKind};
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::state::{AlterationState, BookingState};
use crate::domain::bookings::{Alteration, Booking};
use crate::domain::error::Error;
use crate::domain::listings;
use crate::platform::App;

/// Closes an alteration that was never applied, and releases the extra nights that it holds. No effect if booking or
/// alteration changed since they were read.
pub(super) async fn close_alteration(
    app: &App,
    booking: &Booking,
    alteration: &Alteration,
    state: AlterationState,
) -> Result<(), Error> {
    let txn = app.db.begin_write().await?;
    // When the booking is closed, its own notice is enough.
    if !booking.state.is_closed() {
        let is_declined = state == AlterationState::Declined;
        let kind = if is_declined { EventKind::AlterationUnpaid } else { EventKind::AlterationExpired };
        let mut transition = Transition::new(booking.state, kind, ActedBy::SYSTEM);
        transition.details.alteration_id = Some(alteration.id);
        if apply(app, &txn, booking, transition).await?.is_none() {
            return Ok(());
        }
    }
    if !set_state(app, &txn, alteration, state).await? {
        return Ok(());
    }
    // After a cancellation by the host, the nights of the booking are blocks, and its extra nights were released.
    if alteration.state == AlterationState::Paying && booking.state != BookingState::CancelledByHost {
        let preparation = booking.preparation_nights.unsigned_abs();
        listings::release_extra_nights(&txn, booking.id, booking.stay()?, preparation).await?;
    }
    Ok(txn.commit().await?)
}
