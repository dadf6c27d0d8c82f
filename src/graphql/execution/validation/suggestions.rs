//! Suggests the name that a client probably meant.

use apollo_compiler::Name;
use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, ExtendedType};

use super::schema::schema;

/// How similar a suggested name must be to the one in the document, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.8;

/// The name that was probably meant, if an error message is about a field or an argument that does not exist.
pub fn suggest_name(message: &str) -> Option<&'static str> {
    let mut quoted = message.split('"').skip(1).step_by(2);
    let (unknown, place) = (quoted.next()?, quoted.next()?);
    if message.starts_with("Cannot query field") {
        return find_similar(unknown, fields_of(place)?.keys().map(Name::as_str));
    }
    if message.starts_with("Unknown argument") {
        let (ty, field) = place.split_once('.')?;
        let arguments = &fields_of(ty)?.get(field)?.arguments;
        return find_similar(unknown, arguments.iter().map(|argument| argument.name.as_str()));
    }
    None
}

fn fields_of(ty: &str) -> Option<&'static IndexMap<Name, Component<FieldDefinition>>> {
    match schema().types.get(ty)? {
        ExtendedType::Object(object) => Some(&object.fields),
        ExtendedType::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}

fn find_similar<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let similar = names.map(|name| (strsim::jaro_winkler(unknown, name), name));
    let similar = similar.filter(|(similarity, _)| *similarity >= MIN_SIMILARITY);
    similar.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name)
}
