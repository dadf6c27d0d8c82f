//! Listings: places, prices, calendars, search.

pub mod kinds;
pub mod policy;
mod table;
