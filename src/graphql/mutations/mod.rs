//! Mutations with their inputs and payloads, one file per family.

pub(super) mod alterations;
pub(super) mod bookings;
mod listing_inputs;
pub(super) mod listings;
pub(super) mod notifications;
pub(super) mod payload;
pub(super) mod payouts;
pub(super) mod quotes;
pub(super) mod reviews;
pub(super) mod users;
