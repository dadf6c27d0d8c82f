//! The GraphQL API. A resolver parses ids and scalars, calls the domain once and shapes the result.
//!
//! **Invariants:**
//! - No resolver contains a business rule: what may be done, seen or paid is decided in the domain.
//! - Imports run one way: `execution` -> `schema` -> `mutations` -> `types` -> `support`. Only files of `types` import
//!   each other, because the graph of the schema is cyclic.
//! - Every field that reads the database for an object of a list loads it in a batch (`support::loaders`).

mod execution;
mod mutations;
mod schema;
mod support;
mod types;

pub use self::execution::engine::Engine;
pub use self::execution::request::{GraphqlRequest, Operation};
pub use self::execution::response::GraphqlResponse;
pub use self::schema::builder::Schema;
pub use self::schema::mutation::Mutation;
pub use self::schema::payload::MutationPayload;
pub use self::schema::query::Query;
pub use self::schema::sdl::sdl;
pub use self::schema::subscription::Subscription;
pub use self::support::context::Client;
pub use self::support::error_codes::ErrorCode;
