//! The memory that variables take where a document uses them.

use std::collections::HashMap;

use async_graphql::parser::types::{Directive, ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned};
use async_graphql_value::Value as Literal;
use serde_json::Value;

/// Memory of a value without its text, in bytes.
const VALUE_BYTES: u64 = 72;

/// Counts how often a document uses each variable. Each fragment counts once.
pub fn count_uses(document: &ExecutableDocument) -> HashMap<Name, u64> {
    let mut uses = HashMap::new();
    for (_, operation) in document.operations.iter() {
        count_in_directives(&operation.node.directives, &mut uses);
        count_in_set(&operation.node.selection_set.node, &mut uses);
    }
    for fragment in document.fragments.values() {
        count_in_directives(&fragment.node.directives, &mut uses);
        count_in_set(&fragment.node.selection_set.node, &mut uses);
    }
    uses
}

fn count_in_set(set: &SelectionSet, uses: &mut HashMap<Name, u64>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                for (_, value) in &field.node.arguments {
                    count_in_value(&value.node, uses);
                }
                count_in_directives(&field.node.directives, uses);
                count_in_set(&field.node.selection_set.node, uses);
            }
            Selection::InlineFragment(fragment) => {
                count_in_directives(&fragment.node.directives, uses);
                count_in_set(&fragment.node.selection_set.node, uses);
            }
            Selection::FragmentSpread(spread) => count_in_directives(&spread.node.directives, uses),
        }
    }
}

fn count_in_directives(directives: &[Positioned<Directive>], uses: &mut HashMap<Name, u64>) {
    for (_, value) in directives.iter().flat_map(|directive| &directive.node.arguments) {
        count_in_value(&value.node, uses);
    }
}

fn count_in_value(value: &Literal, uses: &mut HashMap<Name, u64>) {
    match value {
        Literal::Variable(name) => *uses.entry(name.clone()).or_default() += 1,
        Literal::List(items) => items.iter().for_each(|item| count_in_value(item, uses)),
        Literal::Object(fields) => fields.values().for_each(|field| count_in_value(field, uses)),
        _ => {}
    }
}

/// Approximate memory of a value, in bytes.
pub fn memory_bytes(value: &Value) -> u64 {
    let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    match value {
        Value::String(text) => VALUE_BYTES.saturating_add(length(text.len())),
        Value::Array(items) => items.iter().map(memory_bytes).fold(VALUE_BYTES, u64::saturating_add),
        Value::Object(fields) => {
            let field =
                |(name, value): (&String, &Value)| memory_bytes(value).saturating_add(VALUE_BYTES + length(name.len()));
            fields.iter().map(field).fold(VALUE_BYTES, u64::saturating_add)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => VALUE_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_use_counts_and_each_fragment_counts_once() {
        let text = "query Q($a: Int, $b: Int) @x(v: $b) { one(v: $a) two(v: [$a, {w: $a}]) ...F ...F } \
                    fragment F on T { three(v: $b) @include(if: $b) ... @skip(if: $b) { four } ...G @skip(if: $a) } \
                    fragment G on T { five }";
        let uses = count_uses(&parse_query(text).unwrap());
        assert_eq!((uses["a"], uses["b"], uses.len()), (4, 4, 2));
    }

    #[test]
    fn many_small_values_take_much_memory() {
        assert_eq!(memory_bytes(&json!("abc")), VALUE_BYTES + 3);
        assert_eq!(memory_bytes(&json!(["", "", null])), 4 * VALUE_BYTES);
        assert_eq!(memory_bytes(&json!({ "ab": 1 })), 3 * VALUE_BYTES + 2);
    }
}
