//! Bookings: quotes, creation, and every step of a stay.

pub mod state;
mod table;
