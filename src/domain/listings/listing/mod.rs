//! One listing: its row, its limits and its changes.

pub mod amenities;
pub(super) mod location;
pub mod policy;
pub(super) mod rating;
pub(super) mod read;
pub(super) mod row_values;
pub(super) mod seasons_and_taxes;
pub(super) mod status;
pub(super) mod update;
pub(super) mod validation;
