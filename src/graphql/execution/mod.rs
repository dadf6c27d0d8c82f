//! Turns the text of a request into its response: parsing, validation, cost and execution.

pub(super) mod batching;
pub(super) mod cost;
pub(super) mod documents;
pub(super) mod engine;
pub(super) mod executable;
pub(super) mod executor;
pub(super) mod lexer;
pub(super) mod persisted_query;
pub(super) mod request;
pub(super) mod response;
pub(super) mod root_fields;
pub(super) mod source_text;
pub(super) mod validation;
