//! Bookings: quotes, creation, and every step of a stay.
//!
//! **Invariant:** a booking that is REQUESTED, CONFIRMED or CHECKED_IN claims every one of its nights. Every step is one
//! compare-and-set on state and version, with its event row and its jobs in the same transaction. Price, policy, times
//! and zone are frozen in the quote; later edits of the listing touch new bookings only. The guest is charged only
//! after the booking is confirmed; id and code never change.

mod actions;
pub mod alterations;
mod audit;
pub mod cancellation;
pub mod lifecycle;
mod notices;
mod payout_schedule;
mod quotes;
mod read;
mod replay;
mod subscription;
mod table;

pub use actions::cancel::{Cancellation, cancel, preview};
pub use actions::create::{NewBooking, create};
pub use actions::refund::refund;
pub use actions::report_no_show::report_no_show;
pub use actions::steps::{accept, check_in, check_out, confirm_payment, decline, withdraw};
pub use alterations::Alteration;
pub use audit::audit;
pub use lifecycle::progress::{ADVANCE, advance};
pub use quotes::quote::{Quote, QuoteOutcome, booked_quote, is_consumed, policy_tiers, quote, read_quote, sign};
pub use read::{
    Side, actions, booked_listings, by_code, by_id, by_ids, event_by_id, events, events_count, lock, page, page_count,
    role,
};
pub use replay::{cancelled, created, payment_confirmed, stepped};
pub use subscription::{step_told, watch, watch_hosted};
pub use table::booking::Model as Booking;
pub use table::event::Model as Event;
