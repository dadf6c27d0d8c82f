//! What can happen to a booking, and who does it: the contents of the rows of `booking_event`.

use uuid::Uuid;

use super::state::Actor;

/// Who acts on a booking, and in which role.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActedBy {
    pub actor: Actor,
    /// None when the service acts on its own.
    pub user_id: Option<Uuid>,
}

impl ActedBy {
    /// The service itself.
    pub const SYSTEM: ActedBy = ActedBy { actor: Actor::System, user_id: None };
}

/// What happened to a booking. The notices about each kind are in `notices.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(sea_orm::EnumIter))]
pub(super) enum EventKind {
    /// The guest created the booking.
    Create,
    /// The card was authorized, and the request went to the host.
    Request,
    /// The card was authorized, and the booking was confirmed at once.
    Confirm,
    /// The host accepted the request.
    Accept,
    /// The host declined the request, or another booking of the same nights was confirmed.
    Decline,
    /// The nights were booked by somebody else before the payment was complete.
    NightsLost,
    /// The guest withdrew the request.
    Withdraw,
    /// The host did not answer the request in time.
    RequestExpired,
    /// The authorization of the card ended before the host answered.
    AuthorizationLost,
    /// The card was declined.
    PaymentFailed,
    /// The guest did not complete the payment in time.
    PaymentExpired,
    /// Guest, host or staff cancelled the booking.
    Cancel,
    /// The charge of a confirmed booking was refused.
    ChargeRefused,
    /// The host reported that the guest did not arrive.
    NoShow,
    /// The guest checked in, or the check-in time passed.
    CheckIn,
    /// The guest checked out, or the check-out time passed.
    CheckOut,
    /// Host or staff refunded money outside of a cancellation.
    Refund,
    /// One side requested an alteration.
    RequestAlteration,
    /// The other side agreed to an alteration whose difference is still to be paid.
    AgreeAlteration,
    /// An alteration was applied.
    Alter,
    /// The other side declined an alteration.
    DeclineAlteration,
    /// The side that requested an alteration withdrew it.
    WithdrawAlteration,
    /// An alteration was not answered or not paid in time, or it could not be applied any more.
    AlterationExpired,
    /// The card was declined for the difference of an alteration.
    AlterationUnpaid,
}

impl EventKind {
    /// The value of the column `action`, which the API shows as `BookingEvent.action`.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Create => "create",
            EventKind::Request => "request",
            EventKind::Confirm => "confirm",
            EventKind::Accept => "accept",
            EventKind::Decline => "decline",
            EventKind::NightsLost => "nights_lost",
            EventKind::Withdraw => "withdraw",
            EventKind::RequestExpired => "request_expired",
            EventKind::AuthorizationLost => "authorization_lost",
            EventKind::PaymentFailed => "payment_failed",
            EventKind::PaymentExpired => "payment_expired",
            EventKind::Cancel => "cancel",
            EventKind::ChargeRefused => "charge_refused",
            EventKind::NoShow => "no_show",
            EventKind::CheckIn => "check_in",
            EventKind::CheckOut => "check_out",
            EventKind::Refund => "refund",
            EventKind::RequestAlteration => "request_alteration",
            EventKind::AgreeAlteration => "agree_alteration",
            EventKind::Alter => "alter",
            EventKind::DeclineAlteration => "decline_alteration",
            EventKind::WithdrawAlteration => "withdraw_alteration",
            EventKind::AlterationExpired => "alteration_expired",
            EventKind::AlterationUnpaid => "alteration_unpaid",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sea_orm::Iterable as _;

    use super::*;

    #[test]
    fn no_two_kinds_of_events_are_stored_under_one_name() {
        let names: HashSet<&str> = EventKind::iter().map(EventKind::as_str).collect();
        assert_eq!(names.len(), EventKind::iter().count());
    }
}
