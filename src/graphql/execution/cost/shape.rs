//! The size of an operation with its fragments expanded, computed without expanding them.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};

use super::weights::Weights;

/// The introspection fields of a type, a field or an argument that lead to other types.
const FIELDS_TO_TYPES: [&str; 4] = ["type", "ofType", "interfaces", "possibleTypes"];

/// Measures of an operation, or of a part of it. They saturate, because a few lines can expand to more fields than a
/// number can count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Nested fields.
    pub depth: u64,
    /// Nested selection sets, including those of fragments.
    pub nesting: u64,
    /// Fields and fragments, each counted as often as it occurs in the expanded operation.
    pub selections: u64,
    /// Fields with an alias.
    pub aliases: u64,
    /// Directives anywhere in the operation.
    pub directives: u64,
    /// Root fields, without `__typename`.
    pub roots: u64,
    /// Approximate number of introspection fields in the response.
    pub introspected: u64,
}

impl Shape {
    /// The measures of two selections in the same selection set.
    fn combine(self, other: Shape) -> Shape {
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

/// What a selection set is selected on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Data,
    /// All types of the schema, in a list. Together they are as large as the schema.
    AllTypes,
    /// One type of the client's choice, which may be the largest.
    SomeType,
}

/// Measures the operations of one document. Each fragment is measured once for each subject.
pub struct Shapes<'a> {
    weights: &'a Weights,
    fragments: HashMap<(&'a Name, Subject), Shape>,
}

impl<'a> Shapes<'a> {
    /// Measures the fragments of a document. Fails with the name of a fragment that contains itself.
    pub fn of(document: &'a ExecutableDocument, weights: &'a Weights) -> Result<Shapes<'a>, &'a Name> {
        let mut shapes = Shapes { weights, fragments: HashMap::with_capacity(document.fragments.len()) };
        for name in sort_innermost_first(document)? {
            let Some(fragment) = document.fragments.get(name) else { continue };
            for subject in [Subject::Data, Subject::AllTypes, Subject::SomeType] {
                let shape = shapes.set(&fragment.node.selection_set.node, subject);
                shapes.fragments.insert((name, subject), with_directives(shape, fragment.node.directives.len()));
            }
        }
        Ok(shapes)
    }

    /// Measures an operation.
    pub fn operation(&self, operation: &OperationDefinition) -> Shape {
        let on_variables = operation.variable_definitions.iter().map(|variable| variable.node.directives.len());
        let count = operation.directives.len() + on_variables.sum::<usize>();
        with_directives(self.set(&operation.selection_set.node, Subject::Data), count)
    }

    /// Measures a selection set; the parser bounds how deep sets nest within one definition.
    fn set(&self, set: &SelectionSet, subject: Subject) -> Shape {
        let shapes = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => self.field(&field.node, subject),
            Selection::InlineFragment(fragment) => {
                let shape = self.set(&fragment.node.selection_set.node, subject);
                with_directives(wrap_in_fragment(shape), fragment.node.directives.len())
            }
            Selection::FragmentSpread(spread) => {
                let fragment = (&spread.node.fragment_name.node, subject);
                let shape = self.fragments.get(&fragment).copied().unwrap_or_default();
                with_directives(wrap_in_fragment(shape), spread.node.directives.len())
            }
        });
        shapes.fold(Shape::default(), Shape::combine)
    }

    fn field(&self, field: &Field, subject: Subject) -> Shape {
        let name = field.name.node.as_str();
        let inner_subject = match (subject, name) {
            (Subject::Data, "__schema") => Subject::AllTypes,
            (Subject::Data, "__type") => Subject::SomeType,
            // These fields lead to other types, and the largest type may be among them any number of times.
            (Subject::AllTypes, name) if FIELDS_TO_TYPES.contains(&name) => Subject::SomeType,
            (subject, _) => subject,
        };
        let items = match subject {
            Subject::Data => 1,
            Subject::AllTypes => self.weights.introspection(name).mean,
            Subject::SomeType => self.weights.introspection(name).max,
        };
        let inner = self.set(&field.selection_set.node, inner_subject);
        let has_set = !field.selection_set.node.items.is_empty();
        let shape = Shape {
            depth: inner.depth.saturating_add(1),
            nesting: inner.nesting.saturating_add(u64::from(has_set)),
            selections: inner.selections.saturating_add(1),
            aliases: inner.aliases.saturating_add(u64::from(field.alias.is_some())),
            directives: inner.directives,
            roots: u64::from(name != "__typename"),
            introspected: match inner_subject {
                Subject::Data => inner.introspected,
                _ => items.saturating_mul(inner.introspected.saturating_add(1)),
            },
        };
        with_directives(shape, field.directives.len())
    }
}

fn wrap_in_fragment(shape: Shape) -> Shape {
    let (selections, nesting) = (shape.selections.saturating_add(1), shape.nesting.saturating_add(1));
    Shape { selections, nesting, ..shape }
}

fn with_directives(shape: Shape, count: usize) -> Shape {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    Shape { directives: shape.directives.saturating_add(count), ..shape }
}

/// Sorts the fragments so that each comes after those that it spreads. Fails with the name of a fragment that spreads
/// itself. The search is not recursive, because a chain of fragments can be as long as the document.
fn sort_innermost_first(document: &ExecutableDocument) -> Result<Vec<&Name>, &Name> {
    let spreads_of = |name: &Name| {
        let mut found = Vec::new();
        if let Some(fragment) = document.fragments.get(name) {
            collect_spreads(&fragment.node.selection_set.node, &mut found);
        }
        found
    };
    let mut order = Vec::with_capacity(document.fragments.len());
    // False while the fragments that it spreads are being visited, true once all of them are in `order`.
    let mut done: HashMap<&Name, bool> = HashMap::new();
    for name in document.fragments.keys() {
        if done.contains_key(name) {
            continue;
        }
        done.insert(name, false);
        let mut path = vec![(name, spreads_of(name))];
        while let Some((name, waiting)) = path.last_mut() {
            match waiting.pop() {
                Some(next) => match done.get(next) {
                    Some(true) => {}
                    Some(false) => return Err(next),
                    None => {
                        done.insert(next, false);
                        path.push((next, spreads_of(next)));
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

fn collect_spreads<'a>(set: &'a SelectionSet, found: &mut Vec<&'a Name>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => collect_spreads(&field.node.selection_set.node, found),
            Selection::InlineFragment(fragment) => collect_spreads(&fragment.node.selection_set.node, found),
            Selection::FragmentSpread(spread) => found.push(&spread.node.fragment_name.node),
        }
    }
}
