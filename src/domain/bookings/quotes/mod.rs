//! Quotes: the price and terms of a stay, signed and valid for a limited time.
//!
//! **Invariant:** a quote is not stored until it is booked. Its signed token is the only copy, and a changed token is
//! refused. A quote can be used for one booking.

pub(super) mod issue;
pub(super) mod quote;
pub(super) mod refusals;
pub(super) mod token;
pub(super) mod usage;
