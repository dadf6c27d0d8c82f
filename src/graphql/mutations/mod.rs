//! Mutations and their inputs and payloads.

pub(super) mod bookings;
pub(super) mod listings;
pub(super) mod users;
