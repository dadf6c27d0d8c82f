//! The gateway to Stripe: payment intents that are captured later, refunds, and transfers to hosts' connected accounts.
//!
//! **Invariant:** every request that moves money has an idempotency key from our rows, or is one that Stripe executes
//! at most once. For a key that it has seen, Stripe repeats its *first* response. So a replayed response may be
//! outdated and is never used: the object is read instead. Our key is in the metadata of every object that we create.
//!
//! A payment takes two requests: creating an intent, which authorizes nothing, and confirming it. So whether a lost
//! request has arrived can be found out by sending the first of the two another time.

mod amounts;
mod client;
mod gateway;
mod parse;
mod signature;

pub use gateway::Stripe;
