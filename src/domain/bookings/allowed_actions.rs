//! The tables of allowed actions: who can do what with a booking, by its state and the time, and who can answer an
//! alteration.

use serde::{Deserialize, Serialize};

use super::state::{Actor, BookingState};

/// Something that a person can do with a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Continue a payment for which the bank asked the guest to act.
    ConfirmPayment,
    /// Withdraw a request.
    Withdraw,
    /// Accept a request.
    Accept,
    /// Decline a request.
    Decline,
    /// Cancel the booking.
    Cancel,
    /// Request another stay in place of the booked one.
    RequestAlteration,
    /// Report that the guest did not arrive.
    ReportNoShow,
    /// Record that the guest has arrived.
    CheckIn,
    /// Record that the guest has left.
    CheckOut,
    /// Review the other side.
    Review,
}

impl Action {
    /// The name of the action in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::ConfirmPayment => "CONFIRM_PAYMENT",
            Action::Withdraw => "WITHDRAW",
            Action::Accept => "ACCEPT",
            Action::Decline => "DECLINE",
            Action::Cancel => "CANCEL",
            Action::RequestAlteration => "REQUEST_ALTERATION",
            Action::ReportNoShow => "REPORT_NO_SHOW",
            Action::CheckIn => "CHECK_IN",
            Action::CheckOut => "CHECK_OUT",
            Action::Review => "REVIEW",
        }
    }
}

/// What the current time means for a booking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeFacts {
    /// The day of check-in has begun in the listing's time zone.
    pub is_arrival_day: bool,
    /// The guest is late enough to be reported as a no-show, and neither side has recorded their arrival.
    pub is_guest_missing: bool,
}

/// The table of allowed actions: what `actor` can do with a booking in `state`, given the current time.
pub fn allowed_actions(state: BookingState, actor: Actor, time: TimeFacts) -> Vec<Action> {
    use Action::{
        Accept, Cancel, CheckIn, CheckOut, ConfirmPayment, Decline, ReportNoShow, RequestAlteration, Withdraw,
    };
    use Actor::{Guest, Host, Platform};
    let mut actions = match (state, actor) {
        (BookingState::PendingPayment, Guest) => vec![ConfirmPayment],
        (BookingState::Requested, Guest) => vec![Withdraw],
        (BookingState::Requested, Host) => vec![Accept, Decline],
        (BookingState::Confirmed, Guest) => vec![Cancel, RequestAlteration, CheckIn],
        (BookingState::Confirmed, Host) => vec![Cancel, RequestAlteration, CheckIn, ReportNoShow],
        (BookingState::CheckedIn, Guest) => vec![Cancel, RequestAlteration, CheckOut],
        (BookingState::CheckedIn, Host) => vec![Cancel, RequestAlteration, CheckOut, ReportNoShow],
        (BookingState::Confirmed | BookingState::CheckedIn, Platform) => vec![Cancel],
        _ => Vec::new(),
    };
    actions.retain(|action| match action {
        CheckIn => time.is_arrival_day,
        ReportNoShow => time.is_guest_missing,
        _ => true,
    });
    actions
}

/// Something that a person can do with an alteration that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterationAction {
    /// Agree to it.
    Accept,
    /// Refuse it.
    Decline,
    /// Take it back.
    Withdraw,
}

/// The table of allowed actions on an alteration that waits for an answer: what `actor` can do with it if
/// `requested_as` requested it.
pub fn allowed_alteration_actions(actor: Actor, requested_as: Actor) -> &'static [AlterationAction] {
    use AlterationAction::{Accept, Decline, Withdraw};
    match actor {
        Actor::Guest | Actor::Host if actor == requested_as => &[Withdraw],
        Actor::Guest | Actor::Host => &[Accept, Decline],
        Actor::Platform | Actor::System => &[],
    }
}
