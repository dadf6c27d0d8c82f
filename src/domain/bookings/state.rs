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
