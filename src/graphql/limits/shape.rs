//! How large an operation is when its fragments are written out, found without writing them out.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet};

use super::weights::{INTROSPECTION, Weights};

/// Measures of an operation, or of a part of it. They saturate: a few lines can stand for more fields than there are
/// numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Fields within fields.
    pub depth: u64,
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
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            roots: self.roots.saturating_add(other.roots),
            introspected: self.introspected.saturating_add(other.introspected),
        }
    }
}

/// Measures operations of one document; each fragment is measured once.
pub struct Shapes<'a> {
    weights: &'a Weights,
    fragments: HashMap<&'a Name, Shape>,
}

impl<'a> Shapes<'a> {
    /// Measures a document's fragments, or names one that contains itself.
    pub fn of(document: &'a ExecutableDocument, weights: &'a Weights) -> Result<Shapes<'a>, &'a Name> {
        let mut shapes = Shapes { weights, fragments: HashMap::with_capacity(document.fragments.len()) };
        for name in innermost_first(document)? {
            let Some(fragment) = document.fragments.get(name) else { continue };
            let inside = fragment.node.type_condition.node.on.node.starts_with("__");
            let shape = shapes.set(&fragment.node.selection_set.node, inside);
            shapes.fragments.insert(name, directives(shape, fragment.node.directives.len()));
        }
        Ok(shapes)
    }

    /// Measures an operation.
    pub fn operation(&self, operation: &OperationDefinition) -> Shape {
        let on_variables = operation.variable_definitions.iter().map(|variable| variable.node.directives.len());
        let count = operation.directives.len() + on_variables.sum::<usize>();
        directives(self.set(&operation.selection_set.node, false), count)
    }

    /// Measures a selection set; the parser bounds how deep sets nest within one definition. `inside` are descriptions
    /// of the schema.
    fn set(&self, set: &SelectionSet, inside: bool) -> Shape {
        let shapes = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let name = field.name.node.as_str();
                let describes = inside || INTROSPECTION.contains(&name);
                let inner = self.set(&field.selection_set.node, describes);
                let shape = Shape {
                    depth: inner.depth.saturating_add(1),
                    selections: inner.selections.saturating_add(1),
                    aliases: inner.aliases.saturating_add(u64::from(field.alias.is_some())),
                    directives: inner.directives,
                    roots: u64::from(name != "__typename"),
                    introspected: match describes {
                        true => self.weights.described(name).saturating_mul(inner.introspected.saturating_add(1)),
                        false => inner.introspected,
                    },
                };
                directives(shape, field.directives.len())
            }
            Selection::InlineFragment(fragment) => {
                let shape = self.set(&fragment.node.selection_set.node, inside);
                directives(selection_of(shape), fragment.node.directives.len())
            }
            Selection::FragmentSpread(spread) => {
                let shape = self.fragments.get(&spread.node.fragment_name.node).copied().unwrap_or_default();
                directives(selection_of(shape), spread.node.directives.len())
            }
        });
        shapes.fold(Shape::default(), Shape::and)
    }
}

fn selection_of(shape: Shape) -> Shape {
    Shape { selections: shape.selections.saturating_add(1), ..shape }
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
