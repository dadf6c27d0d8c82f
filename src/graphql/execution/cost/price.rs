//! The price of an operation: computed once for its document, then evaluated with the variables of each request.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Value, Variables};
use async_graphql_value::Value as Literal;
use chrono::NaiveDate;

use super::weights::{FieldWeight, FieldWeights, INTROSPECTION_FIELDS, Length, Weights};
use crate::domain::listings::limits::CALENDAR_DAYS;
use crate::kernel::page::MAX_PAGE;

/// The arguments that determine the number of items of a list.
const SIZE_ARGUMENTS: [&str; 5] = ["first", "last", "ids", "from", "to"];

/// A cost as a function of the variables: a fixed part, and parts that are multiplied by the size of a list.
#[derive(Debug, Default)]
pub struct Price {
    fixed: u64,
    parts: Vec<(Size, Price)>,
}

/// The number of items of a list.
#[derive(Clone, Debug)]
enum Size {
    Fixed(u64),
    FromArguments(Arc<SizeArguments>),
}

/// The arguments that determine the number of items.
#[derive(Debug)]
struct SizeArguments {
    length: Length,
    /// The arguments that the document gives, by name.
    arguments: Vec<(&'static str, Source)>,
    /// The number of items if neither `first` nor `last` is given.
    default_items: u64,
}

/// The source of an argument's value.
#[derive(Debug)]
enum Source {
    Literal(SizeValue),
    Variable(Name),
}

/// What a value contributes to a size. The value itself is not stored: it may be long, and a price is evaluated often.
#[derive(Clone, Copy, Debug)]
enum SizeValue {
    Other,
    Count(u64),
    Date(NaiveDate),
}

impl Price {
    /// Computes the price of an operation. The caller has checked that its fragments are not circular and that its size
    /// is within the limits. A fragment counts in every place that spreads it. Every type condition counts, although an
    /// item has one type only.
    pub fn of(document: &ExecutableDocument, operation: &OperationDefinition, weights: &Weights) -> Price {
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        let mut price = Price::default();
        let set = &operation.selection_set.node;
        PriceBuilder { document, weights }.add_set(set, weights.fields(root), &Size::Fixed(1), &mut price);
        price
    }

    /// The points with these variables.
    pub fn evaluate(&self, variables: &Variables, defaults: &HashMap<Name, Value>) -> u64 {
        self.parts.iter().fold(self.fixed, |sum, (size, each)| {
            let items = size.evaluate(variables, defaults);
            sum.saturating_add(items.saturating_mul(each.evaluate(variables, defaults)))
        })
    }

    /// Counts the parts that are multiplied by the size of a list, at every level.
    pub fn count_parts(&self) -> u64 {
        self.parts.iter().fold(0, |sum: u64, (_, each)| sum.saturating_add(1).saturating_add(each.count_parts()))
    }

    /// Adds `size` times the price of each item.
    fn add(&mut self, size: &Size, each: Price) {
        match size {
            Size::Fixed(1) => {
                self.fixed = self.fixed.saturating_add(each.fixed);
                self.parts.extend(each.parts);
            }
            Size::Fixed(items) if each.parts.is_empty() => {
                self.fixed = self.fixed.saturating_add(items.saturating_mul(each.fixed));
            }
            _ => self.parts.push((size.clone(), each)),
        }
    }
}

struct PriceBuilder<'a> {
    document: &'a ExecutableDocument,
    weights: &'a Weights,
}

impl PriceBuilder<'_> {
    /// Adds the price of a selection set. `page` is the size of the page that the set is selected on.
    fn add_set(&self, set: &SelectionSet, fields: Option<&FieldWeights>, page: &Size, price: &mut Price) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => self.add_field(&field.node, fields, page, price),
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map(|on| on.node.on.node.as_str());
                    let fields = on.map_or(fields, |on| self.weights.fields(on));
                    self.add_set(&fragment.node.selection_set.node, fields, page, price);
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.node.fragment_name.node);
                    let Some(fragment) = fragment else { continue };
                    let fields = self.weights.fields(&fragment.node.type_condition.node.on.node);
                    self.add_set(&fragment.node.selection_set.node, fields, page, price);
                }
            }
        }
    }

    fn add_field(&self, field: &Field, fields: Option<&FieldWeights>, page: &Size, price: &mut Price) {
        let name = field.name.node.as_str();
        // Introspection is counted and limited separately.
        if name == "__typename" || INTROSPECTION_FIELDS.contains(&name) {
            return;
        }
        let weight = fields.and_then(|fields| fields.get(name));
        price.fixed = price.fixed.saturating_add(weight.map_or(1, |weight| weight.points));
        let size = weight.map_or(Size::Fixed(1), |weight| Size::of(field, weight, page));
        let inner_fields = weight.and_then(|weight| self.weights.fields(&weight.item_type));
        let is_page = weight.is_some_and(|weight| weight.length == Length::Page);
        let (page, items) = if is_page { (size, Size::Fixed(1)) } else { (Size::Fixed(1), size) };
        let mut each = Price::default();
        self.add_set(&field.selection_set.node, inner_fields, &page, &mut each);
        price.add(&items, each);
    }
}

