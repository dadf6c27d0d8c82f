//! The states of bookings and alterations, and the roles of the people who act on them.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// State of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingState {
    /// The guest's card is not authorized yet.
    PendingPayment,
    /// The guest's card is authorized. The host has not answered the request yet.
    Requested,
    /// Confirmed. The guest's card is charged after the confirmation.
    Confirmed,
    /// The guest has checked in, or the check-in time has passed.
    CheckedIn,
    /// The guest has checked out, or the check-out time has passed.
    Completed,
    /// The payment failed or was not completed in time, or the nights were lost before the payment was complete.
    PaymentExpired,
    /// The guest withdrew the request.
    Withdrawn,
    /// The host declined the request, or another booking of the same nights was confirmed.
    Declined,
    /// The host did not answer the request in time, or the authorization ended before the host answered.
    RequestExpired,
    /// The guest cancelled after the confirmation, before or after check-in.
    CancelledByGuest,
    /// The host cancelled after the confirmation, before or after check-in.
    CancelledByHost,
    /// Staff cancelled, before or after check-in, or a charge was refused.
    CancelledByPlatform,
    /// The host reported that the guest did not arrive.
    NoShow,
}

/// Whether a booking is confirmed at once or needs the host's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// Confirmed when the guest's card is authorized.
    Instant,
    /// Confirmed when the host accepts the request.
    Request,
}

/// The role in which a person, or the service, acts on a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Actor {
    /// The guest of the booking.
    Guest,
    /// The host of the booking.
    Host,
    /// Staff of the marketplace.
    Platform,
    /// The service itself, without a request of a person.
    System,
}

/// State of an alteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlterationState {
    /// The other side has not answered yet.
    Pending,
    /// Agreed. Its extra nights are held until the difference is authorized.
    Paying,
    /// Applied to the booking.
    Accepted,
    /// Declined by the other side, or the card was declined.
    Declined,
    /// Withdrawn by the side that requested it.
    Withdrawn,
    /// Not answered or not paid in time, its nights were lost, or the booking closed first.
    Expired,
}

impl BookingState {
    /// The name of the state in the API and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            BookingState::PendingPayment => "PENDING_PAYMENT",
            BookingState::Requested => "REQUESTED",
            BookingState::Confirmed => "CONFIRMED",
            BookingState::CheckedIn => "CHECKED_IN",
            BookingState::Completed => "COMPLETED",
            BookingState::PaymentExpired => "PAYMENT_EXPIRED",
            BookingState::Withdrawn => "WITHDRAWN",
            BookingState::Declined => "DECLINED",
            BookingState::RequestExpired => "REQUEST_EXPIRED",
            BookingState::CancelledByGuest => "CANCELLED_BY_GUEST",
            BookingState::CancelledByHost => "CANCELLED_BY_HOST",
            BookingState::CancelledByPlatform => "CANCELLED_BY_PLATFORM",
            BookingState::NoShow => "NO_SHOW",
        }
    }

    /// The state with this name in the API and in the database. None if there is no such state.
    pub fn parse(name: &str) -> Option<BookingState> {
        BookingState::try_from_value(&name.to_owned()).ok()
    }

    /// All states.
    pub fn all() -> impl Iterator<Item = BookingState> {
        use sea_orm::Iterable as _;
        BookingState::iter()
    }

    /// Whether the booking is closed: only reviews and refunds can follow.
    pub fn is_closed(self) -> bool {
        use BookingState::{CheckedIn, Confirmed, PendingPayment, Requested};
        !matches!(self, PendingPayment | Requested | Confirmed | CheckedIn)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable as _;

    use super::*;

    #[test]
    fn every_state_has_one_name_in_the_api_and_in_the_database() {
        for state in BookingState::iter() {
            assert_eq!(state.as_str(), state.to_value());
            assert_eq!(BookingState::parse(state.as_str()), Some(state));
        }
        assert_eq!(BookingState::parse("confirmed"), None);
    }
}
