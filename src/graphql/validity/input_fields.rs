//! The one rule that the validator leaves out: no field stands twice in an input object (section 5.6.3).

use std::collections::HashSet;

use apollo_compiler::ast::{Argument, DirectiveList, Value};
use apollo_compiler::executable::{ExecutableDocument, Selection, SelectionSet};
use apollo_compiler::{Name, Node};

/// The first field that stands twice in one object.
pub fn repeated(document: &ExecutableDocument) -> Option<&Name> {
    let mut operations = document.operations.iter().flat_map(|operation| {
        let variables = operation.variables.iter().flat_map(|variable| {
            [variable.default_value.as_deref().and_then(in_value), in_directives(&variable.directives)]
        });
        variables.chain([in_directives(&operation.directives), in_selections(&operation.selection_set)])
    });
    let mut fragments = document
        .fragments
        .values()
        .flat_map(|fragment| [in_directives(&fragment.directives), in_selections(&fragment.selection_set)]);
    operations.find_map(|found| found).or_else(|| fragments.find_map(|found| found))
}

fn in_selections(set: &SelectionSet) -> Option<&Name> {
    set.selections.iter().find_map(|selection| match selection {
        Selection::Field(field) => in_arguments(&field.arguments)
            .or_else(|| in_directives(&field.directives))
            .or_else(|| in_selections(&field.selection_set)),
        Selection::FragmentSpread(spread) => in_directives(&spread.directives),
        Selection::InlineFragment(inline) => {
            in_directives(&inline.directives).or_else(|| in_selections(&inline.selection_set))
        }
    })
}

fn in_directives(directives: &DirectiveList) -> Option<&Name> {
    directives.iter().find_map(|directive| in_arguments(&directive.arguments))
}

fn in_arguments(arguments: &[Node<Argument>]) -> Option<&Name> {
    arguments.iter().find_map(|argument| in_value(&argument.value))
}

fn in_value(value: &Value) -> Option<&Name> {
    match value {
        Value::List(items) => items.iter().find_map(|item| in_value(item)),
        Value::Object(fields) => {
            let mut seen = HashSet::new();
            fields.iter().find_map(|(name, value)| if seen.insert(name) { in_value(value) } else { Some(name) })
        }
        _ => None,
    }
}