impl Size {
    fn of(field: &Field, weight: &FieldWeight, page: &Size) -> Size {
        match weight.length {
            Length::Fixed(count) => return Size::Fixed(count),
            Length::PageItem => return page.clone(),
            Length::Page | Length::Ids | Length::Days | Length::First => {}
        }
        let source = |name: &str| Some(Source::of(&field.get_argument(name)?.node));
        let arguments = SIZE_ARGUMENTS.into_iter().filter_map(|name| Some((name, source(name)?))).collect();
        let size = SizeArguments { length: weight.length, arguments, default_items: weight.default_items };
        match size.arguments.iter().all(|(_, source)| matches!(source, Source::Literal(_))) {
            true => Size::Fixed(size.evaluate(&Variables::default(), &HashMap::new())),
            false => Size::FromArguments(Arc::new(size)),
        }
    }

    fn evaluate(&self, variables: &Variables, defaults: &HashMap<Name, Value>) -> u64 {
        match self {
            Size::Fixed(count) => *count,
            Size::FromArguments(arguments) => arguments.evaluate(variables, defaults),
        }
    }
}

impl SizeArguments {
    fn evaluate(&self, variables: &Variables, defaults: &HashMap<Name, Value>) -> u64 {
        let value = |wanted: &str| {
            let (_, source) = self.arguments.iter().find(|(name, _)| *name == wanted)?;
            match source {
                Source::Literal(value) => Some(*value),
                Source::Variable(name) => variables.get(name).or(defaults.get(name)).map(SizeValue::of),
            }
        };
        let count = |name: &str| match value(name)? {
            SizeValue::Count(count) => Some(count.min(u64::from(MAX_PAGE))),
            _ => None,
        };
        let date = |name: &str| match value(name)? {
            SizeValue::Date(date) => Some(date),
            _ => None,
        };
        let max_days = u64::from(CALENDAR_DAYS);
        match self.length {
            Length::Page | Length::First => count("first").or(count("last")).unwrap_or(self.default_items),
            Length::Ids => match value("ids") {
                Some(SizeValue::Count(ids)) => ids,
                _ => 1,
            },
            Length::Days => match (date("from"), date("to")) {
                (Some(from), Some(to)) => u64::try_from((to - from).num_days()).unwrap_or(0).min(max_days),
                _ => max_days,
            },
            Length::Fixed(_) | Length::PageItem => 1,
        }
    }
}

impl Source {
    fn of(value: &Literal) -> Source {
        match value {
            Literal::Variable(name) => Source::Variable(name.clone()),
            Literal::Number(number) => Source::Literal(SizeValue::count(number.as_u64())),
            // A variable inside a list is one item.
            Literal::List(items) => Source::Literal(SizeValue::count(u64::try_from(items.len()).ok())),
            Literal::String(text) => Source::Literal(SizeValue::date(text)),
            _ => Source::Literal(SizeValue::Other),
        }
    }
}

impl SizeValue {
    fn of(value: &Value) -> SizeValue {
        match value {
            Value::Number(number) => SizeValue::count(number.as_u64()),
            Value::List(items) => SizeValue::count(u64::try_from(items.len()).ok()),
            Value::String(text) => SizeValue::date(text),
            _ => SizeValue::Other,
        }
    }

    /// A negative number is refused later; here it counts as 0, so that it does not reduce the price.
    fn count(number: Option<u64>) -> SizeValue {
        SizeValue::Count(number.unwrap_or(0))
    }

    fn date(text: &str) -> SizeValue {
        text.parse().map_or(SizeValue::Other, SizeValue::Date)
    }
}
