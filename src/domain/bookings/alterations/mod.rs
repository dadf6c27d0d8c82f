//! Alterations: another stay in place of the booked one, requested by one side and agreed to by the other. The
//! difference in price is charged or refunded.
//!
//! **Invariant:** a booking has at most one open alteration. An alteration never changes the ID or the code of the
//! booking. The stay is replaced in one transaction: nights, price, shares and payouts together. A difference to pay is
//! authorized before that transaction and captured after it.
//!
//! The actions of guest and host on alterations are in `actions/`: request, accept, decline and withdraw.

mod advance;
mod apply;
mod difference;
mod expire;
mod permission;
mod quote;
mod read;
mod row;

pub(super) use advance::{advance, close_all};
pub(super) use apply::apply_alteration;
pub(super) use difference::confirm_difference;
pub use permission::available_actions;
pub(super) use permission::{waits_for_answer, why_impossible};
pub(super) use quote::{needs_no_answer, quote_alteration};
pub(super) use read::find_paying;
pub use read::{by_id, by_ids, counts_by_booking, open_by_bookings, pages_by_booking};
pub(super) use row::{difference_in_shares, set_state};

pub use super::table::alteration::Model as Alteration;
