//! What types and mutations share: context, loaders, pages, errors, scalars.

pub(super) mod connection;
pub(super) mod context;
pub(super) mod error_codes;
pub(super) mod errors;
pub(super) mod idempotency;
pub(super) mod loaders;
pub(super) mod money;
pub(super) mod node_ids;
pub(super) mod scalars;
