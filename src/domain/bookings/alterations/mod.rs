//! Alterations: another stay in place of the booked one, requested by one side and agreed to by the other. The
//! difference in price is charged or refunded.
//!
//! **Invariant:** a booking has at most one open alteration. An alteration never changes the ID or the code of the
//! booking. The stay is replaced in one transaction: nights, price, shares and payouts together. A difference to pay is
//! authorized before that transaction and captured after it.
//!
//! The actions of guest and host on alterations are in `actions/request_alteration.rs` and
//! `actions/respond_to_alteration.rs`.

mod advance;
mod apply;
mod difference;
mod expire;
mod quote;
mod read;
mod row;

pub(super) use advance::{advance, close_all};
pub(super) use apply::apply_alteration;
pub(super) use difference::confirm_difference;
pub(super) use quote::{needs_no_answer, quote_alteration};
pub(super) use read::find_paying;
pub use read::{by_id, by_ids, count_alterations, page_of_alterations};
pub(super) use row::{REFUNDED_MORE, difference_in_shares, moves_arrival_after_check_in, set_state};

pub use super::table::alteration::Model as Alteration;
