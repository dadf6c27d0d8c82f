//! GraphQL over HTTP: queries by GET and POST, mutations by POST with a JSON body and nothing else.
//!
//! Bodies of any other type are refused: a form or a plain text is what another site's page could make a browser send.

use std::collections::HashSet;

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet};
use async_graphql::{Name, ServerError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Served;
use super::viewer::Caller;
use crate::domain::error::Error;
use crate::graphql;
use crate::platform::rate_limit::TooMany;

const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
const JSON: &str = "application/json";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Selections nested deeper are refused before anything looks at them.
const DEEPEST: usize = 32;

/// Why a request never reached the schema.
pub(super) enum Failure {
    /// The caller has asked too often.
    TooMany(TooMany),
    /// The `Authorization` header is of another scheme.
    NotBearer,
    /// The token speaks for nobody.
    Authentication(Error),
    /// Neither of our media types is acceptable.
    NotAcceptable,
    /// The body is not JSON by its own account.
    NotJson,
    /// The body is too large or broke off.
    Body(StatusCode, String),
    /// The request cannot be read.
    Malformed(String),
    /// A method, or an operation by a method, that is not served.
    Method(&'static str, &'static str),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        let (status, code, message) = match self {
            Failure::TooMany(wait) => {
                headers.insert(header::RETRY_AFTER, wait.retry_after_s.into());
                let message = format!("too many requests; wait {} seconds", wait.retry_after_s);
                (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message)
            }
            Failure::NotBearer => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "the Authorization header must be a Bearer token".into())
            }
            Failure::Authentication(Error::Refused(refusals)) => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
                let message = refusals.into_iter().next().map(|refusal| refusal.message).unwrap_or_default();
                (StatusCode::UNAUTHORIZED, "TOKEN_EXPIRED", message)
            }
            Failure::Authentication(error) => {
                tracing::error!(%error, "a token could not be checked");
                (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "internal error".into())
            }
            Failure::NotAcceptable => {
                let message = format!("accept {GRAPHQL_RESPONSE} or {JSON}");
                (StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message)
            }
            Failure::NotJson => {
                let message = format!("the Content-Type must be {JSON}");
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
            }
            Failure::Body(status, message) => (status, "BAD_REQUEST", message),
            Failure::Malformed(message) => (StatusCode::BAD_REQUEST, "BAD_REQUEST", message),
            Failure::Method(allowed, message) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
                (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message.into())
            }
        };
        let body = json!({ "errors": [{ "message": message, "extensions": { "code": code } }] });
        (status, headers, Json(body)).into_response()
    }
}

/// The parameters of a query by GET.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetParameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
}

/// Answers a query by GET.
pub(super) async fn get(
    State(served): State<Served>,
    caller: Caller,
    headers: HeaderMap,
    Query(parameters): Query<GetParameters>,
) -> Result<Response, Failure> {
    let media = negotiate(&headers)?;
    let query = parameters.query.ok_or_else(|| Failure::Malformed("the parameter `query` is missing".into()))?;
    let mut request = async_graphql::Request::new(query);
    if let Some(variables) = parameters.variables {
        request.variables = serde_json::from_str(&variables)
            .map_err(|_| Failure::Malformed("the parameter `variables` must be a JSON object".into()))?;
    }
    request.operation_name = parameters.operation_name;
    if kind(&mut request).is_some_and(|kind| kind != OperationType::Query) {
        return Err(Failure::Method("POST", "only queries may be sent by GET"));
    }
    Ok(answer(&served, caller, media, request).await)
}

/// Answers an operation by POST.
pub(super) async fn post(
    State(served): State<Served>,
    mut caller: Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let media = negotiate(&headers)?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.and_then(|text| text.parse::<mime::Mime>().ok());
    if content_type.is_none_or(|content_type| content_type.essence_str() != JSON) {
        return Err(Failure::NotJson);
    }
    let body = body.map_err(|rejection| Failure::Body(rejection.status(), rejection.body_text()))?;
    let value: Value = serde_json::from_slice(&body).map_err(|error| Failure::Malformed(error.to_string()))?;
    if !value.get("query").is_some_and(Value::is_string) {
        return Err(Failure::Malformed("the body must be an object with a string `query`".into()));
    }
    let mut request =
        async_graphql::Request::deserialize(value).map_err(|error| Failure::Malformed(error.to_string()))?;
    caller.client.idempotency_key = idempotency_key(&headers, &mut request)?;
    Ok(answer(&served, caller, media, request).await)
}

/// Refuses every other method.
pub(super) async fn other_method() -> Failure {
    Failure::Method("GET, POST", "use GET or POST")
}

/// The media type to answer in. Who says nothing gets plain JSON, as clients have long expected.
fn negotiate(headers: &HeaderMap) -> Result<&'static str, Failure> {
    let mut best: Option<(f32, &'static str)> = None;
    let mut said = false;
    for value in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
        for range in value.split(',').filter_map(|range| range.trim().parse::<mime::Mime>().ok()) {
            said = true;
            let weight = range.get_param("q").and_then(|q| q.as_str().parse().ok()).unwrap_or(1.0_f32);
            let media = match range.essence_str() {
                GRAPHQL_RESPONSE | "application/*" | "*/*" => GRAPHQL_RESPONSE,
                JSON => JSON,
                _ => continue,
            };
            if weight > 0.0 && best.is_none_or(|(heaviest, _)| weight > heaviest) {
                best = Some((weight, media));
            }
        }
    }
    match best {
        Some((_, media)) => Ok(media),
        None if said => Err(Failure::NotAcceptable),
        None => Ok(JSON),
    }
}

