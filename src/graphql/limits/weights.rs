//! What every field of the schema weighs, and how many items its list has: read from the schema's own text.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, TypeKind, TypeSystemDefinition};
use async_graphql::{Name, TypeDirective, Value};

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
pub static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::read(crate::graphql::sdl()));

impl Weights {
    /// Reads a schema; what cannot be read weighs what is usual.
    pub fn read(sdl: &str) -> Weights {
        let definitions = parse_schema(sdl).map(|document| document.definitions).unwrap_or_default();
        let kinds: Vec<(Name, TypeKind)> = definitions
            .into_iter()
            .filter_map(|definition| match definition {
                TypeSystemDefinition::Type(definition) => Some((definition.node.name.node, definition.node.kind)),
                _ => None,
            })
            .collect();
        let composite = |name: &str| {
            let kind = kinds.iter().find(|(known, _)| known == name).map(|(_, kind)| kind);
            matches!(kind, Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_)))
        };
        let types = kinds.iter().filter_map(|(name, kind)| {
            let fields = fields(kind)?;
            let facts = |field: &FieldDefinition| (field.name.node.clone(), facts(name, field, &composite));
            Some((name.clone(), fields.iter().map(|field| facts(&field.node)).collect()))
        });
        Weights { types: types.collect(), described: described(&kinds) }
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

fn fields(kind: &TypeKind) -> Option<&[async_graphql::Positioned<FieldDefinition>]> {
    match kind {
        TypeKind::Object(object) => Some(&object.fields),
        TypeKind::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}

fn facts(parent: &Name, field: &FieldDefinition, composite: &impl Fn(&str) -> bool) -> Facts {
    let mut ty = &field.ty.node.base;
    let is_list = matches!(ty, BaseType::List(_));
    let of = loop {
        match ty {
            BaseType::Named(name) => break name,
            BaseType::List(inner) => ty = &inner.base,
        }
    };
    let takes = |name: &str| field.arguments.iter().any(|argument| argument.node.name.node == name);
    let name = field.name.node.as_str();
    let long = LONG_LISTS.iter().find(|(ty, list, _)| *ty == parent.as_str() && *list == name);
    let length = match long {
        Some((_, _, length)) => Length::Fixed(*length),
        None if of.ends_with("Connection") && takes("first") => Length::Page,
        None if parent.ends_with("Connection") && ["edges", "nodes"].contains(&name) => Length::Item,
        None if !is_list => Length::Fixed(1),
        None if takes("ids") => Length::Ids,
        None if takes("from") && takes("to") => Length::Days,
        None if takes("first") => Length::First,
        None if composite(of) => Length::Fixed(USUAL_LIST),
        None => Length::Fixed(1),
    };
    let said = field.directives.iter().find(|directive| directive.node.name.node == "cost");
    let said = said.and_then(|said| number(&said.node.get_argument("weight")?.node));
    let weight = said.unwrap_or(if parent == "Mutation" { MUTATION } else { 1 });
    let first = field.arguments.iter().find(|argument| argument.node.name.node == "first");
    let usual = first.and_then(|first| number(&first.node.default_value.as_ref()?.node));
    Facts { weight, length, of: of.clone(), usual: usual.unwrap_or(u64::from(DEFAULT_PAGE)) }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
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
fn described(kinds: &[(Name, TypeKind)]) -> HashMap<&'static str, Described> {
    let kind = |length: &dyn Fn(&TypeKind) -> usize| Described::of(kinds.iter().map(|(_, kind)| length(kind)));
    let interfaces = |kind: &TypeKind| match kind {
        TypeKind::Object(object) => object.implements.len(),
        TypeKind::Interface(interface) => interface.implements.len(),
        _ => 0,
    };
    let implement = |name: &Name| {
        let of = |kind: &TypeKind| match kind {
            TypeKind::Object(object) => object.implements.iter().any(|one| one.node == *name),
            _ => false,
        };
        kinds.iter().filter(|(_, kind)| of(kind)).count()
    };
    let possible = kinds.iter().map(|(name, kind)| match kind {
        TypeKind::Union(union) => union.members.len(),
        TypeKind::Interface(_) => implement(name),
        _ => 0,
    });
    let all_fields = kinds.iter().filter_map(|(_, kind)| fields(kind)).flatten();
    let types = Described::of([kinds.len()]);
    HashMap::from([
        ("types", types),
        ("fields", kind(&|kind| fields(kind).map_or(0, <[_]>::len))),
        ("args", Described::of(all_fields.map(|field| field.node.arguments.len()))),
        (
            "inputFields",
            kind(&|kind| match kind {
                TypeKind::InputObject(input) => input.fields.len(),
                _ => 0,
            }),
        ),
        (
            "enumValues",
            kind(&|kind| match kind {
                TypeKind::Enum(values) => values.values.len(),
                _ => 0,
            }),
        ),
        ("possibleTypes", Described::of(possible)),
        ("directives", Described { mean: 6, most: 6 }),
        ("interfaces", kind(&interfaces)),
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
