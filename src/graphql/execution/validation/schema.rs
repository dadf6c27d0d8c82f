//! The schema as the validator reads it.

use std::sync::LazyLock;

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;

use crate::graphql::schema::sdl::sdl;

static SCHEMA: LazyLock<Valid<Schema>> = LazyLock::new(|| parse(sdl()));

/// The schema that documents are validated against.
pub fn schema() -> &'static Valid<Schema> {
    &SCHEMA
}

/// Parses a schema. Invalid parts are left out; a test checks that there are none.
fn parse(sdl: &str) -> Valid<Schema> {
    // The specification's newest introspection field, which the validator does not have yet.
    let sdl = format!("{sdl}\nextend type __Type {{ isOneOf: Boolean }}\n");
    let schema = Schema::parse(sdl, "schema.graphql").unwrap_or_else(|faulty| faulty.partial);
    Valid::assume_valid(schema)
}
