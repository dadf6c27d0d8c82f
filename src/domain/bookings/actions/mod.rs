//! What guests, hosts and staff do with a booking.

pub(super) mod cancel;
pub(super) mod create;
pub(super) mod refund;
pub(super) mod report_no_show;
pub(super) mod steps;
