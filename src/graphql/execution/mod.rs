//! From the text of a request to its response: parsing, validation, cost, execution.

pub(super) mod batching;
pub(super) mod budget;
pub(super) mod cost;
pub(super) mod documents;
pub(super) mod engine;
pub(super) mod persisted_query;
pub(super) mod request;
pub(super) mod stream;
pub(super) mod validation;
