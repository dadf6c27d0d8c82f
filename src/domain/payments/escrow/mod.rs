//! What guests have paid and nobody was paid yet, booking by booking.

pub mod settlement;

pub use settlement::{Escrow, Shares, divide, lock, penalize};
