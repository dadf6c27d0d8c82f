//! The `@cost` directive of the schema.

use async_graphql::TypeDirective;

/// Cost of the field in points, before it is multiplied by the sizes of the lists that contain it. A field without this
/// directive costs 1 point, a mutation 10.
#[TypeDirective(location = "FieldDefinition")]
pub fn cost(weight: i32) {}
