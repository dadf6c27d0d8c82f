//! Audit checks of payments.
//!
//! **Invariant:** the ledger, the escrow and the payouts agree with charges and refunds, and with the sandbox
//! processor's books.

mod escrow;
mod ledger;
mod payouts;
mod provider;
mod run;
mod sql;

pub use run::audit;
