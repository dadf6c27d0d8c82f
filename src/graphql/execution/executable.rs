//! The document that the executor gets: one operation with the fragments that it spreads, changed where the executor
//! would not do with it what the specification says.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, FragmentDefinition, OperationDefinition, OperationType,
    Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Variables};
use async_graphql_value::Value as Literal;

use super::cost::count_uses;
use super::response::GraphqlResponse;
use super::root_fields;

/// Prepares an operation of a document for the executor.
pub fn prepare(
    document: &ExecutableDocument,
    name: Option<&str>,
    operation: &Positioned<OperationDefinition>,
    variables: &Variables,
) -> Result<ExecutableDocument, Box<GraphqlResponse>> {
    let absent = absent_variables(&operation.node, variables);
    if operation.node.ty == OperationType::Query && absent.is_empty() {
        return Ok(document.clone());
    }
    let mut operation = operation.clone();
    if operation.node.ty != OperationType::Query {
        let defaults = operation.node.variable_definitions.iter();
        let defaults = defaults.filter_map(|definition| {
            let default = definition.node.default_value.as_ref()?;
            Some((definition.node.name.node.clone(), default.node.clone()))
        });
        let defaults: HashMap<_, _> = defaults.collect();
        let lookup = |name: &Name| variables.get(name).or(defaults.get(name)).cloned();
        let fields = root_fields::collect(document, &operation.node.selection_set.node, &lookup)?;
        let items = fields.into_iter().map(|field| Positioned::new(Selection::Field(field.clone()), field.pos));
        operation.node.selection_set.node.items = items.collect();
    }
    let mut fragments = reachable_fragments(document, &operation.node.selection_set.node);
    leave_out(&absent, &mut operation.node.directives, &mut operation.node.selection_set.node);
    for fragment in fragments.values_mut() {
        leave_out(&absent, &mut fragment.node.directives, &mut fragment.node.selection_set.node);
    }
    let operations = match &document.operations {
        DocumentOperations::Single(_) => DocumentOperations::Single(operation),
        DocumentOperations::Multiple(all) => {
            let name = name.map(Name::new).or_else(|| all.keys().next().cloned());
            DocumentOperations::Multiple(name.map(|name| (name, operation)).into_iter().collect())
        }
    };
    let mut prepared = ExecutableDocument { operations, fragments };
    drop_unused_variables(&mut prepared);
    Ok(prepared)
}

/// The root fields of a prepared operation without `__typename`.
pub fn count_root_fields(document: &ExecutableDocument) -> usize {
    let is_counted = |item: &&Positioned<Selection>| match &item.node {
        Selection::Field(field) => field.node.name.node != "__typename",
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => true,
    };
    let operations = document.operations.iter();
    operations.map(|(_, operation)| operation.node.selection_set.node.items.iter().filter(is_counted).count()).sum()
}

/// The variables that have neither a value nor a default value.
fn absent_variables(operation: &OperationDefinition, variables: &Variables) -> HashSet<Name> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    let without_default = definitions.filter(|definition| definition.default_value.is_none());
    without_default
        .map(|definition| &definition.name.node)
        .filter(|name| !variables.contains_key(*name))
        .cloned()
        .collect()
}

/// The fragments that a selection set spreads, directly or through others.
fn reachable_fragments(
    document: &ExecutableDocument,
    set: &SelectionSet,
) -> HashMap<Name, Positioned<FragmentDefinition>> {
    let mut found = HashMap::new();
    let mut waiting = vec![set];
    while let Some(set) = waiting.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => waiting.push(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => waiting.push(&fragment.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(fragment) = document.fragments.get(name) else { continue };
                    if found.insert(name.clone(), fragment.clone()).is_none() {
                        waiting.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    found
}

/// Leaves out the arguments whose value is an absent variable, as CoerceArgumentValues does (section 6.4.1): the default
/// value of the argument applies. The executor would take null. It leaves out fields of input objects itself.
fn leave_out(absent: &HashSet<Name>, directives: &mut [Positioned<Directive>], set: &mut SelectionSet) {
    leave_out_of_directives(absent, directives);
    for item in &mut set.items {
        match &mut item.node {
            Selection::Field(field) => {
                field.node.arguments.retain(|(_, value)| !is_absent(absent, &value.node));
                leave_out(absent, &mut field.node.directives, &mut field.node.selection_set.node);
            }
            Selection::InlineFragment(fragment) => {
                leave_out(absent, &mut fragment.node.directives, &mut fragment.node.selection_set.node);
            }
            Selection::FragmentSpread(spread) => leave_out_of_directives(absent, &mut spread.node.directives),
        }
    }
}

fn leave_out_of_directives(absent: &HashSet<Name>, directives: &mut [Positioned<Directive>]) {
    for directive in directives {
        directive.node.arguments.retain(|(_, value)| !is_absent(absent, &value.node));
    }
}

fn is_absent(absent: &HashSet<Name>, value: &Literal) -> bool {
    matches!(value, Literal::Variable(name) if absent.contains(name))
}

/// Drops the definitions of variables that are used no more. The executor refuses them.
fn drop_unused_variables(document: &mut ExecutableDocument) {
    let uses = count_uses(document);
    let operation = match &mut document.operations {
        DocumentOperations::Single(operation) => Some(operation),
        DocumentOperations::Multiple(operations) => operations.values_mut().next(),
    };
    if let Some(operation) = operation {
        operation.node.variable_definitions.retain(|definition| uses.contains_key(&definition.node.name.node));
    }
}
