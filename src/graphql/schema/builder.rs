//! Building the executable schema.

use async_graphql::extensions::ApolloTracing;

use super::introspection::SchemaDescription;
use super::mutation::Mutation;
use super::payload::MutationPayload;
use super::query::Query;
use super::subscription::Subscription;
use crate::graphql::support::idempotency;

/// How deep the executor may nest. The limits of `execution::cost` refuse such a document earlier; this is the second
/// bound, in case they do not.
pub const MAX_RECURSION_DEPTH: usize = 32;

/// The description of the schema.
pub const DESCRIPTION: &str = "The API of Roost, a marketplace of stays: guests search listings, ask for a quote and \
    book it; hosts\npublish listings and receive payouts. Amounts of money are integers in the minor unit of their \
    currency, instants\nare in UTC, and dates and times of a listing are in its own time zone.";

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// What a schema is built for. Each addition makes every field slower, so ordinary requests run without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Ordinary requests.
    Requests,
    /// Requests that select fields of introspection.
    Introspection,
    /// Requests that ask for the time of each field.
    Tracing,
}

/// Builds the schema. Without `discovery`, introspection and suggestions in error messages are off.
pub fn build_schema(discovery: bool, purpose: Purpose) -> Schema {
    let builder = Schema::build(Query, Mutation::default(), Subscription);
    let builder = if discovery { builder } else { builder.disable_introspection().disable_suggestions() };
    let builder = match purpose {
        Purpose::Requests => builder,
        Purpose::Introspection => builder.extension(SchemaDescription(DESCRIPTION)),
        Purpose::Tracing => builder.extension(SchemaDescription(DESCRIPTION)).extension(ApolloTracing),
    };
    builder
        .directive(idempotency::idempotent)
        .register_output_type::<MutationPayload>()
        .limit_recursive_depth(MAX_RECURSION_DEPTH)
        .finish()
}
