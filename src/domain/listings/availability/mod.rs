//! Whether a stay can be booked, and its price.

pub(super) mod alternatives;
pub(super) mod evaluate;
pub(super) mod request;
pub mod stay_check;
