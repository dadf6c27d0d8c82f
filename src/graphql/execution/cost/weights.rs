//! What every field of the schema weighs, and how many items its list has: read from the schema itself.

use std::collections::HashMap;
use std::sync::LazyLock;

use apollo_compiler::Schema;
use apollo_compiler::ast::{FieldDefinition, Value};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, ExtendedType};
use async_graphql::{Name, TypeDirective};

use crate::graphql::execution::validation;
use crate::kernel::page::DEFAULT_PAGE;

/// The fields that describe the schema itself.
pub const INTROSPECTION: [&str; 2] = ["__schema", "__type"];
/// What a mutation weighs that does not say.
const MUTATION: u64 = 10;
/// How many items a list without arguments is taken to have.
const USUAL_LIST: u64 = 5;
/// Lists that are longer.
const LONG_LISTS: [(&str, &str, u64); 7] = [
    ("Query", "amenities", 60),
    ("SearchFacets", "amenities", 60),
    ("ListingCalendarUpdatePayload", "days", 31),
    ("Booking", "ledger", 10),
    // One for each night, of which a stay may have a year's.
    ("PriceBreakdown", "lines", 60),
    ("StayViolation", "nights", 30),
    ("NightsUnavailableError", "nights", 30),
];

/// What a field costs, before it is multiplied by the lists around it; 1 where nothing is said, and 10 for a mutation.
#[TypeDirective(location = "FieldDefinition")]
pub fn cost(weight: i32) {}

/// How many items a field answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// One, or so many.
    Fixed(u64),
    /// A page whose items stand below, where the field is [`Length::Item`].
    Page,
    /// As many as the page above holds.
    Item,
    /// As many as `ids` are asked for.
    Ids,
    /// As many as there are days from `from` to `to`.
    Days,
    /// At most `first`.
    First,
}

/// What is known of a field.
#[derive(Debug)]
pub struct Facts {
    /// What it weighs.
    pub weight: u64,
    /// How many items it answers with.
    pub length: Length,
    /// The type of the field, or of its items.
    pub of: Name,
    /// How many items it answers with where it is not told how many.
    pub usual: u64,
}

/// The fields of a type by name.
pub type Fields = HashMap<Name, Facts>;

/// What is known of all types.
pub struct Weights {
    types: HashMap<Name, Fields>,
    /// How long the lists in descriptions of the schema are, by field.
    described: HashMap<&'static str, Described>,
}

/// The weights of this program's schema.
pub static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::of(validation::schema()));

impl Weights {
    /// What is known of a schema. The types that describe it weigh what is usual.
    fn of(schema: &Schema) -> Weights {
        let own = || schema.types.values().filter(|ty| !ty.is_built_in());
        let types = own().filter_map(|ty| {
            let facts = |field: &FieldDefinition| (Name::new(&field.name), facts(schema, ty.name(), field));
            Some((Name::new(ty.name()), fields(ty)?.values().map(|field| facts(field)).collect()))
        });
        let described = described(&own().collect::<Vec<_>>());
        Weights { types: types.collect(), described }
    }

    /// The fields of a type.
    pub fn fields(&self, name: &str) -> Option<&Fields> {
        self.types.get(name)
    }

    /// How many items a field has that describes the schema.
    pub fn described(&self, field: &str) -> Described {
        self.described.get(field).copied().unwrap_or(Described::ONE)
    }
}

fn fields(ty: &ExtendedType) -> Option<&IndexMap<apollo_compiler::Name, Component<FieldDefinition>>> {
    match ty {
        ExtendedType::Object(object) => Some(&object.fields),
        ExtendedType::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}

fn facts(schema: &Schema, parent: &str, field: &FieldDefinition) -> Facts {
    let of = field.ty.inner_named_type();
    let composite = || {
        let ty = schema.types.get(of);
        matches!(ty, Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)))
    };
    let takes = |name: &str| field.argument_by_name(name).is_some();
    let name = field.name.as_str();
    let long = LONG_LISTS.iter().find(|(ty, list, _)| *ty == parent && *list == name);
    let length = match long {
        Some((_, _, length)) => Length::Fixed(*length),
        None if of.ends_with("Connection") && takes("first") => Length::Page,
        None if parent.ends_with("Connection") && ["edges", "nodes"].contains(&name) => Length::Item,
        None if !field.ty.is_list() => Length::Fixed(1),
        None if takes("ids") => Length::Ids,
        None if takes("from") && takes("to") => Length::Days,
        None if takes("first") => Length::First,
        None if composite() => Length::Fixed(USUAL_LIST),
        None => Length::Fixed(1),
    };
    let said = field.directives.get("cost").and_then(|said| number(said.specified_argument_by_name("weight")?));
    let weight = said.unwrap_or(if parent == "Mutation" { MUTATION } else { 1 });
    let usual = field.argument_by_name("first").and_then(|first| number(first.default_value.as_ref()?));
    Facts { weight, length, of: Name::new(of), usual: usual.unwrap_or(u64::from(DEFAULT_PAGE)) }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => number.as_str().parse().ok(),
        _ => None,
    }
}

/// How long a list is in which the schema describes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// On average over the types, or fields, that have such a list; rounded up, so that all together are not more.
    pub mean: u64,
    /// At most.
    pub most: u64,
}

impl Described {
    const ONE: Described = Described { mean: 1, most: 1 };

    fn of(lengths: impl IntoIterator<Item = usize>) -> Described {
        let (mut count, mut sum, mut most) = (0, 0, 0);
        for length in lengths {
            (count, sum, most) = (count + 1, sum + length, most.max(length));
        }
        let told = |length: usize| u64::try_from(length.max(1)).unwrap_or(u64::MAX);
        Described { mean: told(sum.div_ceil(count.max(1))), most: told(most) }
    }
}

/// How long the lists are in which a schema of these types describes itself.
fn described(types: &[&ExtendedType]) -> HashMap<&'static str, Described> {
    let each = |length: &dyn Fn(&ExtendedType) -> usize| Described::of(types.iter().map(|ty| length(ty)));
    let implement = |interface: &str| {
        let of = |ty: &ExtendedType| matches!(ty, ExtendedType::Object(object) if object.implements_interfaces.contains(interface));
        types.iter().filter(|ty| of(ty)).count()
    };
    let all_fields = types.iter().filter_map(|ty| fields(ty)).flat_map(IndexMap::values);
    HashMap::from([
        ("types", Described::of([types.len()])),
        ("fields", each(&|ty| fields(ty).map_or(0, IndexMap::len))),
        ("args", Described::of(all_fields.map(|field| field.arguments.len()))),
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
                ExtendedType::Interface(interface) => implement(&interface.name),
                _ => 0,
            }),
        ),
        ("directives", Described { mean: 6, most: 6 }),
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
    fn no_list_of_a_description_is_taken_to_be_empty() {
        for name in
            ["types", "fields", "args", "inputFields", "enumValues", "possibleTypes", "directives", "interfaces"]
        {
            let Described { mean, most } = WEIGHTS.described(name);
            assert!(1 <= mean && mean <= most, "{name}: {mean} to {most}");
        }
        let payloads = WEIGHTS.types.keys().filter(|name| name.ends_with("Payload")).count() - 1;
        assert_eq!(WEIGHTS.described("possibleTypes").most, u64::try_from(payloads).unwrap());
    }
}
