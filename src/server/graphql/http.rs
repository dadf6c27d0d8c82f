//! GraphQL over HTTP: queries by GET and POST, mutations only by POST with a JSON body.
//!
//! Follows the draft of [GraphQL over HTTP](https://graphql.github.io/graphql-over-http/draft/) of September 2026.

use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{origin, request_body, sse};
use crate::graphql::{ErrorCode, GraphqlRequest, GraphqlResponse, Operation};
use crate::server::content_negotiation::{Accepted, MediaType, negotiate, parse_mime};
use crate::server::rate_limit_headers;
use crate::server::rejection::Rejection;
use crate::server::request_id::request_id;
use crate::server::state::ServerState;
use crate::server::viewer::Caller;

/// Largest body of a request, in bytes. A signed quote for a stay of a year takes about 5 KiB.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the operations of a batch may take together. With the body, this is less than a request may take.
const BATCH_TIMEOUT: Duration = Duration::from_secs(45);
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Headers that a page can send to another site only after a preflight request. The names are those of Apollo's
/// clients.
const PREFLIGHTED_HEADERS: [&str; 2] = ["apollo-require-preflight", "x-apollo-operation-name"];

/// The parameters of a query by GET.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetParameters {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// Answers an HTTP request to the endpoint.
pub(super) async fn serve(state: ServerState, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Accepted { media_type, by_name } = negotiate(&parts.headers);
    let id = request_id(&parts.extensions);
    let response = async {
        // Counted first, so that invalid requests count as well.
        let mut caller = Caller::authenticate(&parts, &state).await?;
        let media_type = media_type.ok_or(Rejection::NotAcceptable)?;
        let body = match parts.method.as_str() {
            "GET" => RequestBody::Single(parse_get(&state, &parts, by_name)?),
            "POST" => parse_post(&state, &parts, body).await?,
            _ => return Err(Rejection::MethodNotAllowed("GET, POST", "use GET or POST")),
        };
        if parts.method == "POST" {
            caller.client.idempotency_key = idempotency_key(&parts.headers)?;
        }
        match body {
            RequestBody::Single(request) => run_single(&state, &parts, media_type, caller, request).await,
            RequestBody::Batch(requests) => run_batch(&state, media_type, caller, requests).await,
        }
    };
    let reject = |rejection: Rejection| rejection.into_response(media_type.unwrap_or(MediaType::Json), &id);
    Box::pin(response).await.unwrap_or_else(reject)
}

/// The GraphQL requests in one HTTP request.
enum RequestBody {
    Single(GraphqlRequest),
    Batch(Vec<GraphqlRequest>),
}

async fn run_single(
    state: &ServerState,
    parts: &Parts,
    media_type: MediaType,
    caller: Caller,
    request: GraphqlRequest,
) -> Result<Response, Rejection> {
    let operation = match state.engine.prepare(caller.viewer, caller.client, request).await {
        Ok(operation) => operation,
        Err(refused) => return Ok(write_response(state, media_type, &refused)),
    };
    if media_type == MediaType::EventStream && operation.kind == OperationType::Subscription {
        return sse::send_stream(state, operation).await;
    }
    if parts.method == "GET" && operation.kind != OperationType::Query {
        let message = "by GET, send only queries, or a subscription that accepts text/event-stream";
        return Err(Rejection::MethodNotAllowed("POST", message));
    }
    Ok(write_response(state, media_type, &run(state, operation).await))
}

async fn run(state: &ServerState, operation: Operation) -> GraphqlResponse {
    if operation.kind == OperationType::Subscription {
        let message = "send subscriptions over WebSocket, or accept text/event-stream";
        return operation.refuse(ErrorCode::OperationNotSupported, message);
    }
    state.engine.run(operation).await
}

/// Runs the operations of a batch one after another and returns their responses in the same order.
async fn run_batch(
    state: &ServerState,
    media_type: MediaType,
    caller: Caller,
    requests: Vec<GraphqlRequest>,
) -> Result<Response, Rejection> {
    if media_type == MediaType::EventStream {
        return Err(Rejection::Malformed("an event stream is possible for a single operation only".into()));
    }
    if caller.client.idempotency_key.is_some() && requests.len() > 1 {
        let message = "the header Idempotency-Key is for one operation; give each of several its own key with \
                       @idempotent(key:)";
        return Err(Rejection::Malformed(message.into()));
    }
    let run_one = |request| {
        let prepared = state.engine.prepare(caller.viewer.clone(), caller.client.clone(), request);
        let response = async {
            match prepared.await {
                Ok(operation) => run(state, operation).await,
                Err(refused) => *refused,
            }
        };
        response.boxed()
    };
    let responses = run_in_order(requests, BATCH_TIMEOUT, &caller.client.request_id, run_one).await;
    let mut http_response = serialize(StatusCode::OK, media_type, &responses);
    // Each operation was charged. The header shows the budget after the last one.
    if let Some((balance, _)) = responses.last().and_then(|response| response.charge?.budget) {
        rate_limit_headers::insert(http_response.headers_mut(), &balance, None);
    }
    Ok(http_response)
}

