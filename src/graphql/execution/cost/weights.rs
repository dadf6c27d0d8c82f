//! The weight of every field of the schema and the length of its list, read from the schema itself.

use std::collections::HashMap;
use std::sync::LazyLock;

use apollo_compiler::Schema;
use apollo_compiler::ast::{FieldDefinition, Value};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, ExtendedType};
use async_graphql::Name;

use crate::graphql::execution::validation;
use crate::kernel::page::DEFAULT_PAGE;

/// The root fields of introspection.
pub const INTROSPECTION_FIELDS: [&str; 2] = ["__schema", "__type"];
/// Points of a mutation without `@cost`.
const MUTATION_POINTS: u64 = 10;
/// Assumed length of a list without arguments.
const DEFAULT_LIST_LENGTH: u64 = 5;
/// Lists without arguments that are longer: type, field and assumed length.
const LONG_LISTS: [(&str, &str, u64); 7] = [
    ("Query", "amenities", 60),
    ("SearchFacets", "amenities", 60),
    ("ListingCalendarUpdatePayload", "days", 31),
    ("Booking", "ledger", 10),
    // One line for each night of a stay, which can last a year.
    ("PriceBreakdown", "lines", 60),
    ("StayViolation", "nights", 30),
    ("NightsUnavailableError", "nights", 30),
];

/// How the number of items of a field is determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// A fixed number; 1 for a field that is no list.
    Fixed(u64),
    /// A page. Its items are selected inside of it, by the fields with [`Length::PageItem`].
    Page,
    /// One for each item of the enclosing page.
    PageItem,
    /// One for each ID of the argument `ids`.
    Ids,
    /// One for each day from `from` to `to`.
    Days,
    /// As many as the argument `first` says.
    First,
}

/// The weight of a field.
#[derive(Debug)]
pub struct FieldWeight {
    /// Points of the field itself.
    pub points: u64,
    /// How its number of items is determined.
    pub length: Length,
    /// The type of the field, or of its items.
    pub item_type: Name,
    /// The number of items if the arguments do not say it.
    pub default_items: u64,
}

/// The weights of the fields of a type, by name.
pub type FieldWeights = HashMap<Name, FieldWeight>;

/// The weights of all types.
pub struct Weights {
    types: HashMap<Name, FieldWeights>,
    /// The lengths of the lists of introspection, by field.
    introspection: HashMap<&'static str, IntrospectionLength>,
}

/// The weights of the schema that this server serves.
pub static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::of(validation::schema()));

impl Weights {
    /// Reads the weights of a schema. The built-in types of introspection are not included.
    fn of(schema: &Schema) -> Weights {
        let own = || schema.types.values().filter(|ty| !ty.is_built_in());
        let types = own().filter_map(|ty| {
            let weight = |field: &FieldDefinition| (Name::new(&field.name), field_weight(schema, ty.name(), field));
            Some((Name::new(ty.name()), fields_of(ty)?.values().map(|field| weight(field)).collect()))
        });
        let introspection = introspection_lengths(&own().collect::<Vec<_>>());
        Weights { types: types.collect(), introspection }
    }

    /// The weights of the fields of a type.
    pub fn fields(&self, name: &str) -> Option<&FieldWeights> {
        self.types.get(name)
    }

    /// The length of a list of introspection.
    pub fn introspection(&self, field: &str) -> IntrospectionLength {
        self.introspection.get(field).copied().unwrap_or(IntrospectionLength::ONE)
    }
}

