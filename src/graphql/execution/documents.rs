//! Documents: parsed once and cached, and checked for what the executor does not check.

use std::ops::Range;
use std::sync::Arc;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, InlineFragment, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};
use moka::sync::Cache;

use super::cost::{self, OperationCost};
use super::response::GraphqlResponse;
use super::source_text;
use super::validation::{self, ValidDocument};
use crate::graphql::support::error_codes::ErrorCode;

/// The most memory that cached documents take, in bytes.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// Approximate memory of a parsed document and of the validator's copy of it, as a multiple of the bytes of its text.
const PARSED_FACTOR: usize = 32;
/// Documents with a longer text are not cached. They are rare.
const MAX_CACHED_TEXT_BYTES: usize = 16 * 1024;

/// The documents that were parsed recently, by text. Cheap to clone.
#[derive(Clone)]
pub struct Documents(Cache<String, Arc<Document>>);

/// A document, and what is known of its operations before the variables are known.
pub struct Document {
    /// The document as the executor's parser returns it.
    pub parsed: ExecutableDocument,
    /// The document as the validator returns it; variables are checked against it.
    pub valid: ValidDocument,
    operations: Vec<(Option<Name>, OperationCost)>,
}

impl Document {
    /// The cost of the operation with this name, or of the only one.
    pub fn cost_of(&self, name: Option<&str>) -> Option<&OperationCost> {
        let is_requested = |own: &Option<Name>| name.is_none() || own.as_deref() == name;
        self.operations.iter().find(|(own, _)| is_requested(own)).map(|(_, cost)| cost)
    }

    fn bytes(&self, text: &str) -> u64 {
        let costs: u64 = self.operations.iter().map(|(_, cost)| cost.bytes()).sum();
        u64::try_from(text.len().saturating_mul(PARSED_FACTOR)).unwrap_or(u64::MAX).saturating_add(costs)
    }
}

impl Default for Documents {
    fn default() -> Self {
        let bytes = |text: &String, document: &Arc<Document>| u32::try_from(document.bytes(text)).unwrap_or(u32::MAX);
        Documents(Cache::builder().max_capacity(CACHE_BYTES).weigher(bytes).build())
    }
}

impl Documents {
    /// Parses, measures and validates a text. `suggest` says whether errors may suggest names of the schema.
    pub fn parse(&self, text: &str, suggest: bool) -> Result<Arc<Document>, Box<GraphqlResponse>> {
        if let Some(cached) = self.0.get(text) {
            return Ok(cached);
        }
        cost::check_text(text)?;
        let source = source_text::for_parsers(text);
        let mut parsed = parse(&source)?;
        let operations = cost::measure(&parsed)?;
        let valid = validation::check(&source, suggest)?;
        if !valid.long_ids.is_empty() {
            parsed = parse(&quote(&source, &valid.long_ids))?;
        }
        move_conditions(&mut parsed);
        let document = Arc::new(Document { parsed, valid, operations });
        if text.len() <= MAX_CACHED_TEXT_BYTES {
            self.0.insert(text.to_owned(), document.clone());
        }
        Ok(document)
    }
}

/// Parses a text with the executor's parser. That parser accepts no white space within a type and not every escape in a
/// string, and it keeps the backslash of `\"""`. Texts that it cannot parse, or would parse wrongly, are normalized
/// first; the locations of errors then refer to the normalized text.
fn parse(text: &str) -> Result<ExecutableDocument, Box<GraphqlResponse>> {
    let refuse = |error| {
        let mut error = async_graphql::ServerError::from(error);
        error.extensions.get_or_insert_default().set("code", ErrorCode::ParseFailed.as_str());
        GraphqlResponse::from_errors(vec![error])
    };
    let parse_normalized = || parse_query(validation::normalize(text)?).ok();
    if text.contains(r#"\""""#)
        && let Some(document) = parse_normalized()
    {
        return Ok(document);
    }
    parse_query(text).or_else(|error| parse_normalized().ok_or_else(|| refuse(error)))
}

/// Quotes these ranges of a text: integers in the place of IDs that have more than 64 bits, of which the executor's parser
/// would keep the first digits only. The locations of later errors in the same line refer to the quoted text.
fn quote(text: &str, ranges: &[Range<usize>]) -> String {
    let mut quoted = String::with_capacity(text.len() + 2 * ranges.len());
    let mut copied = 0;
    for range in ranges {
        quoted.extend([&text[copied..range.start], "\"", &text[range.clone()], "\""]);
        copied = range.end;
    }
    quoted.push_str(&text[copied..]);
    quoted
}

/// Moves `@skip` and `@include` of a `__typename` to an inline fragment around it, where they mean the same. The
/// executor's validation does not see them on `__typename` itself and reports variables that are used only there as
/// unused.
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

/// Finds the operation with this name, or the only one.
pub fn find_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a Positioned<OperationDefinition>, Box<GraphqlResponse>> {
    let by_name = |name: &str| match &document.operations {
        DocumentOperations::Multiple(operations) => operations.get(name),
        // The parser returns `Single` only for an operation without a name.
        DocumentOperations::Single(_) => None,
    };
    let refuse = |message: String| Err(GraphqlResponse::from_error(ErrorCode::OperationResolution, message));
    match (name, &document.operations) {
        (Some(name), _) => match by_name(name) {
            Some(operation) => Ok(operation),
            None => refuse(format!("the document has no operation `{name}`")),
        },
        (None, DocumentOperations::Single(operation)) => Ok(operation),
        (None, DocumentOperations::Multiple(operations)) => match operations.values().next() {
            Some(operation) if operations.len() == 1 => Ok(operation),
            _ => refuse("the document has several operations; choose one with `operationName`".to_owned()),
        },
    }
}
