//! Whether an action is allowed now, and the refusals when it is not.

use sea_orm::ConnectionTrait;

use crate::domain::bookings::Booking;
use crate::domain::bookings::allowed_actions::{Action, TimeFacts, allowed_actions};
use crate::domain::bookings::deadlines::NO_SHOW_DELAY;
use crate::domain::bookings::state::Actor;
use crate::domain::error::{Code, Detail, Error, Refusal};
use crate::domain::payments;
use crate::kernel::local_time::date_in;
use crate::platform::App;

/// What the actor can do with the booking now.
pub(in crate::domain::bookings) fn allowed_now(
    app: &App,
    booking: &Booking,
    actor: Actor,
) -> Result<Vec<Action>, Error> {
    let zone = booking.time_zone.parse();
    let zone = zone.map_err(|_| Error::failed(format!("the time zone of booking {} is unknown", booking.id)))?;
    let now = app.clock.now();
    let time = TimeFacts {
        is_arrival_day: date_in(now, zone) >= booking.check_in,
        is_guest_missing: booking.seen_at.is_none() && now >= booking.check_in_at + NO_SHOW_DELAY,
    };
    Ok(allowed_actions(booking.state, actor, time))
}

/// Refuses the action unless the actor can do it now.
pub(in crate::domain::bookings) fn require_action(
    app: &App,
    booking: &Booking,
    actor: Actor,
    action: Action,
) -> Result<(), Error> {
    let allowed = allowed_now(app, booking, actor)?;
    if allowed.contains(&action) {
        return Ok(());
    }
    Err(state_conflict(booking, &allowed))
}

/// The refusal of an action that is not allowed now. It contains the state of the booking and the allowed actions.
pub(in crate::domain::bookings) fn state_conflict(booking: &Booking, allowed: &[Action]) -> Error {
    let state = booking.state.as_str();
    let allowed = allowed.iter().map(|action| action.as_str().to_owned()).collect();
    let message = format!("not allowed now: the booking is {state}");
    let detail = Detail::State(state.to_owned(), allowed);
    Refusal::at(Code::StateConflict, &["id"], message).with(detail).into()
}

/// The refusal of an action by this actor, with what they can do now.
pub(in crate::domain::bookings) fn conflict_for(app: &App, booking: &Booking, actor: Actor) -> Error {
    match allowed_now(app, booking, actor) {
        Ok(allowed) => state_conflict(booking, &allowed),
        Err(error) => error,
    }
}

/// Refuses while a charge of the booking is not complete: its money can be shared only once all of it is in escrow.
/// Locks the escrow until the transaction ends, so that this stays true.
pub(in crate::domain::bookings) async fn require_paid_in_full(
    txn: &impl ConnectionTrait,
    booking: &Booking,
) -> Result<(), Error> {
    let held = payments::lock_escrow(txn, booking.id).await?.map_or(0, |escrow| escrow.shares().sum());
    if held + booking.refunded_minor == booking.total_minor {
        return Ok(());
    }
    Err(Error::refused(Code::StateConflict, &["id"], "the charge is not complete yet; try again in a minute"))
}