fn fields_of(ty: &ExtendedType) -> Option<&IndexMap<apollo_compiler::Name, Component<FieldDefinition>>> {
    match ty {
        ExtendedType::Object(object) => Some(&object.fields),
        ExtendedType::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}

fn field_weight(schema: &Schema, parent: &str, field: &FieldDefinition) -> FieldWeight {
    let item_type = field.ty.inner_named_type();
    let is_composite = || {
        let ty = schema.types.get(item_type);
        matches!(ty, Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)))
    };
    let takes = |name: &str| field.argument_by_name(name).is_some();
    let name = field.name.as_str();
    let long = LONG_LISTS.iter().find(|(ty, list, _)| *ty == parent && *list == name);
    let length = match long {
        Some((_, _, length)) => Length::Fixed(*length),
        None if item_type.ends_with("Connection") && takes("first") => Length::Page,
        None if parent.ends_with("Connection") && ["edges", "nodes"].contains(&name) => Length::PageItem,
        None if !field.ty.is_list() => Length::Fixed(1),
        None if takes("ids") => Length::Ids,
        None if takes("from") && takes("to") => Length::Days,
        None if takes("first") => Length::First,
        None if is_composite() => Length::Fixed(DEFAULT_LIST_LENGTH),
        None => Length::Fixed(1),
    };
    let cost = field.directives.get("cost").and_then(|cost| number(cost.specified_argument_by_name("weight")?));
    let points = cost.unwrap_or(if parent == "Mutation" { MUTATION_POINTS } else { 1 });
    let default_items = field.argument_by_name("first").and_then(|first| number(first.default_value.as_ref()?));
    let default_items = default_items.unwrap_or(u64::from(DEFAULT_PAGE));
    FieldWeight { points, length, item_type: Name::new(item_type), default_items }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => number.as_str().parse().ok(),
        _ => None,
    }
}

/// The length of a list of introspection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntrospectionLength {
    /// Mean over the types, or fields, that have such a list. It is rounded up, so that the lists together are not
    /// longer.
    pub mean: u64,
    /// The longest.
    pub max: u64,
}

impl IntrospectionLength {
    const ONE: IntrospectionLength = IntrospectionLength { mean: 1, max: 1 };

    fn of(lengths: impl IntoIterator<Item = usize>) -> IntrospectionLength {
        let (mut count, mut sum, mut max) = (0, 0, 0);
        for length in lengths {
            (count, sum, max) = (count + 1, sum + length, max.max(length));
        }
        let at_least_one = |length: usize| u64::try_from(length.max(1)).unwrap_or(u64::MAX);
        IntrospectionLength { mean: at_least_one(sum.div_ceil(count.max(1))), max: at_least_one(max) }
    }
}

/// The lengths of the lists in the introspection of a schema with these types.
fn introspection_lengths(types: &[&ExtendedType]) -> HashMap<&'static str, IntrospectionLength> {
    let each = |length: &dyn Fn(&ExtendedType) -> usize| IntrospectionLength::of(types.iter().map(|ty| length(ty)));
    let count_implementations = |interface: &str| {
        let implements = |ty: &ExtendedType| matches!(ty, ExtendedType::Object(object) if object.implements_interfaces.contains(interface));
        types.iter().filter(|ty| implements(ty)).count()
    };
    let all_fields = types.iter().filter_map(|ty| fields_of(ty)).flat_map(IndexMap::values);
    HashMap::from([
        ("types", IntrospectionLength::of([types.len()])),
        ("fields", each(&|ty| fields_of(ty).map_or(0, IndexMap::len))),
        ("args", IntrospectionLength::of(all_fields.map(|field| field.arguments.len()))),
        (
            "inputFields",
            each(&|ty| match ty {
                ExtendedType::InputObject(input) => input.fields.len(),
                _ => 0,
            }),
        ),
        (
            "enumValues",
            each(&|ty| match ty {
                ExtendedType::Enum(values) => values.values.len(),
                _ => 0,
            }),
        ),
        (
            "possibleTypes",
            each(&|ty| match ty {
                ExtendedType::Union(union) => union.members.len(),
                ExtendedType::Interface(interface) => count_implementations(&interface.name),
                _ => 0,
            }),
        ),
        ("directives", IntrospectionLength { mean: 6, max: 6 }),
        (
            "interfaces",
            each(&|ty| match ty {
                ExtendedType::Object(object) => object.implements_interfaces.len(),
                ExtendedType::Interface(interface) => interface.implements_interfaces.len(),
                _ => 0,
            }),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_of_introspection_is_assumed_to_be_empty() {
        for name in
            ["types", "fields", "args", "inputFields", "enumValues", "possibleTypes", "directives", "interfaces"]
        {
            let IntrospectionLength { mean, max } = WEIGHTS.introspection(name);
            assert!(1 <= mean && mean <= max, "{name}: {mean} to {max}");
        }
        let payloads = WEIGHTS.types.keys().filter(|name| name.ends_with("Payload")).count() - 1;
        assert_eq!(WEIGHTS.introspection("possibleTypes").max, u64::try_from(payloads).unwrap());
    }
}
