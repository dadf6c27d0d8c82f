//! The limits of documents and operations. `docs/limits.md` lists them for clients.

use async_graphql::{Name, ServerError, Value};

use crate::graphql::execution::response::GraphqlResponse;
use crate::graphql::schema::builder::MAX_RECURSION_DEPTH;
use crate::graphql::support::error_codes::ErrorCode;

/// Tokens of a document.
pub const TOKENS: u64 = 4_000;
/// Nested brackets of any kind.
pub const BRACKETS: u64 = 128;
/// Nested fields. GraphiQL's introspection query needs 15.
pub const DEPTH: u64 = 18;
/// Nested selection sets, including those of fragments. This is the executor's own bound.
pub const NESTING: u64 = MAX_RECURSION_DEPTH as u64;
/// Fields and fragments of all operations of a document.
pub const SELECTIONS: u64 = 5_000;
/// Aliases of an operation.
pub const ALIASES: u64 = 64;
/// Directives of an operation.
pub const DIRECTIVES: u64 = 64;
/// Root fields of a mutation.
pub const ROOT_MUTATIONS: u64 = 16;
/// Operations of a document. Every operation is measured, with all fragments that it spreads, although only one runs.
pub const OPERATIONS: u64 = 50;
/// Bytes of a name or number. Errors repeat them.
pub const NAME_BYTES: u64 = 128;
/// Memory of the variables in bytes, each counted as often as the document uses it, because the executor copies it
/// there.
pub const VARIABLE_BYTES: u64 = 8 * 1024 * 1024;
/// Fields of introspection. GraphiQL's introspection query counts half of this.
pub const INTROSPECTED: u64 = 250_000;
/// Larger numbers are reported as this one.
pub const MAX_REPORTED: u64 = i32::MAX as u64;

/// A measure and its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name in `extensions.limit`. It is part of the API.
    pub name: &'static str,
    /// What is counted, for the message.
    pub what: &'static str,
    /// The maximum.
    pub max: u64,
}

impl Limit {
    fn check(self, actual: u64) -> Option<ServerError> {
        let Limit { name, what, max } = self;
        if actual <= max {
            return None;
        }
        let actual = actual.min(MAX_REPORTED);
        let mut error =
            ErrorCode::LimitExceeded.error(format!("the operation has {actual} {what}; the maximum is {max}"));
        let limit = [("name", Value::from(name)), ("max", max.into()), ("actual", actual.into())];
        let limit = limit.into_iter().map(|(name, value)| (Name::new(name), value)).collect();
        error.extensions.get_or_insert_default().set("limit", Value::Object(limit));
        Some(error)
    }
}

/// Compares measures with their limits and reports every limit that is exceeded.
pub fn check(measures: impl IntoIterator<Item = (Limit, u64)>) -> Result<(), Box<GraphqlResponse>> {
    let errors: Vec<ServerError> = measures.into_iter().filter_map(|(limit, actual)| limit.check(actual)).collect();
    if errors.is_empty() { Ok(()) } else { Err(GraphqlResponse::from_errors(errors)) }
}
