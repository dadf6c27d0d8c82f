//! Quotes: the price and terms of a stay, signed and valid for a limited time.

pub(super) mod quote;
