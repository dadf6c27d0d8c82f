//! What an operation may be, told before it runs: how large it is written out, and what it costs.
//!
//! **Invariant:** no measure takes longer than the text is long, whatever its fragments stand for; and nothing walks
//! through a document with its fragments written out before the document is known to be within bounds.

mod price;
mod shape;
#[cfg(test)]
mod tests;
mod tokens;
mod variables;
mod weights;

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};
use async_graphql::{Name, ServerError, Value, Variables};
use serde_json::Map;

use super::cost::price::Price;
use super::cost::shape::{Shape, Shapes};
use super::cost::weights::WEIGHTS;
pub use super::cost::weights::cost;
use super::request::Answer;
use crate::graphql::RECURSION;
use crate::graphql::support::error_codes::ErrorCode;

/// Longest document.
const TOKENS: u64 = 4_000;
/// Brackets within brackets, of any kind.
const BRACKETS: u64 = 128;
/// Fields within fields. GraphiQL's introspection needs 15.
const DEPTH: u64 = 18;
/// Selection sets within selection sets, those of fragments included: the executor's own bound.
const NESTING: u64 = RECURSION as u64;
/// Fields and fragments of all operations of a document.
const SELECTIONS: u64 = 5_000;
const ALIASES: u64 = 64;
const DIRECTIVES: u64 = 64;
const ROOT_MUTATIONS: u64 = 16;
/// Operations of a document. All are looked at, with all fragments that each spreads, though one is run.
const OPERATIONS: u64 = 50;
/// Bytes of a name or number; errors repeat them.
const NAME: u64 = 128;
/// Bytes that variables take in memory, each as often as the document uses it: the executor copies them there.
const VARIABLES: u64 = 8 * 1024 * 1024;
/// Fields of the schema's own description. GraphiQL's introspection counts half of that.
const INTROSPECTED: u64 = 250_000;
/// So many fields of the schema's own description cost a point.
const INTROSPECTED_PER_POINT: u64 = 100;
/// So many selections cost a point at least, also where each of them is free.
const SELECTIONS_PER_POINT: u64 = 100;
/// Larger numbers are not told exactly.
const MOST_TOLD: u64 = i32::MAX as u64;

/// A measure, and what it may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    name: &'static str,
    what: &'static str,
    max: u64,
}

impl Limit {
    fn exceeded(self, actual: u64) -> Option<ServerError> {
        let Limit { name, what, max } = self;
        if actual <= max {
            return None;
        }
        let actual = actual.min(MOST_TOLD);
        let mut error =
            ErrorCode::LimitExceeded.error(format!("the operation has {actual} {what}; at most {max} may be"));
        let fact = [("name", Value::from(name)), ("max", max.into()), ("actual", actual.into())];
        let fact = fact.into_iter().map(|(name, value)| (Name::new(name), value)).collect();
        error.extensions.get_or_insert_default().set("limit", Value::Object(fact));
        Some(error)
    }
}

/// Refuses a text before it is parsed.
pub fn check_text(text: &str) -> Result<(), Box<Answer>> {
    let tokens = tokens::count(text);
    refused([
        (Limit { name: "tokens", what: "tokens", max: TOKENS }, tokens.count),
        (Limit { name: "brackets", what: "brackets within each other", max: BRACKETS }, tokens.brackets),
        (Limit { name: "name", what: "bytes in a name or number", max: NAME }, tokens.name),
    ])
}

/// What is known of an operation, whatever its variables are.
#[derive(Debug)]
pub struct Measured {
    /// How large it is.
    shape: Shape,
    price: Price,
    defaults: HashMap<Name, Value>,
    /// How often the document uses each variable.
    uses: Arc<HashMap<Name, u64>>,
}

