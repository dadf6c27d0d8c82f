//! The types of the schema, one file a family. Files here may import each other: the graph is cyclic.

pub(super) mod alterations;
pub(super) mod booking_events;
pub(super) mod bookings;
pub(super) mod calendar;
pub(super) mod cancellations;
pub(super) mod listings;
pub(super) mod notifications;
pub(super) mod payments;
pub(super) mod payouts;
pub(super) mod prices;
pub(super) mod pricing;
pub(super) mod quotes;
pub(super) mod ratings;
pub(super) mod reviews;
pub(super) mod search;
pub(super) mod stays;
pub(super) mod users;
