//! Whether a stay can be booked, and its price.

pub(super) mod evaluate;
pub mod stay_check;
