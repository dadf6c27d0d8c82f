//! The enumerations of listings and of their nights, most of them as stored in the database.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The status of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ListingStatus {
    /// A draft. Only the host and the staff see it.
    Draft,
    /// Waiting for the approval of the marketplace. No operation sets this yet.
    InReview,
    /// Everyone can find and book it.
    Published,
    /// Taken off the market by its host.
    Unlisted,
    /// Taken off the market by the marketplace. No operation sets this yet.
    Suspended,
    /// Deleted. The row remains for its past bookings.
    Deleted,
}

/// The part of the place that guests have for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RoomType {
    /// The whole place.
    EntirePlace,
    /// A room of their own; other rooms are shared.
    PrivateRoom,
    /// A bed in a shared room.
    SharedRoom,
    /// A room in a hotel.
    HotelRoom,
}

/// Whether a paid booking is confirmed at once or waits for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingMode {
    /// Confirmed at once.
    Instant,
    /// Confirmed when the host accepts.
    Request,
    /// Confirmed at once for guests with a verified e-mail address. For others it waits for the host.
    InstantForVerified,
}

/// The reason why a night is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClaimKind {
    /// A booking that is not confirmed yet. The night is free once the claim expires.
    Hold,
    /// A confirmed booking.
    Stay,
    /// The host's preparation time after a booking.
    Preparation,
    /// A block by the host.
    Block,
    /// A block from an import.
    ImportedBlock,
    /// An event of an external calendar.
    External,
}

/// The state of one night of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NightState {
    /// The night can be booked.
    Free,
    /// A confirmed booking has the night.
    Booked,
    /// A booking that is not confirmed yet has the night until its hold expires.
    Held,
    /// The host has blocked the night.
    BlockedByHost,
    /// An external calendar has blocked the night. No operation sets this yet.
    BlockedByCalendar,
    /// The night remains empty after a booking and cannot be booked.
    Preparation,
    /// The night is in the past or beyond the booking window.
    OutsideWindow,
}

impl NightState {
    /// The name that the API and the logs use.
    pub fn as_str(self) -> &'static str {
        match self {
            NightState::Free => "FREE",
            NightState::Booked => "BOOKED",
            NightState::Held => "HELD",
            NightState::BlockedByHost => "BLOCKED_BY_HOST",
            NightState::BlockedByCalendar => "BLOCKED_BY_CALENDAR",
            NightState::Preparation => "PREPARATION",
            NightState::OutsideWindow => "OUTSIDE_WINDOW",
        }
    }
}
