//! Payouts: what hosts are owed, when, and sending it.

pub(super) mod admin;
pub(super) mod notices;
pub(super) mod schedule;
pub mod send;
