//! How large an operation is when its fragments are written out, found without writing them out.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};

use super::weights::Weights;

/// The fields of a type, of a field or of an argument's description that lead to other types.
const TO_TYPES: [&str; 4] = ["type", "ofType", "interfaces", "possibleTypes"];

/// Measures of an operation, or of a part of it. They saturate: a few lines can stand for more fields than there are
/// numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Fields within fields.
    pub depth: u64,
    /// Selection sets within selection sets, those of fragments included.
    pub nesting: u64,
    /// Fields and fragments, each as often as it stands in the operation.
    pub selections: u64,
    /// Fields under another name.
    pub aliases: u64,
    /// Directives on anything.
    pub directives: u64,
    /// Fields at the top level, but for `__typename`.
    pub roots: u64,
    /// About how many fields of the schema's own description would be answered.
    pub introspected: u64,
}

impl Shape {
    /// Both beside each other.
    fn and(self, other: Shape) -> Shape {
        Shape {
            depth: self.depth.max(other.depth),
            nesting: self.nesting.max(other.nesting),
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            roots: self.roots.saturating_add(other.roots),
            introspected: self.introspected.saturating_add(other.introspected),
        }
    }
}

/// What a selection set asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum About {
    Data,
    /// All types of the schema, one after the other: together they are as large as the schema.
    AllTypes,
    /// A type of the client's choice, which may be the largest.
    SomeType,
}

/// Measures operations of one document; each fragment is measured once for each of what it may be asked about.
pub struct Shapes<'a> {
    weights: &'a Weights,
    fragments: HashMap<(&'a Name, About), Shape>,
}

impl<'a> Shapes<'a> {
    /// Measures a document's fragments, or names one that contains itself.
    pub fn of(document: &'a ExecutableDocument, weights: &'a Weights) -> Result<Shapes<'a>, &'a Name> {
        let mut shapes = Shapes { weights, fragments: HashMap::with_capacity(document.fragments.len()) };
        for name in innermost_first(document)? {
            let Some(fragment) = document.fragments.get(name) else { continue };
            for about in [About::Data, About::AllTypes, About::SomeType] {
                let shape = shapes.set(&fragment.node.selection_set.node, about);
                shapes.fragments.insert((name, about), directives(shape, fragment.node.directives.len()));
            }
        }
        Ok(shapes)
    }

    /// Measures an operation.
    pub fn operation(&self, operation: &OperationDefinition) -> Shape {
        let on_variables = operation.variable_definitions.iter().map(|variable| variable.node.directives.len());
        let count = operation.directives.len() + on_variables.sum::<usize>();
        directives(self.set(&operation.selection_set.node, About::Data), count)
    }

    /// Measures a selection set; the parser bounds how deep sets nest within one definition.
    fn set(&self, set: &SelectionSet, about: About) -> Shape {
        let shapes = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => self.field(&field.node, about),
            Selection::InlineFragment(fragment) => {
                let shape = self.set(&fragment.node.selection_set.node, about);
                directives(selection_of(shape), fragment.node.directives.len())
            }
            Selection::FragmentSpread(spread) => {
                let fragment = (&spread.node.fragment_name.node, about);
                let shape = self.fragments.get(&fragment).copied().unwrap_or_default();
                directives(selection_of(shape), spread.node.directives.len())
            }
        });
        shapes.fold(Shape::default(), Shape::and)
    }

    fn field(&self, field: &Field, about: About) -> Shape {
        let name = field.name.node.as_str();
        let below = match (about, name) {
            (About::Data, "__schema") => About::AllTypes,
            (About::Data, "__type") => About::SomeType,
            // From a type to others: how often the largest is among them, nobody knows.
            (About::AllTypes, name) if TO_TYPES.contains(&name) => About::SomeType,
            (about, _) => about,
        };
        let items = match about {
            About::Data => 1,
            About::AllTypes => self.weights.described(name).mean,
            About::SomeType => self.weights.described(name).most,
        };
        let inner = self.set(&field.selection_set.node, below);
        let has_set = !field.selection_set.node.items.is_empty();
        let shape = Shape {
            depth: inner.depth.saturating_add(1),
            nesting: inner.nesting.saturating_add(u64::from(has_set)),
            selections: inner.selections.saturating_add(1),
            aliases: inner.aliases.saturating_add(u64::from(field.alias.is_some())),
            directives: inner.directives,
            roots: u64::from(name != "__typename"),
            introspected: match below {
                About::Data => inner.introspected,
                _ => items.saturating_mul(inner.introspected.saturating_add(1)),
            },
        };
        directives(shape, field.directives.len())
    }
}

fn selection_of(shape: Shape) -> Shape {
    let (selections, nesting) = (shape.selections.saturating_add(1), shape.nesting.saturating_add(1));
    Shape { selections, nesting, ..shape }
}

fn directives(shape: Shape, count: usize) -> Shape {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    Shape { directives: shape.directives.saturating_add(count), ..shape }
}

/// The names of all fragments, each after those that it spreads; or one that spreads itself. Without recursion, as the
/// chain may be as long as the document.
fn innermost_first(document: &ExecutableDocument) -> Result<Vec<&Name>, &Name> {
    let spreads = |name: &Name| {
        let mut found = Vec::new();
        if let Some(fragment) = document.fragments.get(name) {
            spread_in(&fragment.node.selection_set.node, &mut found);
        }
        found
    };
    let mut order = Vec::with_capacity(document.fragments.len());
    // False while the fragment is being entered, true once all that it spreads is in order.
    let mut done: HashMap<&Name, bool> = HashMap::new();
    for name in document.fragments.keys() {
        if done.contains_key(name) {
            continue;
        }
        done.insert(name, false);
        let mut path = vec![(name, spreads(name))];
        while let Some((name, waiting)) = path.last_mut() {
            match waiting.pop() {
                Some(next) => match done.get(next) {
                    Some(true) => {}
                    Some(false) => return Err(next),
                    None => {
                        done.insert(next, false);
                        path.push((next, spreads(next)));
                    }
                },
                None => {
                    done.insert(name, true);
                    order.push(*name);
                    path.pop();
                }
            }
        }
    }
    Ok(order)
}

fn spread_in<'a>(set: &'a SelectionSet, found: &mut Vec<&'a Name>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => spread_in(&field.node.selection_set.node, found),
            Selection::InlineFragment(fragment) => spread_in(&fragment.node.selection_set.node, found),
            Selection::FragmentSpread(spread) => found.push(&spread.node.fragment_name.node),
        }
    }
}
