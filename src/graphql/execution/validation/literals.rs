//! Checks inside literals that the validator omits: an input object has no field twice (section 5.6.3), and a variable
//! has the type that its position expects (section 5.8.5). Also finds the integers that the executor's parser shortens.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use apollo_compiler::ast::{Argument, DirectiveList, InputValueDefinition, Type, Value, VariableDefinition};
use apollo_compiler::executable::{ExecutableDocument, Fragment, Operation, Selection, SelectionSet};
use apollo_compiler::{Name, Node, Schema};

/// The message, worded as in graphql-js, and the name in the document that it is about.
pub type Fault<'a> = (String, &'a Name);

/// Finds the first fault of a document that is valid otherwise. Without a fault, returns the places of integers that are
/// given for an ID and have more than 64 bits.
pub fn check<'a>(schema: &'a Schema, document: &'a ExecutableDocument) -> Result<Vec<Range<usize>>, Fault<'a>> {
    let mut long_ids = BTreeMap::new();
    for operation in document.operations.iter() {
        let mut walk = Walk::new(schema, document, operation);
        if let Some(fault) = walk.operation(operation) {
            return Err(fault);
        }
        long_ids.extend(walk.long_ids);
    }
    Ok(long_ids.into_iter().map(|(start, end)| start..end).collect())
}

/// Walks one operation, and each fragment that it spreads once.
struct Walk<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: HashMap<&'a Name, &'a VariableDefinition>,
    visited: HashSet<&'a Name>,
    /// The start and the end of each.
    long_ids: BTreeMap<usize, usize>,
}

impl<'a> Walk<'a> {
    fn new(schema: &'a Schema, document: &'a ExecutableDocument, operation: &'a Operation) -> Walk<'a> {
        let variables = operation.variables.iter().map(|variable| (&variable.name, &**variable)).collect();
        Walk { schema, document, variables, visited: HashSet::new(), long_ids: BTreeMap::new() }
    }

    fn operation(&mut self, operation: &'a Operation) -> Option<Fault<'a>> {
        for variable in &operation.variables {
            let default = variable.default_value.as_ref().and_then(|value| self.value(value, Some(&variable.ty)));
            if let Some(fault) = default.or_else(|| self.directives(&variable.directives)) {
                return Some(fault);
            }
        }
        self.directives(&operation.directives).or_else(|| self.selections(&operation.selection_set))
    }

    fn selections(&mut self, set: &'a SelectionSet) -> Option<Fault<'a>> {
        set.selections.iter().find_map(|selection| match selection {
            Selection::Field(field) => self
                .arguments(&field.arguments, &field.definition.arguments)
                .or_else(|| self.directives(&field.directives))
                .or_else(|| self.selections(&field.selection_set)),
            Selection::FragmentSpread(spread) => {
                self.directives(&spread.directives).or_else(|| self.fragment(&spread.fragment_name))
            }
            Selection::InlineFragment(inline) => {
                self.directives(&inline.directives).or_else(|| self.selections(&inline.selection_set))
            }
        })
    }

    fn fragment(&mut self, name: &'a Name) -> Option<Fault<'a>> {
        let fragment: &'a Node<Fragment> = self.document.fragments.get(name)?;
        if !self.visited.insert(name) {
            return None;
        }
        self.directives(&fragment.directives).or_else(|| self.selections(&fragment.selection_set))
    }

    fn directives(&mut self, directives: &'a DirectiveList) -> Option<Fault<'a>> {
        let schema = self.schema;
        directives.iter().find_map(|directive| {
            let definition = schema.directive_definitions.get(&directive.name)?;
            self.arguments(&directive.arguments, &definition.arguments)
        })
    }

    fn arguments(
        &mut self,
        given: &'a [Node<Argument>],
        defined: &'a [Node<InputValueDefinition>],
    ) -> Option<Fault<'a>> {
        given.iter().find_map(|argument| {
            let definition = defined.iter().find(|definition| definition.name == argument.name);
            self.value(&argument.value, definition.map(|definition| &*definition.ty))
        })
    }

    /// Checks a value in a position of this type. Inside custom scalars no type is expected.
    fn value(&mut self, value: &'a Node<Value>, expected: Option<&'a Type>) -> Option<Fault<'a>> {
        match &**value {
            Value::Int(digits) => {
                let is_id = expected.is_some_and(|ty| ty.inner_named_type() == "ID");
                let is_long = digits.as_str().parse::<i64>().is_err() && digits.as_str().parse::<u64>().is_err();
                if let Some(at) = value.location()
                    && is_id
                    && is_long
                {
                    self.long_ids.insert(at.offset(), at.end_offset());
                }
                None
            }
            Value::List(items) => {
                let expected = expected.map(Type::item_type);
                items.iter().find_map(|item| self.inner(item, expected, false))
            }
            Value::Object(fields) => {
                let object = expected.and_then(|ty| self.schema.get_input_object(ty.inner_named_type()));
                let mut seen = HashSet::new();
                fields.iter().find_map(|(name, value)| {
                    if !seen.insert(name) {
                        return Some((format!("There can be only one input field named \"{name}\"."), name));
                    }
                    let field = object.and_then(|object| object.fields.get(name));
                    let has_default = field.is_some_and(|field| field.default_value.is_some());
                    self.inner(value, field.map(|field| &*field.ty), has_default)
                })
            }
            _ => None,
        }
    }

    /// Checks a value inside another one, which the validator does not check.
    fn inner(&mut self, value: &'a Node<Value>, expected: Option<&'a Type>, has_default: bool) -> Option<Fault<'a>> {
        let Value::Variable(name) = &**value else { return self.value(value, expected) };
        let (variable, expected) = (self.variables.get(name)?, expected?);
        let has_value = variable.default_value.as_ref().is_some_and(|value| !value.is_null());
        let fits = if expected.is_non_null() && (has_value || has_default) {
            variable.ty.is_assignable_to(&expected.clone().nullable())
        } else {
            variable.ty.is_assignable_to(expected)
        };
        let message = || {
            format!("Variable \"${name}\" of type \"{}\" used in position expecting type \"{expected}\".", variable.ty)
        };
        (!fits).then(|| (message(), name))
    }
}