/// Runs requests one after another. Those for which no time is left fail with `TIMEOUT`; the other responses are kept.
async fn run_in_order<'a>(
    requests: Vec<GraphqlRequest>,
    timeout: Duration,
    request_id: &str,
    run_one: impl Fn(GraphqlRequest) -> BoxFuture<'a, GraphqlResponse>,
) -> Vec<GraphqlResponse> {
    let deadline = Instant::now() + timeout;
    let mut responses = Vec::with_capacity(requests.len());
    for request in requests {
        // After the deadline, an operation is not started.
        let is_in_time = Instant::now() < deadline;
        let response = if is_in_time { tokio::time::timeout_at(deadline, run_one(request)).await.ok() } else { None };
        responses.push(response.unwrap_or_else(|| {
            let message = "the operations of this request exceeded their time limit, and this one was aborted";
            GraphqlResponse::timed_out(timeout, message).with_request_id(request_id)
        }));
    }
    responses
}

/// Parses a query from the URL. A browser that follows a link or loads an image does not accept JSON by name, so that
/// such requests are never run. Programs may accept anything, because nobody can make them follow a link.
fn parse_get(state: &ServerState, parts: &Parts, by_name: bool) -> Result<GraphqlRequest, Rejection> {
    let is_intended = by_name || (accepts_anything(&parts.headers) && !is_browser(&parts.headers));
    if !has_preflighted_header(&parts.headers) && (!is_intended || is_cross_site(state, parts)) {
        return Err(Rejection::CrossSite);
    }
    let parameters = Query::<GetParameters>::try_from_uri(&parts.uri);
    let Query(parameters) = parameters.map_err(|error| Rejection::Malformed(error.body_text()))?;
    let map = |name: &str, text: Option<String>| {
        let parsed = text.filter(|text| !text.is_empty()).map(|text| serde_json::from_str::<Option<Map<_, _>>>(&text));
        let parsed = parsed.transpose().map(Option::flatten);
        parsed.map_err(|_| Rejection::Malformed(format!("the parameter `{name}` must be a JSON object")))
    };
    Ok(GraphqlRequest {
        query: parameters.query,
        document_id: parameters.document_id,
        operation_name: parameters.operation_name,
        variables: map("variables", parameters.variables)?,
        extensions: map("extensions", parameters.extensions)?,
    })
}

/// Parses a JSON body. Other media types are refused, because a page of another site can send forms and plain text.
async fn parse_post(state: &ServerState, parts: &Parts, body: Body) -> Result<RequestBody, Rejection> {
    let mut content_types = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let content_type = content_types.next().and_then(|value| value.to_str().ok());
    if content_types.next().is_some() {
        return Err(Rejection::Malformed("send the header Content-Type once".into()));
    }
    let content_type = content_type.and_then(parse_mime).ok_or(Rejection::NotJson)?;
    let encoding = content_type.get_param(mime::CHARSET);
    if content_type.essence_str() != "application/json" || encoding.is_some_and(|name| name != mime::UTF_8) {
        return Err(Rejection::NotJson);
    }
    let body = read_body(body, BODY_TIMEOUT).await?;
    let not_json = |error| Rejection::Malformed(format!("the body is not JSON: {error}"));
    let value: Value = serde_json::from_slice(&body).map_err(not_json)?;
    let max = state.app.config.graphql.batch_limit;
    match value {
        Value::Object(_) => request_body::parse_request(value).map(RequestBody::Single).map_err(Rejection::Malformed),
        Value::Array(requests) if max == 0 || requests.is_empty() || requests.len() > max => {
            let message = match max {
                0 => "the body must be one JSON object: this server accepts no batches of operations".to_owned(),
                max => format!("a batch must have 1 to {max} operations"),
            };
            Err(Rejection::Malformed(message))
        }
        // A list with one request is a batch, because its client expects a list.
        Value::Array(requests) => {
            let requests: Result<_, _> = requests.into_iter().map(request_body::parse_request).collect();
            requests.map(RequestBody::Batch).map_err(Rejection::Malformed)
        }
        _ => Err(Rejection::Malformed("the body must be a JSON object".into())),
    }
}

async fn read_body(body: Body, timeout: Duration) -> Result<Bytes, Rejection> {
    let body = Limited::new(body, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(timeout, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Rejection::BodyTooLarge(MAX_BODY_BYTES)),
        Ok(Err(_)) => Err(Rejection::Malformed("the body is incomplete".into())),
        Err(_) => Err(Rejection::BodyTimeout(timeout)),
    }
}

fn has_preflighted_header(headers: &HeaderMap) -> bool {
    PREFLIGHTED_HEADERS.iter().any(|name| headers.get(*name).is_some_and(|value| !value.is_empty()))
}

