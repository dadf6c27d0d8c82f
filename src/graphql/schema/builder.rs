//! Building the executable schema, and printing it.

use std::sync::LazyLock;

use async_graphql::SDLExportOptions;
use async_graphql::extensions::{ApolloTracing, ExtensionFactory};

use super::mutation::Mutation;
use super::payload::MutationPayload;
use super::query::Query;
use super::subscription::Subscription;
use crate::graphql::support::idempotency;

/// How deep the executor may nest. The limits of `execution::cost` refuse such a document earlier; this is the second
/// bound, in case they do not.
pub const MAX_RECURSION_DEPTH: usize = 32;

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// Builds the schema. Without `discovery`, introspection and suggestions in error messages are off.
pub fn build_schema(discovery: bool, extension: Option<impl ExtensionFactory>) -> Schema {
    let builder = Schema::build(Query, Mutation::default(), Subscription);
    let builder = if discovery { builder } else { builder.disable_introspection().disable_suggestions() };
    let builder = match extension {
        Some(extension) => builder.extension(extension),
        None => builder,
    };
    builder
        .directive(idempotency::idempotent)
        .register_output_type::<MutationPayload>()
        .limit_recursive_depth(MAX_RECURSION_DEPTH)
        .finish()
}

/// The schema as text, as committed in `schema.graphql`.
pub fn sdl() -> &'static str {
    static SDL: LazyLock<String> = LazyLock::new(|| {
        let schema = build_schema(true, None::<ApolloTracing>);
        let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items();
        format!("{}\n", schema.sdl_with_options(options).trim_end())
    });
    &SDL
}
