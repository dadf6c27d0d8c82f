//! Refunds: sending back what a guest paid.

pub(super) mod send;
