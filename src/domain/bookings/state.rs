//! The states of a booking, who acts on it, and what each may do when.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Where a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingState {
    /// Its nights are held while the guest pays.
    PendingPayment,
    /// Paid for, waiting for the host.
    Requested,
    /// Agreed and paid.
    Confirmed,
    /// The guest has arrived.
    CheckedIn,
    /// The stay is over.
    Completed,
    /// The payment never came.
    PaymentExpired,
    /// The guest took the request back.
    Withdrawn,
    /// The host refused the request.
    Declined,
    /// The host never answered the request.
    RequestExpired,
    /// Cancelled by the guest.
    CancelledByGuest,
    /// Cancelled by the host.
    CancelledByHost,
    /// Cancelled by the marketplace.
    CancelledByPlatform,
    /// The guest never came.
    NoShow,
}

/// Whether a paid booking is confirmed at once or waits for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// Confirmed at once.
    Instant,
    /// Waits for the host.
    Request,
}

/// Who took a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Actor {
    /// The guest.
    Guest,
    /// The host.
    Host,
    /// The marketplace's staff.
    Platform,
    /// The service itself.
    System,
}

/// What can be done with a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Go on with a payment that asked the guest to act.
    ConfirmPayment,
    /// Take a request back.
    Withdraw,
    /// Accept a request.
    Accept,
    /// Refuse a request.
    Decline,
    /// Cancel.
    Cancel,
    /// Say that the guest has arrived.
    CheckIn,
    /// Say that the guest has left.
    CheckOut,
    /// Review the other side.
    Review,
}

impl BookingState {
    /// The word that the API and the database use.
    pub fn word(self) -> String {
        self.to_value()
    }

    /// The state that a word names.
    pub fn from_word(word: &str) -> Option<BookingState> {
        BookingState::try_from_value(&word.to_owned()).ok()
    }
}

impl Action {
    /// The word that the API uses.
    pub fn word(self) -> &'static str {
        match self {
            Action::ConfirmPayment => "CONFIRM_PAYMENT",
            Action::Withdraw => "WITHDRAW",
            Action::Accept => "ACCEPT",
            Action::Decline => "DECLINE",
            Action::Cancel => "CANCEL",
            Action::CheckIn => "CHECK_IN",
            Action::CheckOut => "CHECK_OUT",
            Action::Review => "REVIEW",
        }
    }
}

/// What `actor` may do with a booking in `state`; `arrived` is whether the day of arrival has begun at the listing.
pub fn allowed(state: BookingState, actor: Actor, arrived: bool) -> Vec<Action> {
    use Actor::{Guest, Host, Platform};
    let mut actions = match (state, actor) {
        (BookingState::PendingPayment, Guest) => vec![Action::ConfirmPayment],
        (BookingState::Requested, Guest) => vec![Action::Withdraw],
        (BookingState::Requested, Host) => vec![Action::Accept, Action::Decline],
        (BookingState::Confirmed, Guest | Host) => vec![Action::Cancel, Action::CheckIn],
        (BookingState::CheckedIn, Guest | Host) => vec![Action::Cancel, Action::CheckOut],
        (BookingState::Confirmed | BookingState::CheckedIn, Platform) => vec![Action::Cancel],
        _ => Vec::new(),
    };
    actions.retain(|action| *action != Action::CheckIn || arrived);
    actions
}
