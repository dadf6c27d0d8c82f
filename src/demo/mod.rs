//! A demonstration marketplace for an empty database, created by simulating its past through the product's own rules.
//!
//! **Invariant:** nothing here writes a booking, a claim, a payment or a review itself: simulated hosts list, guests
//! quote, book and pay, time passes, and the domain creates the rows. The result depends on the day on which the
//! database is filled; only the latest steps, such as requests that wait for a response, depend on the hour.

mod booking;
mod cities;
mod fill;
mod market;
mod messages;
mod midnight;
mod people;
mod places;
mod random;
mod report;
mod simulation;
#[cfg(test)]
mod tests;
mod texts;
mod trips;

pub use fill::{PASSWORD, fill};
pub use people::{ADMIN, GUEST, HOST};
pub use report::Report;
