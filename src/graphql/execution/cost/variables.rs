//! How large variables are where a document uses them.

use std::collections::HashMap;

use async_graphql::parser::types::{Directive, ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned};
use async_graphql_value::Value as Literal;
use serde_json::Value;

/// What a value takes beside its text, in bytes.
const VALUE: u64 = 72;

/// How often a document uses each variable, each fragment counted once.
pub fn uses(document: &ExecutableDocument) -> HashMap<Name, u64> {
    let mut uses = HashMap::new();
    for (_, operation) in document.operations.iter() {
        in_directives(&operation.node.directives, &mut uses);
        in_set(&operation.node.selection_set.node, &mut uses);
    }
    for fragment in document.fragments.values() {
        in_directives(&fragment.node.directives, &mut uses);
        in_set(&fragment.node.selection_set.node, &mut uses);
    }
    uses
}

fn in_set(set: &SelectionSet, uses: &mut HashMap<Name, u64>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                for (_, value) in &field.node.arguments {
                    in_value(&value.node, uses);
                }
                in_directives(&field.node.directives, uses);
                in_set(&field.node.selection_set.node, uses);
            }
            Selection::InlineFragment(fragment) => {
                in_directives(&fragment.node.directives, uses);
                in_set(&fragment.node.selection_set.node, uses);
            }
            Selection::FragmentSpread(spread) => in_directives(&spread.node.directives, uses),
        }
    }
}

fn in_directives(directives: &[Positioned<Directive>], uses: &mut HashMap<Name, u64>) {
    for (_, value) in directives.iter().flat_map(|directive| &directive.node.arguments) {
        in_value(&value.node, uses);
    }
}

fn in_value(value: &Literal, uses: &mut HashMap<Name, u64>) {
    match value {
        Literal::Variable(name) => *uses.entry(name.clone()).or_default() += 1,
        Literal::List(items) => items.iter().for_each(|item| in_value(item, uses)),
        Literal::Object(fields) => fields.values().for_each(|field| in_value(field, uses)),
        _ => {}
    }
}

/// About how much memory a value takes, in bytes.
pub fn bytes(value: &Value) -> u64 {
    let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    match value {
        Value::String(text) => VALUE.saturating_add(length(text.len())),
        Value::Array(items) => items.iter().map(bytes).fold(VALUE, u64::saturating_add),
        Value::Object(fields) => {
            let of = |(name, value): (&String, &Value)| bytes(value).saturating_add(VALUE + length(name.len()));
            fields.iter().map(of).fold(VALUE, u64::saturating_add)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => VALUE,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_use_counts_and_fragments_count_once() {
        let text = "query Q($a: Int, $b: Int) @x(v: $b) { one(v: $a) two(v: [$a, {w: $a}]) ...F ...F } \
                    fragment F on T { three(v: $b) @include(if: $b) ... @skip(if: $b) { four } ...G @skip(if: $a) } \
                    fragment G on T { five }";
        let uses = uses(&parse_query(text).unwrap());
        assert_eq!((uses["a"], uses["b"], uses.len()), (4, 4, 2));
    }

    #[test]
    fn many_small_values_are_large() {
        assert_eq!(bytes(&json!("abc")), VALUE + 3);
        assert_eq!(bytes(&json!(["", "", null])), 4 * VALUE);
        assert_eq!(bytes(&json!({ "ab": 1 })), 3 * VALUE + 2);
    }
}