/// Measures the operations of a document, in the order in which the document gives them; refuses it if one is too large.
pub fn measure(document: &ExecutableDocument) -> Result<Vec<(Option<Name>, Measured)>, Box<Answer>> {
    let operations = u64::try_from(document.operations.iter().count()).unwrap_or(u64::MAX);
    refused([(Limit { name: "operations", what: "operations", max: OPERATIONS }, operations)])?;
    let uses = Arc::new(variables::uses(document));
    let shapes = Shapes::of(document, &WEIGHTS).map_err(|name| {
        Answer::refused(ErrorCode::ValidationFailed, format!("the fragment `{name}` contains itself"))
    })?;
    let mut selections: u64 = 0;
    let measured = document.operations.iter().map(|(name, operation)| {
        let operation = &operation.node;
        let mut shape = shapes.operation(operation);
        // All operations are looked through, though one is run; together they must be within bounds.
        selections = selections.saturating_add(shape.selections);
        shape.selections = selections;
        check_shape(operation, shape)?;
        let price = Price::of(document, operation, &WEIGHTS);
        Ok((name.cloned(), Measured { shape, price, defaults: defaults(operation), uses: uses.clone() }))
    });
    measured.collect()
}

fn check_shape(operation: &OperationDefinition, shape: Shape) -> Result<(), Box<Answer>> {
    let mutations = if operation.ty == OperationType::Mutation { shape.roots } else { 0 };
    refused([
        (Limit { name: "depth", what: "fields within each other", max: DEPTH }, shape.depth),
        (Limit { name: "nesting", what: "selection sets within each other", max: NESTING }, shape.nesting),
        (Limit { name: "selections", what: "selections", max: SELECTIONS }, shape.selections),
        (Limit { name: "aliases", what: "aliases", max: ALIASES }, shape.aliases),
        (Limit { name: "directives", what: "directives", max: DIRECTIVES }, shape.directives),
        (Limit { name: "mutations", what: "mutations", max: ROOT_MUTATIONS }, mutations),
        (
            Limit { name: "introspection", what: "fields of the schema's description", max: INTROSPECTED },
            shape.introspected,
        ),
    ])
}

fn refused(measures: impl IntoIterator<Item = (Limit, u64)>) -> Result<(), Box<Answer>> {
    let errors: Vec<ServerError> = measures.into_iter().filter_map(|(limit, actual)| limit.exceeded(actual)).collect();
    if errors.is_empty() { Ok(()) } else { Err(Answer::failed(errors)) }
}

fn defaults(operation: &OperationDefinition) -> HashMap<Name, Value> {
    let default = |variable: &async_graphql::parser::types::VariableDefinition| {
        let default = variable.default_value.as_ref()?;
        Some((variable.name.node.clone(), default.node.clone()))
    };
    operation.variable_definitions.iter().filter_map(|variable| default(&variable.node)).collect()
}

impl Measured {
    /// How many fields its top level has, but for `__typename`.
    pub fn roots(&self) -> u64 {
        self.shape.roots
    }

    /// About how much memory this takes, in bytes.
    pub fn bytes(&self) -> u64 {
        self.price.parts().saturating_mul(256)
    }

    /// Refuses variables that would be large where they are used.
    pub fn check_variables(&self, given: &Map<String, serde_json::Value>) -> Result<(), Box<Answer>> {
        let of = |(name, value): (&String, &serde_json::Value)| {
            let uses = self.uses.get(name.as_str()).copied().unwrap_or(0);
            uses.saturating_mul(variables::bytes(value))
        };
        let bytes = given.iter().map(of).fold(0, u64::saturating_add);
        refused([(Limit { name: "variables", what: "bytes of variables where they are used", max: VARIABLES }, bytes)])
    }

    /// What it costs with these variables, at least a point; refuses what costs more than `max`, and questions about
    /// the schema where they are not answered.
    pub fn cost(&self, variables: &Variables, max: u64, introspection: bool) -> Result<u64, Box<Answer>> {
        if self.shape.introspected > 0 && !introspection {
            return Err(Answer::refused(ErrorCode::IntrospectionDisabled, "the schema cannot be asked for here"));
        }
        let introspected = self.shape.introspected.div_ceil(INTROSPECTED_PER_POINT);
        let looked_at = self.shape.selections.div_ceil(SELECTIONS_PER_POINT);
        let points = self.price.with(variables, &self.defaults).saturating_add(introspected).max(looked_at).max(1);
        refused([(Limit { name: "cost", what: "points of cost", max }, points)])?;
        Ok(points)
    }
}
