//! Escrow: what guests have paid, how it is divided, and what of it was released. One row per booking.
//!
//! **Invariant:** paid = refunded + host + platform + tax, at every commit; a constraint of the database enforces it.
//!
//! **Invariant:** at most the whole of a share is released; a constraint of the database enforces it.
//!
//! A transaction that moves money of a booking locks the booking's row first, so two movements never run at once.

mod balance;
mod shares;

pub use balance::{Escrow, lock};
pub(super) use balance::{receive_charge, release_shares, returning_movements};
pub use shares::Shares;
