//! What an operation costs: worked out once for its document, and multiplied by the variables of each request.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Value, Variables};
use async_graphql_value::Value as Literal;
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
    /// By the name of each.
    arguments: Vec<(&'static str, Source)>,
    /// What `first` is when it is left out.
    usual: u64,
}

/// Where an argument's value comes from.
#[derive(Debug)]
enum Source {
    Told(Told),
    Variable(Name),
}

/// What a value says about how many, without the value itself: it may be long, and is looked at often.
#[derive(Clone, Copy, Debug)]
enum Told {
    Nothing,
    Count(u64),
    Day(NaiveDate),
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

    /// How many parts it has whose number the variables decide.
    pub fn parts(&self) -> u64 {
        self.parts.iter().fold(0, |sum: u64, (_, each)| sum.saturating_add(1).saturating_add(each.parts()))
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
        let arguments = ARGUMENTS.into_iter().filter_map(|name| Some((name, source(&field.get_argument(name)?.node))));
        let asked = Asked { length: facts.length, arguments: arguments.collect(), usual: facts.usual };
        match asked.arguments.iter().all(|(_, source)| matches!(source, Source::Told(_))) {
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
        let given = |wanted: &str| {
            let (_, source) = self.arguments.iter().find(|(name, _)| *name == wanted)?;
            match source {
                Source::Told(told) => Some(*told),
                Source::Variable(name) => variables.get(name).or(defaults.get(name)).map(told),
            }
        };
        let number = |name: &str| match given(name)? {
            Told::Count(count) => Some(count.min(u64::from(MAX_PAGE))),
            _ => None,
        };
        let date = |name: &str| match given(name)? {
            Told::Day(day) => Some(day),
            _ => None,
        };
        match self.length {
            Length::Page | Length::First => number("first").or(number("last")).unwrap_or(self.usual),
            Length::Ids => match given("ids") {
                Some(Told::Count(ids)) => ids,
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

fn source(value: &Literal) -> Source {
    match value {
        Literal::Variable(name) => Source::Variable(name.clone()),
        Literal::Number(number) => Source::Told(count(number.as_u64())),
        // However many of its items are variables, each is one.
        Literal::List(items) => Source::Told(count(u64::try_from(items.len()).ok())),
        Literal::String(text) => Source::Told(day(text)),
        _ => Source::Told(Told::Nothing),
    }
}

fn told(value: &Value) -> Told {
    match value {
        Value::Number(number) => count(number.as_u64()),
        Value::List(items) => count(u64::try_from(items.len()).ok()),
        Value::String(text) => day(text),
        _ => Told::Nothing,
    }
}

/// What is below nothing is refused later; it is no reason to pay less than nothing.
fn count(number: Option<u64>) -> Told {
    Told::Count(number.unwrap_or(0))
}

fn day(text: &str) -> Told {
    text.parse().map_or(Told::Nothing, Told::Day)
}
