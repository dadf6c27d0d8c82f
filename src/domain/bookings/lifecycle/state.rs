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

/// Where a change of a booking's stay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlterationState {
    /// Waits for the other side.
    Pending,
    /// Agreed; its nights are held while the difference is paid.
    Paying,
    /// The booking is changed.
    Accepted,
    /// Refused by the other side, or by the card.
    Declined,
    /// Taken back by who asked for it.
    Withdrawn,
    /// Nobody answered in time, or the booking ended first.
    Expired,
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
    /// Ask for another stay in place of the one booked.
    RequestAlteration,
    /// Say that the guest never came.
    ReportNoShow,
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

    /// Whether nothing follows from it but reviews and refunds.
    pub fn is_over(self) -> bool {
        use BookingState::{CheckedIn, Confirmed, PendingPayment, Requested};
        !matches!(self, PendingPayment | Requested | Confirmed | CheckedIn)
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
            Action::RequestAlteration => "REQUEST_ALTERATION",
            Action::ReportNoShow => "REPORT_NO_SHOW",
            Action::CheckIn => "CHECK_IN",
            Action::CheckOut => "CHECK_OUT",
            Action::Review => "REVIEW",
        }
    }
}

/// What time has to say about a booking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// The day of arrival has begun at the listing.
    pub arrival_day: bool,
    /// The guest was to come long ago, and nobody has seen them.
    pub missing: bool,
}

/// What `actor` may do with a booking in `state` at that hour.
pub fn allowed(state: BookingState, actor: Actor, hour: Hour) -> Vec<Action> {
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
        CheckIn => hour.arrival_day,
        ReportNoShow => hour.missing,
        _ => true,
    });
    actions
}
