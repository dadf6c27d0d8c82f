//! Cancellations: how the money of a booking is shared when it is cancelled, for every canceller and every moment.
//!
//! **Invariant:** refund, payout, platform fees and kept taxes sum to the total. The guest's refund never grows with
//! time. Everything here is pure: it reads no clock and no database.

mod policy;
pub(super) mod record;
mod retained;
mod rule;
mod schedule;
mod settle;
mod terms;

#[cfg(test)]
mod tests;

pub use rule::CancellationRule;
pub use schedule::{Tier, schedule};
pub use settle::{Canceller, Settlement, settle};
pub use terms::{CleaningRule, Terms};
