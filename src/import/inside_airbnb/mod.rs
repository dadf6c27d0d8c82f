//! Reads snapshots of Inside Airbnb: files of listings, reviews and calendars, in every layout since 2015.

mod amenities;
mod amount;
mod calendar;
#[cfg(test)]
mod fixture;
mod header;
mod listing;
mod places;
mod pricing;
mod review;
mod rooms;
mod scores;
mod snapshot;
mod source;
mod survey;
mod text;

pub use places::{Here, Overrides, UnknownPlace};
pub use snapshot::{Batch, Counts, OpenError, Snapshot};
pub use source::SourceError;
