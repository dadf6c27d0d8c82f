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
const LONG_LISTS: [(&str, &str, u64); 4] = [
    ("Query", "amenities", 60),
    ("SearchFacets", "amenities", 60),
    ("ListingCalendarUpdatePayload", "days", 31),
    ("Booking", "ledger", 10),
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
    described: HashMap<&'static str, u64>,
}

/// The weights of this program's schema.
pub static WEIGHTS: LazyLock<Weights> = LazyLock::new(|| Weights::read(&crate::graphql::sdl()));

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
    pub fn described(&self, field: &str) -> u64 {
        self.described.get(field).copied().unwrap_or(1)
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

/// How long the lists are in which a schema of these types describes itself, on average and rounded up.
fn described(kinds: &[(Name, TypeKind)]) -> HashMap<&'static str, u64> {
    let mean = |lengths: Vec<usize>| {
        let sum: usize = lengths.iter().sum();
        u64::try_from(sum.div_ceil(lengths.len().max(1))).unwrap_or(u64::MAX)
    };
    let all_fields = kinds.iter().filter_map(|(_, kind)| fields(kind));
    let lengths =
        |length: &dyn Fn(&TypeKind) -> Option<usize>| mean(kinds.iter().filter_map(|(_, kind)| length(kind)).collect());
    HashMap::from([
        ("types", u64::try_from(kinds.len()).unwrap_or(u64::MAX)),
        ("fields", lengths(&|kind| fields(kind).map(<[_]>::len))),
        ("args", mean(all_fields.flatten().map(|field| field.node.arguments.len()).collect())),
        (
            "inputFields",
            lengths(&|kind| match kind {
                TypeKind::InputObject(input) => Some(input.fields.len()),
                _ => None,
            }),
        ),
        (
            "enumValues",
            lengths(&|kind| match kind {
                TypeKind::Enum(values) => Some(values.values.len()),
                _ => None,
            }),
        ),
        (
            "possibleTypes",
            lengths(&|kind| match kind {
                TypeKind::Union(union) => Some(union.members.len()),
                TypeKind::Interface(_) => Some(0),
                _ => None,
            }),
        ),
        ("directives", 6),
        ("interfaces", 2),
    ])
}
