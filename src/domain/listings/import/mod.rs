//! Imports of listings from other platforms, each with its amenities, ratings and calendar.

mod batch;
mod earlier_imports;
mod imported;
mod merge;
mod nights;
mod store;

pub use earlier_imports::{ExistingListing, count_absent_listings, existing_listings, imported_currencies};
pub use imported::{
    ImportedListing, ImportedLocation, ImportedNight, ImportedNights, ImportedPricing, ImportedRating, ImportedRules,
};
pub use nights::StoredNights;
pub use store::{StoredListings, store_listings};
