//! One listing: creating, changing, publishing and deleting it, and its amenities, location and ratings.

pub mod amenities;
pub(super) mod location;
pub(super) mod pricing_change;
pub(super) mod rating;
pub(super) mod seasons_and_taxes;
pub(super) mod status;
pub(super) mod update;
pub(super) mod validation;
