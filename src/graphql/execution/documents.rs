//! Documents: parsed once and kept, known by their hashes, and checked for what the executor does not look at.

use std::collections::HashSet;
use std::sync::Arc;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, InlineFragment, OperationDefinition, OperationType, Selection,
    SelectionSet,
};
use async_graphql::{Name, Positioned};
use moka::sync::Cache;

use super::cost;
use super::cost::Measured;
use super::request::Answer;
use super::validation;
use super::validation::ValidDocument;
use crate::graphql::support::error_codes::ErrorCode;

/// How many bytes of documents are kept parsed.
const KEPT_BYTES: u64 = 16 * 1024 * 1024;
/// A document, parsed and once more as the validator keeps it, takes about so many times the bytes of its text.
const PARSED_FACTOR: usize = 32;
/// Longer documents are parsed each time: nobody sends them often.
const LONGEST_KEPT: usize = 16 * 1024;

/// The documents that were parsed lately; cheap to clone.
#[derive(Clone)]
pub struct Documents(Cache<String, Arc<Document>>);

/// A document, and what is known of its operations whatever their variables are.
pub struct Document {
    /// The document itself.
    pub parsed: ExecutableDocument,
    /// What its variables are held against.
    pub valid: ValidDocument,
    operations: Vec<(Option<Name>, Measured)>,
}

impl Document {
    /// What is known of the operation of that name, or of the only one.
    pub fn measured(&self, name: Option<&str>) -> Option<&Measured> {
        let is_meant = |known: &Option<Name>| name.is_none() || known.as_deref() == name;
        self.operations.iter().find(|(known, _)| is_meant(known)).map(|(_, measured)| measured)
    }

    fn bytes(&self, text: &str) -> u64 {
        let measured: u64 = self.operations.iter().map(|(_, measured)| measured.bytes()).sum();
        u64::try_from(text.len().saturating_mul(PARSED_FACTOR)).unwrap_or(u64::MAX).saturating_add(measured)
    }
}

impl Default for Documents {
    fn default() -> Self {
        let weigh = |text: &String, document: &Arc<Document>| u32::try_from(document.bytes(text)).unwrap_or(u32::MAX);
        Documents(Cache::builder().max_capacity(KEPT_BYTES).weigher(weigh).build())
    }
}

impl Documents {
    /// The document of a text, or why it is none, or too large a one, or not valid. `suggest` says whether names that
    /// exist may be told to who misses them.
    pub fn parse(&self, text: &str, suggest: bool) -> Result<Arc<Document>, Box<Answer>> {
        if let Some(known) = self.0.get(text) {
            return Ok(known);
        }
        cost::check_text(text)?;
        let mut parsed = parsed(text)?;
        let operations = cost::measure(&parsed)?;
        let valid = validation::check(text, suggest)?;
        move_conditions(&mut parsed);
        let document = Arc::new(Document { parsed, valid, operations });
        if text.len() <= LONGEST_KEPT {
            self.0.insert(text.to_owned(), document.clone());
        }
        Ok(document)
    }
}

