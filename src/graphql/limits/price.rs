//! What an operation costs: worked out once for its document, and multiplied by the variables of each request.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned, Value, Variables};
use chrono::NaiveDate;

use super::weights::{Facts, Fields, INTROSPECTION, Length, Weights};
use crate::kernel::page::MAX_PAGE;

/// Most days that a calendar answers with.
const MOST_DAYS: u64 = 366;
/// The arguments that decide how many items there are.
const ARGUMENTS: [&str; 5] = ["first", "last", "ids", "from", "to"];

/// A cost, but for what the variables decide.
#[derive(Debug, Default)]
pub struct Price {
    fixed: u64,
    parts: Vec<(Size, Price)>,
}

/// How many items there are.
#[derive(Clone, Debug)]
enum Size {
    Known(u64),
    Asked(Arc<Asked>),
}

/// The arguments that decide how many.
#[derive(Debug)]
struct Asked {
    length: Length,
    /// The field with nothing but its arguments.
    field: Field,
    /// What `first` is when it is left out.
    usual: u64,
}

impl Price {
    /// What an operation costs whose fragments are not circular and whose size is bounded. A part that stands in several
    /// places counts in each, and every branch for a type counts, though an item is of one type only.
    pub fn of(document: &ExecutableDocument, operation: &OperationDefinition, weights: &Weights) -> Price {
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let mut price = Price::default();
        let set = &operation.selection_set.node;
        Pricing { document, weights }.add(set, weights.fields(root), &Size::Known(1), &mut price);
        price
    }

    /// The cost with these variables.
    pub fn with(&self, variables: &Variables, defaults: &HashMap<Name, Value>) -> u64 {
        self.parts.iter().fold(self.fixed, |sum, (size, each)| {
            let times = size.with(variables, defaults);
            sum.saturating_add(times.saturating_mul(each.with(variables, defaults)))
        })
    }

    fn add(&mut self, size: &Size, each: Price) {
        match size {
            Size::Known(1) => {
                self.fixed = self.fixed.saturating_add(each.fixed);
                self.parts.extend(each.parts);
            }
            Size::Known(times) if each.parts.is_empty() => {
                self.fixed = self.fixed.saturating_add(times.saturating_mul(each.fixed));
            }
            _ => self.parts.push((size.clone(), each)),
        }
    }
}

struct Pricing<'a> {
    document: &'a ExecutableDocument,
    weights: &'a Weights,
}

impl Pricing<'_> {
    /// Adds what a selection set costs, below a page of that size.
    fn add(&self, set: &SelectionSet, fields: Option<&Fields>, page: &Size, price: &mut Price) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => self.add_field(&field.node, fields, page, price),
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                    let fields = on.map_or(fields, |on| self.weights.fields(on));
                    self.add(&fragment.node.selection_set.node, fields, page, price);
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.node.fragment_name.node);
                    let Some(fragment) = fragment else { continue };
                    let fields = self.weights.fields(&fragment.node.type_condition.node.on.node);
                    self.add(&fragment.node.selection_set.node, fields, page, price);
                }
            }
        }
    }

    fn add_field(&self, field: &Field, fields: Option<&Fields>, page: &Size, price: &mut Price) {
        let name = field.name.node.as_str();
        // What describes the schema is counted and limited apart.
        if name == "__typename" || INTROSPECTION.contains(&name) {
            return;
        }
        let facts = fields.and_then(|fields| fields.get(name));
        price.fixed = price.fixed.saturating_add(facts.map_or(1, |facts| facts.weight));
        let size = facts.map_or(Size::Known(1), |facts| Size::of(field, facts, page));
        let below = facts.and_then(|facts| self.weights.fields(&facts.of));
        let is_page = facts.is_some_and(|facts| facts.length == Length::Page);
        let (page, times) = if is_page { (size, Size::Known(1)) } else { (Size::Known(1), size) };
        let mut each = Price::default();
        self.add(&field.selection_set.node, below, &page, &mut each);
        price.add(&times, each);
    }
}

impl Size {
    fn of(field: &Field, facts: &Facts, page: &Size) -> Size {
        match facts.length {
            Length::Fixed(count) => return Size::Known(count),
            Length::Item => return page.clone(),
            Length::Page | Length::Ids | Length::Days | Length::First => {}
        }
        let arguments: Vec<_> =
            field.arguments.iter().filter(|(name, _)| ARGUMENTS.contains(&name.node.as_str())).cloned().collect();
        let is_fixed = arguments.iter().all(|(_, value)| value.node.clone().into_const().is_some());
        let field = Field {
            alias: None,
            name: field.name.clone(),
            arguments,
            directives: Vec::new(),
            selection_set: Positioned::new(SelectionSet::default(), Pos::default()),
        };
        let asked = Asked { length: facts.length, field, usual: facts.usual };
        match is_fixed {
            true => Size::Known(asked.with(&Variables::default(), &HashMap::new())),
            false => Size::Asked(Arc::new(asked)),
        }
    }

    fn with(&self, variables: &Variables, defaults: &HashMap<Name, Value>) -> u64 {
        match self {
            Size::Known(count) => *count,
            Size::Asked(asked) => asked.with(variables, defaults),
        }
    }
}

impl Asked {
    fn with(&self, variables: &Variables, defaults: &HashMap<Name, Value>) -> u64 {
        let given = |name: &str| {
            let value = self.field.get_argument(name)?.node.clone();
            let of = |variable: Name| variables.get(&variable).or(defaults.get(&variable)).cloned().unwrap_or_default();
            value.into_const_with(|variable| Ok::<_, std::convert::Infallible>(of(variable))).ok()
        };
        let number = |name: &str| match given(name)? {
            // What is below nothing is refused later; it is no reason to pay less than nothing.
            Value::Number(number) => Some(number.as_u64().unwrap_or(0).min(u64::from(MAX_PAGE))),
            _ => None,
        };
        let date = |name: &str| match given(name)? {
            Value::String(text) => text.parse::<NaiveDate>().ok(),
            _ => None,
        };
        match self.length {
            Length::Page | Length::First => number("first").or(number("last")).unwrap_or(self.usual),
            Length::Ids => match given("ids") {
                Some(Value::List(ids)) => u64::try_from(ids.len()).unwrap_or(u64::MAX),
                _ => 1,
            },
            Length::Days => match (date("from"), date("to")) {
                (Some(from), Some(to)) => u64::try_from((to - from).num_days()).unwrap_or(0).min(MOST_DAYS),
                _ => MOST_DAYS,
            },
            Length::Fixed(_) | Length::Item => 1,
        }
    }
}
