//! Rate limits and the token buckets behind them.

pub mod rate_limit;
pub mod token_bucket;
