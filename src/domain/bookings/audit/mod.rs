//! The audit of bookings: nights, money, transitions and prices are consistent, and no booking is stuck.
//!
//! A transition and the call to the processor that follows it are two commits. Therefore some checks leave out rows
//! that changed less than an hour ago.

mod money;
mod nights;
mod prices;
mod run;
mod transitions;

pub use run::audit;
