//! Whether an alteration can be answered now, and why not.

use super::row::{REFUNDED_MORE, moves_arrival_after_check_in};
use crate::domain::bookings::allowed_actions::{AlterationAction, allowed_alteration_actions};
use crate::domain::bookings::quotes::quote::Quote;
use crate::domain::bookings::state::AlterationState;
use crate::domain::bookings::{Alteration, Booking, read};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// What the viewer can do with the alteration of the booking now.
pub fn available_actions(
    app: &App,
    viewer: &Viewer,
    booking: &Booking,
    alteration: &Alteration,
) -> Result<Vec<AlterationAction>, Error> {
    let Some(actor) = read::viewer_role(viewer, booking) else { return Ok(Vec::new()) };
    if booking.state.is_closed() || !waits_for_answer(app, alteration) {
        return Ok(Vec::new());
    }
    let mut actions = allowed_alteration_actions(actor, alteration.requested_as).to_vec();
    if why_impossible(booking, &alteration.quote()?).is_some() {
        actions.retain(|action| *action != AlterationAction::Accept);
    }
    Ok(actions)
}

/// Whether the other side has not answered the alteration yet and still can.
pub(in crate::domain::bookings) fn waits_for_answer(app: &App, alteration: &Alteration) -> bool {
    alteration.state == AlterationState::Pending && app.clock.now() < alteration.expires_at
}

/// Why the stay of the quote cannot replace that of the open booking. None if it can.
pub(in crate::domain::bookings) fn why_impossible(booking: &Booking, quote: &Quote) -> Option<&'static str> {
    if moves_arrival_after_check_in(booking, quote) {
        Some("the guest has checked in; the check-in date cannot change any more")
    } else if quote.price.total < booking.refunded_minor {
        Some(REFUNDED_MORE)
    } else {
        None
    }
}