/// Reads a text. The executor's parser takes no white space within a type and not every escape in a string, and keeps the
/// backslash of `\"""`: such texts are put plainly first, and what is said of places in them is said of the plain text.
fn parsed(text: &str) -> Result<ExecutableDocument, Box<Answer>> {
    let refused = |error| {
        let mut error = async_graphql::ServerError::from(error);
        error.extensions.get_or_insert_default().set("code", ErrorCode::ParseFailed.word());
        Answer::failed(vec![error])
    };
    let plainly = || parse_query(validation::plain(text)?).ok();
    if text.contains(r#"\""""#)
        && let Some(document) = plainly()
    {
        return Ok(document);
    }
    parse_query(text).or_else(|error| plainly().ok_or_else(|| refused(error)))
}

/// Puts the conditions of `__typename` around it, where they mean the same: the executor's validation overlooks them at the
/// field itself, and takes variables that are used nowhere else for unused.
fn move_conditions(document: &mut ExecutableDocument) {
    let operations: Vec<&mut Positioned<OperationDefinition>> = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    let sets = operations.into_iter().map(|operation| &mut operation.node.selection_set.node);
    let fragments = document.fragments.values_mut().map(|fragment| &mut fragment.node.selection_set.node);
    sets.chain(fragments).for_each(move_conditions_in);
}

fn move_conditions_in(set: &mut SelectionSet) {
    for item in &mut set.items {
        let at = item.pos;
        let field = match &mut item.node {
            Selection::Field(field) => field,
            Selection::InlineFragment(fragment) => {
                move_conditions_in(&mut fragment.node.selection_set.node);
                continue;
            }
            Selection::FragmentSpread(_) => continue,
        };
        let is_condition = |directive: &Positioned<Directive>| matches!(&*directive.node.name.node, "skip" | "include");
        let directives = &mut field.node.directives;
        if field.node.name.node != "__typename" || directives.is_empty() || !directives.iter().all(is_condition) {
            move_conditions_in(&mut field.node.selection_set.node);
            continue;
        }
        let directives = std::mem::take(directives);
        let inner = SelectionSet { items: vec![Positioned::new(Selection::Field(field.clone()), at)] };
        let fragment = InlineFragment { type_condition: None, directives, selection_set: Positioned::new(inner, at) };
        item.node = Selection::InlineFragment(Positioned::new(fragment, at));
    }
}

/// The operation of that name, or the only one.
pub fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, Box<Answer>> {
    let named = |name: &str| match &document.operations {
        DocumentOperations::Multiple(operations) => operations.get(name),
        // The parser forgets the name of an operation without company only where it has none.
        DocumentOperations::Single(_) => None,
    };
    let refused = |message: String| Err(Answer::refused(ErrorCode::OperationResolution, message));
    match (name, &document.operations) {
        (Some(name), _) => match named(name) {
            Some(operation) => Ok(&operation.node),
            None => refused(format!("the document holds no operation `{name}`")),
        },
        (None, DocumentOperations::Single(operation)) => Ok(&operation.node),
        (None, DocumentOperations::Multiple(operations)) => match operations.values().next() {
            Some(operation) if operations.len() == 1 => Ok(&operation.node),
            _ => refused("the document holds several operations; name one by `operationName`".to_owned()),
        },
    }
}

/// Refuses a mutation whose top level names one key twice: the executor would run such a field twice. That no fragment
/// contains itself has been seen to.
pub fn named_once(document: &ExecutableDocument, operation: &OperationDefinition) -> Result<(), Box<Answer>> {
    if operation.ty != OperationType::Mutation {
        return Ok(());
    }
    match named_twice(document, &operation.selection_set.node, &mut HashSet::new()) {
        Some(key) => {
            let message = format!("the mutation names `{key}` twice; give each an alias of its own");
            Err(Answer::refused(ErrorCode::ValidationFailed, message))
        }
        None => Ok(()),
    }
}

/// Refuses a subscription to anything but one field (section 5.2.4.1 of the specification), which must stand outside of
/// fragments: the executor does not look into them there, and would say nothing at all.
pub fn one_field(operation: &OperationDefinition) -> Result<(), Box<Answer>> {
    let items = &operation.selection_set.node.items;
    let is_field = |item: &Positioned<Selection>| matches!(item.node, Selection::Field(_));
    if operation.ty != OperationType::Subscription || (items.len() == 1 && items.iter().all(is_field)) {
        return Ok(());
    }
    let message = "a subscription must ask for exactly one field, outside of fragments";
    Err(Answer::refused(ErrorCode::ValidationFailed, message))
}

fn named_twice<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a Name>,
) -> Option<&'a Name> {
    for selection in &set.items {
        let inner = match &selection.node {
            // Free, and the same however often.
            Selection::Field(field) if field.node.name.node == "__typename" => continue,
            Selection::Field(field) => {
                let key = &field.node.response_key().node;
                if !seen.insert(key) {
                    return Some(key);
                }
                continue;
            }
            Selection::InlineFragment(fragment) => &fragment.node.selection_set.node,
            Selection::FragmentSpread(spread) => match document.fragments.get(&spread.node.fragment_name.node) {
                Some(fragment) => &fragment.node.selection_set.node,
                None => continue,
            },
        };
        if let Some(twice) = named_twice(document, inner, seen) {
            return Some(twice);
        }
    }
    None
}