/// The kind of the operation that would run, when the document can be read.
fn kind(request: &mut async_graphql::Request) -> Option<OperationType> {
    let name = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    operation(document, name.as_deref()).map(|(kind, _)| kind)
}

fn operation<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<(OperationType, &'a SelectionSet)> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name)?,
        (DocumentOperations::Multiple(operations), None) => {
            Some(operations.values()).filter(|all| all.len() == 1)?.next()?
        }
    };
    Some((operation.node.ty, &operation.node.selection_set.node))
}

/// The first key that a mutation's top level names twice. The executor would run such a field twice.
fn named_twice<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a Name>,
    depth: usize,
) -> Option<&'a Name> {
    for selection in set.items.iter().filter(|_| depth < DEEPEST) {
        let inner = match &selection.node {
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
        if let Some(twice) = named_twice(document, inner, seen, depth + 1) {
            return Some(twice);
        }
    }
    None
}

/// Gives null to optional variables that were left out. The executor, asked what a field with arguments costs, would
/// refuse them as undefined.
fn complete(request: &mut async_graphql::Request) {
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return };
    let optional: Vec<Name> = match (&document.operations, name.as_deref()) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) => operations.values().next(),
    }
    .into_iter()
    .flat_map(|operation| &operation.node.variable_definitions)
    .filter(|variable| variable.node.default_value.is_none() && variable.node.var_type.node.nullable)
    .map(|variable| variable.node.name.node.clone())
    .collect();
    for name in optional {
        request.variables.entry(name).or_insert(async_graphql::Value::Null);
    }
}

/// The key in the header `Idempotency-Key` of a mutation. It can belong to one field only.
fn idempotency_key(headers: &HeaderMap, request: &mut async_graphql::Request) -> Result<Option<String>, Failure> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.next().is_some() {
        return Err(Failure::Malformed("send the header Idempotency-Key once".into()));
    }
    let name = request.operation_name.clone();
    // What cannot be parsed is refused with its own message later.
    let Ok(document) = request.parsed_query() else { return Ok(None) };
    let Some((OperationType::Mutation, set)) = operation(document, name.as_deref()) else { return Ok(None) };
    if root_fields(document, set, &mut HashSet::new()) > 1 {
        let message = "the header Idempotency-Key is for a document with one mutation; \
                       give each of several its own with @idempotent(key:)";
        return Err(Failure::Malformed(message.into()));
    }
    Ok(Some(String::from_utf8_lossy(key.as_bytes()).into_owned()))
}

/// How many fields a mutation's top level has. A fragment counts once: spread again, it names fields twice and the
/// document is refused.
fn root_fields<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet, seen: &mut HashSet<&'a Name>) -> usize {
    let count = |selection: &'a Selection| match selection {
        Selection::Field(field) => usize::from(field.node.name.node != "__typename"),
        Selection::InlineFragment(fragment) => root_fields(document, &fragment.node.selection_set.node, seen),
        Selection::FragmentSpread(spread) => {
            let name = &spread.node.fragment_name.node;
            let fragment = document.fragments.get(name).filter(|_| seen.insert(name));
            fragment.map_or(0, |fragment| root_fields(document, &fragment.node.selection_set.node, seen))
        }
    };
    set.items.iter().map(|selection| &selection.node).map(count).sum()
}

async fn answer(served: &Served, caller: Caller, media: &'static str, mut request: async_graphql::Request) -> Response {
    complete(&mut request);
    let name = request.operation_name.clone();
    let twice = request.parsed_query().ok().and_then(|document| {
        let (kind, set) = operation(document, name.as_deref())?;
        let mutation = kind == OperationType::Mutation;
        mutation.then(|| named_twice(document, set, &mut HashSet::new(), 0).map(ToString::to_string)).flatten()
    });
    let mut response = match twice {
        Some(key) => {
            let message = format!("the mutation names `{key}` twice; give each an alias of its own");
            async_graphql::Response::from_errors(vec![ServerError::new(message, None)])
        }
        None => graphql::execute(&served.schema, &served.app, caller.viewer, caller.client, request).await,
    };
    let unrun =
        response.data == async_graphql::Value::Null && response.errors.iter().all(|error| error.path.is_empty());
    let unrun = unrun && !response.errors.is_empty();
    for error in &mut response.errors {
        let code = if unrun { "GRAPHQL_VALIDATION_FAILED" } else { "INVALID" };
        let extensions = error.extensions.get_or_insert_with(Default::default);
        if extensions.get("code").is_none() {
            extensions.set("code", code);
        }
    }
    let mut body = serde_json::to_value(&response).unwrap_or_default();
    if unrun && let Some(body) = body.as_object_mut() {
        // A request that never ran has no data, not even null.
        body.remove("data");
    }
    let status = if unrun && media == GRAPHQL_RESPONSE { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let content_type = format!("{media}; charset=utf-8");
    (status, [(header::CONTENT_TYPE, content_type)], body.to_string()).into_response()
}