/// Whether a client accepts any media type: it has no `Accept` header, or only `*/*`.
fn accepts_anything(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().all(|range| range == "*/*")
}

/// Whether a browser sent the request. Every browser sends the user agent and some of the other headers, and a page
/// cannot remove them.
fn is_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    let browser_headers = [
        "sec-fetch-site",
        "sec-fetch-dest",
        "sec-fetch-user",
        "upgrade-insecure-requests",
        "origin",
        "referer",
        "cookie",
    ];
    agent || browser_headers.iter().any(|name| headers.contains_key(*name))
}

/// Whether a page of an origin that is not allowed made a browser send the request: by its `Origin` header, or without
/// one by `Sec-Fetch-Site`.
fn is_cross_site(state: &ServerState, parts: &Parts) -> bool {
    origin::is_allowed_origin(state, parts).map_or_else(
        || parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site"),
        |is_allowed| !is_allowed,
    )
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Rejection> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => Ok(Some(String::from_utf8_lossy(key.as_bytes()).into_owned())),
        (Some(_), Some(_)) => Err(Rejection::Malformed("send the header Idempotency-Key once".into())),
    }
}

/// Writes a GraphQL response as an HTTP response.
fn write_response(state: &ServerState, media_type: MediaType, response: &GraphqlResponse) -> Response {
    // A refused operation is reported in the first event of a stream. A malformed request is refused before any event.
    let media_type = match media_type {
        MediaType::EventStream if response.ran || !response.has_code(ErrorCode::BadRequest) => {
            return sse::send_one(response);
        }
        MediaType::EventStream => MediaType::Json,
        other => other,
    };
    let mut http_response = serialize(status(state, media_type, response), media_type, response);
    if let Some((balance, _)) = response.charge.and_then(|charge| charge.budget) {
        rate_limit_headers::insert(http_response.headers_mut(), &balance, response.retry_after_s);
    }
    http_response
}

fn serialize(status: StatusCode, media_type: MediaType, response: &impl Serialize) -> Response {
    let headers = [(header::CONTENT_TYPE, media_type.content_type())];
    match serde_json::to_vec(response) {
        Ok(body) => (status, headers, body).into_response(),
        Err(error) => {
            tracing::error!(%error, "a response could not be serialized");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The status code of a response. With `application/json` it says only whether the request could be parsed.
fn status(state: &ServerState, media_type: MediaType, response: &GraphqlResponse) -> StatusCode {
    let after_execution = if response.body.errors.is_empty() { StatusCode::OK } else { state.partial_status };
    match (media_type, response.ran) {
        (_, false) if response.has_code(ErrorCode::RateLimited) => StatusCode::TOO_MANY_REQUESTS,
        // A request without a document is not a GraphQL request.
        (_, false) if response.has_code(ErrorCode::BadRequest) => StatusCode::BAD_REQUEST,
        (MediaType::GraphqlResponse, false) if response.has_code(ErrorCode::Internal) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        (MediaType::GraphqlResponse, false) if response.has_code(ErrorCode::Timeout) => StatusCode::SERVICE_UNAVAILABLE,
        (MediaType::GraphqlResponse, false) => StatusCode::BAD_REQUEST,
        (MediaType::GraphqlResponse, true) => after_execution,
        (MediaType::Json | MediaType::EventStream, _) => StatusCode::OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_not_awaited_forever() {
        let begun = futures_util::stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{\"query\":")) });
        let body = Body::from_stream(futures_util::StreamExt::chain(begun, futures_util::stream::pending()));
        assert!(matches!(read_body(body, Duration::ZERO).await, Err(Rejection::BodyTimeout(_))));
    }

    #[tokio::test]
    async fn operations_of_a_batch_without_time_left_fail_and_the_others_are_answered() {
        let request = |query: &str| GraphqlRequest { query: Some(query.into()), ..GraphqlRequest::default() };
        let run_one = |request: GraphqlRequest| match request.query.as_deref() {
            Some("slow") => std::future::pending().boxed(),
            _ => {
                async { GraphqlResponse::from_error(ErrorCode::NotFound, "answered").with_request_id("req_1") }.boxed()
            }
        };
        let requests = vec![request("quick"), request("slow"), request("quick")];
        let responses = run_in_order(requests, Duration::from_millis(50), "req_1", run_one).await;
        let timed_out: Vec<bool> = responses.iter().map(|response| response.has_code(ErrorCode::Timeout)).collect();
        assert_eq!(timed_out, [false, true, true]);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_not_beyond() {
        let read = |bytes| read_body(Body::from(vec![b' '; bytes]), BODY_TIMEOUT);
        assert!(read(MAX_BODY_BYTES).await.is_ok());
        assert!(matches!(read(MAX_BODY_BYTES + 1).await, Err(Rejection::BodyTooLarge(MAX_BODY_BYTES))));
    }
}
