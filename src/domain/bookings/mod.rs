//! Bookings: quotes, creation, and every step of a stay.
//!
//! **Invariant:** a booking that is REQUESTED, CONFIRMED or CHECKED_IN claims every one of its nights. Every step is one
//! compare-and-set on state and version, with its event row and its jobs in the same transaction. Price, policy, times
//! and zone are frozen in the quote; later edits of the listing touch new bookings only. The guest is charged only
//! after the booking is confirmed; id and code never change.

mod access;
mod advance;
mod again;
pub mod alterations;
mod audit;
mod cancel;
pub mod cancellation;
mod create;
mod news;
mod no_show;
mod payouts;
mod quote;
mod refund;
mod rivals;
pub mod state;
mod step;
mod steps;
mod table;
mod watch;

pub use access::{
    Side, actions, booked_listings, by_code, by_id, by_ids, event_by_id, events, events_count, lock, page, page_count,
    role,
};
pub use advance::{ADVANCE, advance};
pub use again::{cancelled, created, payment_confirmed, stepped};
pub use alterations::Alteration;
pub use audit::audit;
pub use cancel::{Cancellation, cancel, preview};
pub use create::{NewBooking, create};
pub use no_show::report_no_show;
pub use quote::{Quote, QuoteOutcome, booked_quote, is_consumed, policy_tiers, quote, read_quote, sign};
pub use refund::refund;
pub use steps::{accept, check_in, check_out, confirm_payment, decline, withdraw};
pub use table::booking::Model as Booking;
pub use table::event::Model as Event;
pub use watch::{step_told, watch, watch_hosted};
