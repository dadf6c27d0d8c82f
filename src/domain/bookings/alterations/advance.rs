//! Advancing the alterations of a booking, and closing them when the booking is closed.

use super::difference::{capture_after_stay, capture_or_cancel, collect_difference, release_difference};
use super::expire::close_alteration;
use super::read::load_alterations;
use crate::domain::bookings::Booking;
use crate::domain::bookings::state::AlterationState;
use crate::domain::error::Error;
use crate::platform::App;

/// Advances every alteration of a booking. Returns true if the booking may have changed and has to be read again.
/// Repeating the call changes nothing.
///
/// Fails when the processor does not answer and the alteration depends on the answer.
pub(in crate::domain::bookings) async fn advance(app: &App, booking: &Booking) -> Result<bool, Error> {
    for alteration in load_alterations(app.db.read(), booking.id).await? {
        let is_expired = alteration.expires_at <= app.clock.now();
        let is_changed = match alteration.state {
            AlterationState::Pending if is_expired => {
                close_alteration(app, booking, &alteration, AlterationState::Expired).await?;
                true
            }
            AlterationState::Pending => false,
            AlterationState::Paying => collect_difference(app, booking, &alteration, is_expired).await?,
            AlterationState::Accepted => capture_or_cancel(app, booking, &alteration).await?,
            AlterationState::Declined | AlterationState::Withdrawn | AlterationState::Expired => {
                release_difference(app, booking, &alteration).await?;
                false
            }
        };
        if is_changed {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Closes the open alterations of a closed booking, and releases or captures what was authorized for them.
pub(in crate::domain::bookings) async fn close_all(app: &App, booking: &Booking) -> Result<(), Error> {
    for alteration in load_alterations(app.db.read(), booking.id).await? {
        match alteration.state {
            AlterationState::Pending | AlterationState::Paying => {
                close_alteration(app, booking, &alteration, AlterationState::Expired).await?;
                release_difference(app, booking, &alteration).await?;
            }
            AlterationState::Accepted => capture_after_stay(app, booking, &alteration).await?,
            _ => release_difference(app, booking, &alteration).await?,
        }
    }
    Ok(())
}
