//! Charges: authorizing, capturing and voiding what a guest pays.
//!
//! **Invariant:** every answer of the processor is recorded as one attempt, in the transaction that changes the
//! payment.

pub(super) mod attempt;
mod authorize;
mod capture;
mod void;

pub use attempt::ChargeStatus;
pub use authorize::{Charge, MAX_PAYMENT_METHOD_CHARS, authorize_or_refresh, confirm, open};
pub use capture::capture;
pub use void::void;
