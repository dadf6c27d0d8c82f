//! Bookings: quotes, the lifecycle of a booking, cancellations and alterations.
//!
//! **Invariant:** a booking that is CONFIRMED, CHECKED_IN or COMPLETED claims every one of its nights. A booking that
//! is PENDING_PAYMENT or REQUESTED claims them too, until it expires. The exception is a booking that needs the host's
//! answer while `ROOST_REQUEST_BLOCKS_CALENDAR` is off: it claims nothing until the host accepts it, and the request is
//! declined when another booking of its nights is confirmed first.
//!
//! **Invariant:** every transition is one compare-and-set on state and version, in one transaction with its event, its
//! notices and its jobs. Price, policy, times and time zone are frozen in the quote: later edits of the listing change
//! new bookings only. The guest is charged only after the booking is confirmed. The ID and the code of a booking never
//! change.
//!
//! Imports run one way: actions -> replay -> progress -> alterations -> read -> lifecycle -> notices, announce,
//! payout_schedule -> quotes -> cancellation -> table -> event, deadlines, allowed_actions, state. `subscription`,
//! `own_bookings` and `audit` only read.

mod actions;
pub mod allowed_actions;
pub mod alterations;
mod announce;
mod audit;
pub mod cancellation;
mod deadlines;
mod event;
mod lifecycle;
mod notices;
mod own_bookings;
mod payout_schedule;
mod progress;
mod quotes;
mod read;
pub mod replay;
pub mod state;
mod subscription;
mod table;

pub use actions::accept::accept;
pub use actions::accept_alteration::accept_alteration;
pub use actions::cancel::{cancel, preview_cancellation};
pub use actions::check_in_out::{check_in, check_out};
pub use actions::confirm_payment::confirm_payment;
pub use actions::create::{NewBooking, create};
pub use actions::decline::decline;
pub use actions::decline_alteration::decline_alteration;
pub use actions::refund::refund;
pub use actions::report_no_show::report_no_show;
pub use actions::request_alteration::request_alteration;
pub use actions::withdraw::withdraw;
pub use actions::withdraw_alteration::withdraw_alteration;
pub use alterations::Alteration;
pub use audit::audit;
pub use cancellation::CancellationRule;
pub use cancellation::record::Cancellation;
pub use event::{EventDetails, EventKind};
pub use lifecycle::advance_job::ADVANCE;
pub use lifecycle::locks::lock_booking;
pub use own_bookings::{
    BookingFilter, BookingPhase, BookingSide, BookingSort, DateSpan, count_bookings, page_of_bookings,
};
pub use progress::advance;
pub use quotes::issue::{QuoteOutcome, quote};
pub use quotes::quote::{Quote, cancellation_tiers};
pub use quotes::token::{read_quote, sign_quote};
pub use quotes::usage::is_quote_used;
pub use read::{
    allowed_actions, booked_listings, by_code, by_id, by_ids, declines_by_bookings, event_by_id, event_counts,
    events_by_ids, pages_of_events, viewer_role,
};
pub use subscription::{load_announced_event, subscribe_to_booking, subscribe_to_hosted_bookings};
pub use table::booking::Model as Booking;
pub use table::event::Model as Event;
