//! Charges: authorizing, capturing and voiding what a guest pays.

pub(super) mod authorize;
