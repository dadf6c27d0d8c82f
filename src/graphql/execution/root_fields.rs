//! The root fields of a mutation or subscription, collected as the specification does before it runs them (section
//! 6.3.2, CollectFields). The executor merges nothing: it would run a mutation that is selected twice two times, and it
//! does not look into fragments of a subscription.

use std::collections::HashSet;

use async_graphql::indexmap::IndexMap;
use async_graphql::indexmap::map::Entry;
use async_graphql::parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Value};
use async_graphql_value::Value as Literal;

use super::response::GraphqlResponse;
use crate::graphql::support::error_codes::ErrorCode;

/// The value of a variable, if it has one.
pub type Lookup<'a> = &'a dyn Fn(&Name) -> Option<Value>;

/// The root fields of an operation, one for each response key, in the order in which they run. Those that `@skip` or
/// `@include` leave out are missing.
pub fn collect(
    document: &ExecutableDocument,
    set: &SelectionSet,
    variables: Lookup<'_>,
) -> Result<Vec<Positioned<Field>>, Box<GraphqlResponse>> {
    let mut collector = Collector { document, variables, fields: IndexMap::new(), visited: HashSet::new() };
    collector.add_set(set)?;
    Ok(collector.fields.into_values().collect())
}

struct Collector<'a> {
    document: &'a ExecutableDocument,
    variables: Lookup<'a>,
    fields: IndexMap<Name, Positioned<Field>>,
    visited: HashSet<&'a Name>,
}

impl<'a> Collector<'a> {
    fn add_set(&mut self, set: &'a SelectionSet) -> Result<(), Box<GraphqlResponse>> {
        for selection in &set.items {
            if !self.is_included(selection.node.directives()) {
                continue;
            }
            match &selection.node {
                Selection::Field(field) => self.add_field(field)?,
                // A valid document has no fragment on another type than the root.
                Selection::InlineFragment(fragment) => self.add_set(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(fragment) = self.document.fragments.get(name) else { continue };
                    if self.visited.insert(name) {
                        self.add_set(&fragment.node.selection_set.node)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn is_included(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().all(|directive| match &*directive.node.name.node {
            "skip" => self.condition(&directive.node) != Some(true),
            "include" => self.condition(&directive.node) != Some(false),
            _ => true,
        })
    }

    fn condition(&self, directive: &Directive) -> Option<bool> {
        match self.value(&directive.get_argument("if")?.node) {
            Value::Boolean(condition) => Some(condition),
            _ => None,
        }
    }

    fn value(&self, literal: &Literal) -> Value {
        let variable = |name: Name| Ok::<_, ()>((self.variables)(&name).unwrap_or_default());
        literal.clone().into_const_with(variable).unwrap_or_default()
    }

    /// Adds a field, or merges it with the one of the same response key. A valid document gives both the same arguments;
    /// of their directives the specification says nothing.
    fn add_field(&mut self, field: &Positioned<Field>) -> Result<(), Box<GraphqlResponse>> {
        let mut added = field.clone();
        added.node.directives.retain(|directive| !matches!(&*directive.node.name.node, "skip" | "include"));
        let key = &field.node.response_key().node;
        let directives = match self.fields.entry(key.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(added);
                return Ok(());
            }
            Entry::Occupied(mut entry) => {
                let first = &mut entry.get_mut().node;
                first.selection_set.node.items.append(&mut added.node.selection_set.node.items);
                std::mem::take(&mut first.directives)
            }
        };
        let directives = self.merge_directives(key, directives, added.node.directives)?;
        if let Some(first) = self.fields.get_mut(key) {
            first.node.directives = directives;
        }
        Ok(())
    }

    /// The directives of both fields. Refuses two that differ: two idempotency keys ask for two executions.
    fn merge_directives(
        &self,
        key: &Name,
        mut merged: Vec<Positioned<Directive>>,
        others: Vec<Positioned<Directive>>,
    ) -> Result<Vec<Positioned<Directive>>, Box<GraphqlResponse>> {
        let arguments = |directive: &Directive| {
            let values = directive.arguments.iter().map(|(name, value)| (name.node.clone(), self.value(&value.node)));
            values.collect::<Vec<_>>()
        };
        for other in others {
            let name = &other.node.name.node;
            match merged.iter().find(|directive| directive.node.name.node == *name) {
                None => merged.push(other),
                Some(same) if arguments(&same.node) == arguments(&other.node) => {}
                Some(_) => {
                    let message = format!(
                        "the field `{key}` is selected twice and is one execution, but has two different `@{name}`; to \
                         execute it twice give each its own alias"
                    );
                    return Err(GraphqlResponse::from_error(ErrorCode::ValidationFailed, message));
                }
            }
        }
        Ok(merged)
    }
}
