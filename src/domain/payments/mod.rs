//! Payments: what guests pay, every attempt to charge it, refunds, escrow, payouts to hosts, and the ledger.
//!
//! **Invariant:** no call to the processor happens inside a transaction.
//!
//! **Invariant:** every call to the processor can be repeated. A payment's id is the idempotency key of its charge. A
//! refund's row is inserted before the processor is called, and its id is the key of that call.
//!
//! **Invariant:** amounts come from our own rows, never from a request.
//!
//! **Invariant:** the transaction that records a charge, a refund or a payout also posts it to the ledger.
//!
//! **Invariant:** a webhook is only a hint. For every event the object's current state is read from the processor and
//! stored, so the order of events and duplicates do not matter.

mod audit;
mod booking_job;
mod charges;
mod disputes;
mod escrow;
mod fees;
mod gateway_timeout;
pub mod ledger;
mod payouts;
mod provider_events;
mod read;
mod refunds;
mod settlement;
pub mod status;
mod table;

pub use audit::audit;
pub use booking_job::ADVANCE_BOOKING;
pub use charges::{Charge, ChargeStatus, MAX_PAYMENT_METHOD_CHARS, authorize_or_refresh, capture, confirm, open, void};
pub use disputes::disputed_by_payments;
pub use escrow::{Escrow, Shares, lock as lock_escrow};
pub use fees::{RECORD_FEE, record_fee};
pub use payouts::{
    PAY_OUT, Payout, PayoutSlot, hold_payout, load_payout, pay_out, release_payout, schedule_payouts,
    set_payout_account, unschedule_payouts,
};
pub use provider_events::{HANDLE_EVENT, Received, handle_event, receive_event};
pub use read::{
    attempts_by_payments, by_bookings, by_id, by_ids, find_for_alteration, ledger_by_bookings, list_for_booking,
    load_for_booking, payout_count, payout_page, payouts_by_bookings, payouts_by_ids, refund_by_id, refunds_by_ids,
    refunds_by_payments, transactions_by_ids, viewer_balance,
};
pub use refunds::{load_refund, retry_refund, send_refunds};
pub use settlement::{NewRefund, charge_penalty, settle_shares};
pub use table::attempt::Model as Attempt;
pub use table::payment::Model as Payment;
pub use table::refund::Model as Refund;
