//! What guests, hosts and staff can do with a booking: one file per action.
//!
//! **Invariant:** every action on an existing booking checks the role of the viewer. It also checks that the action is
//! allowed now, except `refund`, for which the money in escrow decides. `authorize` does both. Where the state of an
//! alteration decides, `authorize_alteration` and `confirm_payment` check it.

pub(super) mod accept;
pub(super) mod accept_alteration;
mod authorize;
mod authorize_alteration;
pub(super) mod cancel;
pub(super) mod check_in_out;
mod close_alteration;
mod close_request;
pub(super) mod confirm_payment;
pub(super) mod create;
pub(super) mod decline;
pub(super) mod decline_alteration;
pub(super) mod refund;
pub(super) mod report_no_show;
pub(super) mod request_alteration;
pub(super) mod withdraw;
pub(super) mod withdraw_alteration;
