//! Measures the operations of a document, and computes the points of one for its variables.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType, VariableDefinition};
use async_graphql::{Name, Value, Variables};
use serde_json::Map;

use super::limits::{self, Limit};
use super::price::Price;
use super::shape::{Shape, Shapes};
use super::weights::WEIGHTS;
use super::{tokens, variables};
use crate::graphql::execution::response::GraphqlResponse;
use crate::graphql::support::error_codes::ErrorCode;

/// Fields of introspection that cost one point.
const INTROSPECTED_PER_POINT: u64 = 100;
/// Selections that cost at least one point, even if each of them is free.
const SELECTIONS_PER_POINT: u64 = 100;
/// Approximate memory of one part of a price, in bytes.
const PRICE_PART_BYTES: u64 = 256;

/// Checks the limits of a text before it is parsed.
pub fn check_text(text: &str) -> Result<(), Box<GraphqlResponse>> {
    let tokens = tokens::count_tokens(text);
    limits::check([
        (Limit { name: "tokens", what: "tokens", max: limits::TOKENS }, tokens.count),
        (Limit { name: "brackets", what: "nested brackets", max: limits::BRACKETS }, tokens.brackets),
        (Limit { name: "name", what: "bytes in a name or number", max: limits::NAME_BYTES }, tokens.name),
    ])
}

/// The size of an operation, and its price as a function of its variables.
#[derive(Debug)]
pub struct OperationCost {
    shape: Shape,
    price: Price,
    defaults: HashMap<Name, Value>,
    /// How often the document uses each variable.
    variable_uses: Arc<HashMap<Name, u64>>,
}

/// Measures the operations of a document, in the order of the document. Refuses the document if one exceeds a limit.
pub fn measure(document: &ExecutableDocument) -> Result<Vec<(Option<Name>, OperationCost)>, Box<GraphqlResponse>> {
    let operations = u64::try_from(document.operations.iter().count()).unwrap_or(u64::MAX);
    limits::check([(Limit { name: "operations", what: "operations", max: limits::OPERATIONS }, operations)])?;
    let variable_uses = Arc::new(variables::count_uses(document));
    let shapes = Shapes::of(document, &WEIGHTS).map_err(|name| {
        let message = format!("the fragment `{name}` contains itself");
        GraphqlResponse::from_error(ErrorCode::ValidationFailed, message)
    })?;
    let mut selections: u64 = 0;
    let costs = document.operations.iter().map(|(name, operation)| {
        let operation = &operation.node;
        let mut shape = shapes.operation(operation);
        // All operations are validated although only one runs, so they share one limit.
        selections = selections.saturating_add(shape.selections);
        shape.selections = selections;
        check_shape(operation, shape)?;
        let price = Price::of(document, operation, &WEIGHTS);
        let variable_uses = variable_uses.clone();
        Ok((name.cloned(), OperationCost { shape, price, defaults: variable_defaults(operation), variable_uses }))
    });
    costs.collect()
}

fn check_shape(operation: &OperationDefinition, shape: Shape) -> Result<(), Box<GraphqlResponse>> {
    let mutations = if operation.ty == OperationType::Mutation { shape.roots } else { 0 };
    limits::check([
        (Limit { name: "depth", what: "nested fields", max: limits::DEPTH }, shape.depth),
        (Limit { name: "nesting", what: "nested selection sets", max: limits::NESTING }, shape.nesting),
        (Limit { name: "selections", what: "selections", max: limits::SELECTIONS }, shape.selections),
        (Limit { name: "aliases", what: "aliases", max: limits::ALIASES }, shape.aliases),
        (Limit { name: "directives", what: "directives", max: limits::DIRECTIVES }, shape.directives),
        (Limit { name: "mutations", what: "mutations", max: limits::ROOT_MUTATIONS }, mutations),
        (
            Limit { name: "introspection", what: "fields of introspection", max: limits::INTROSPECTED },
            shape.introspected,
        ),
    ])
}

/// The default values of an operation's variables.
pub fn variable_defaults(operation: &OperationDefinition) -> HashMap<Name, Value> {
    let default = |variable: &VariableDefinition| {
        let default = variable.default_value.as_ref()?;
        Some((variable.name.node.clone(), default.node.clone()))
    };
    operation.variable_definitions.iter().filter_map(|variable| default(&variable.node)).collect()
}

impl OperationCost {
    /// Whether it selects fields of introspection.
    pub fn introspects(&self) -> bool {
        self.shape.introspected > 0
    }

    /// Approximate memory of this value, in bytes.
    pub fn bytes(&self) -> u64 {
        self.price.count_parts().saturating_mul(PRICE_PART_BYTES)
    }

    /// Refuses variables that would take too much memory where they are used.
    pub fn check_variables(&self, given: &Map<String, serde_json::Value>) -> Result<(), Box<GraphqlResponse>> {
        let bytes_of = |(name, value): (&String, &serde_json::Value)| {
            let uses = self.variable_uses.get(name.as_str()).copied().unwrap_or(0);
            uses.saturating_mul(variables::memory_bytes(value))
        };
        let bytes = given.iter().map(bytes_of).fold(0, u64::saturating_add);
        let what = "bytes of variables, counted at each use";
        limits::check([(Limit { name: "variables", what, max: limits::VARIABLE_BYTES }, bytes)])
    }

    /// The cost with these variables in points, at least 1. Refuses an operation that costs more than `max`, and
    /// introspection if it is switched off.
    pub fn points(&self, variables: &Variables, max: u64, introspection: bool) -> Result<u64, Box<GraphqlResponse>> {
        if self.shape.introspected > 0 && !introspection {
            let message = "introspection is switched off on this server";
            return Err(GraphqlResponse::from_error(ErrorCode::IntrospectionDisabled, message));
        }
        let introspected = self.shape.introspected.div_ceil(INTROSPECTED_PER_POINT);
        let at_least = self.shape.selections.div_ceil(SELECTIONS_PER_POINT).max(1);
        let points = self.price.evaluate(variables, &self.defaults).saturating_add(introspected).max(at_least);
        limits::check([(Limit { name: "cost", what: "points of cost", max }, points)])?;
        Ok(points)
    }
}
