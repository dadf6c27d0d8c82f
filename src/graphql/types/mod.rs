//! The types of the schema, one file per family. Files of this folder may import each other, because the graph of the
//! schema is cyclic.

pub(super) mod alterations;
pub(super) mod booking_events;
pub(super) mod booking_filters;
pub(super) mod bookings;
pub(super) mod calendar;
pub(super) mod cancellations;
pub(super) mod connections;
pub(super) mod listings;
pub(super) mod node;
pub(super) mod notifications;
pub(super) mod payments;
pub(super) mod payouts;
pub(super) mod prices;
pub(super) mod pricing;
pub(super) mod quotes;
pub(super) mod rate_limit;
pub(super) mod ratings;
pub(super) mod reviews;
pub(super) mod search;
pub(super) mod stays;
pub(super) mod user_errors;
pub(super) mod users;
