//! The closed lists of words that describe a listing and its nights.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Where a listing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ListingStatus {
    /// Being written; only the host sees it.
    Draft,
    /// Waiting for the marketplace's approval.
    InReview,
    /// Found and booked by everyone.
    Published,
    /// Taken off the market by its host.
    Unlisted,
    /// Taken off the market by the marketplace.
    Suspended,
    /// Gone; kept for the bookings it had.
    Deleted,
}

/// What a guest has to themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RoomType {
    /// The whole place.
    EntirePlace,
    /// A room, sharing the rest.
    PrivateRoom,
    /// A bed in a shared room.
    SharedRoom,
    /// A room in a hotel.
    HotelRoom,
}

/// Whether a paid booking is confirmed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BookingMode {
    /// At once.
    Instant,
    /// When the host accepts.
    Request,
    /// At once for guests with a verified e-mail address, else when the host accepts.
    InstantForVerified,
}

/// Why a night is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClaimKind {
    /// A booking that is not confirmed yet; free again once it expires.
    Hold,
    /// A confirmed booking.
    Stay,
    /// The host's time to prepare after a booking.
    Preparation,
    /// The host's own block.
    Block,
    /// A block that came with an import.
    ImportedBlock,
    /// An event of an external calendar.
    External,
}
