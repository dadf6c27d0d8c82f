//! What types and mutations share: the request's context, loaders, pages, errors and scalars.

pub(super) mod budget;
pub(super) mod connection;
pub(super) mod context;
pub(super) mod cost_directive;
pub(super) mod error_codes;
pub(super) mod errors;
pub(super) mod idempotency;
pub(super) mod idempotency_report;
pub(super) mod loaders;
pub(super) mod money;
pub(super) mod scalars;
pub(super) mod update_fields;
