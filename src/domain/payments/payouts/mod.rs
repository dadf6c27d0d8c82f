//! Payouts: what a host is paid for a booking, when it is released from escrow, and sending it to the processor.
//!
//! **Invariant:** a payout's money leaves the escrow once and the platform once. What a host owes from other bookings
//! reduces what is sent, so a negative balance is carried forward and never paid out.

mod accounts;
mod admin;
mod notices;
mod record;
mod release;
mod schedule;
mod send;

pub use accounts::set_payout_account;
pub use admin::{hold_payout, load_payout, release_payout};
pub use record::{PAY_OUT, Payout};
pub(super) use record::{PayoutChange, enqueue_pay_out, list_for_booking, update};
pub(super) use schedule::reschedule_payouts;
pub use schedule::{PayoutSlot, schedule_payouts, unschedule_payouts};
pub use send::pay_out;
