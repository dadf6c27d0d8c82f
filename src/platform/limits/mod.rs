//! Rate limits, and the token buckets that they are made of.

pub mod rate_limit;
pub mod token_bucket;
