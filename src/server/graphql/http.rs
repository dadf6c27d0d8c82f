//! GraphQL over HTTP: queries by GET and POST, mutations by POST with a JSON body and nothing else.
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

use super::super::Served;
use super::super::viewer::Caller;
use super::budget;
use super::content_negotiation;
use super::content_negotiation::{Accepted, Media, accepted};
use super::rejection::Failure;
use super::{origin, request_body, sse};
use crate::graphql::{Answer, Call, ErrorCode, Operation};

/// Largest body of a request. A signed quote of a year takes about 5 KiB.
const BODY_BYTES: usize = 256 * 1024;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// How long the operations of a list may take together: with its body, less than a request may.
const LIST_PATIENCE: Duration = Duration::from_secs(45);
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// What no page can send to another site without asking it first; the names are those of Apollo's clients.
const PREFLIGHTED: [&str; 2] = ["apollo-require-preflight", "x-apollo-operation-name"];

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

/// Answers whatever is sent to the endpoint.
pub(super) async fn serve(served: Served, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Accepted { media, by_name } = accepted(&parts.headers);
    let id = crate::server::request_id(&parts.extensions);
    let answered = async {
        // Counted before anything is looked at, so that what makes no sense counts as well.
        let mut caller = Caller::of(&parts, &served).await?;
        let media = media.ok_or(Failure::NotAcceptable)?;
        let sent = match parts.method.as_str() {
            "GET" => Sent::One(by_get(&served, &parts, by_name)?),
            "POST" => by_post(&served, &parts, body).await?,
            _ => return Err(Failure::Method("GET, POST", "use GET or POST")),
        };
        if parts.method == "POST" {
            caller.client.idempotency_key = idempotency_key(&parts.headers)?;
        }
        match sent {
            Sent::One(call) => one(&served, &parts, media, caller, call).await,
            Sent::Many(calls) => many(&served, media, caller, calls).await,
        }
    };
    Box::pin(answered).await.unwrap_or_else(|failure: Failure| failure.answered(media.unwrap_or(Media::Json), &id))
}

/// What a request holds.
enum Sent {
    One(Call),
    Many(Vec<Call>),
}

async fn one(served: &Served, parts: &Parts, media: Media, caller: Caller, call: Call) -> Result<Response, Failure> {
    let operation = match served.engine.prepare(caller.viewer, caller.client, call).await {
        Ok(operation) => operation,
        Err(answer) => return Ok(respond(served, media, &answer)),
    };
    let streams = media == Media::EventStream && operation.kind == OperationType::Subscription;
    if streams {
        return sse::stream(served, operation).await;
    }
    if parts.method == "GET" && operation.kind != OperationType::Query {
        return Err(Failure::Method("POST", "only queries may be sent by GET, and subscriptions for events"));
    }
    Ok(respond(served, media, &run(served, operation).await))
}

async fn run(served: &Served, operation: Operation) -> Answer {
    if operation.kind == OperationType::Subscription {
        let message = "subscriptions answer over WebSocket, or in text/event-stream";
        return operation.refused(ErrorCode::OperationNotSupported, message);
    }
    served.engine.run(operation).await
}

/// Runs several operations, one after another, and answers them in their order.
async fn many(served: &Served, media: Media, caller: Caller, calls: Vec<Call>) -> Result<Response, Failure> {
    if media == Media::EventStream {
        return Err(Failure::Malformed("a stream of events answers one operation".into()));
    }
    if caller.client.idempotency_key.is_some() && calls.len() > 1 {
        let message = "the header Idempotency-Key is for one operation; give each of several its own with \
                       @idempotent(key:)";
        return Err(Failure::Malformed(message.into()));
    }
    let answer = |call| {
        let prepared = served.engine.prepare(caller.viewer.clone(), caller.client.clone(), call);
        let answer = async {
            match prepared.await {
                Ok(operation) => run(served, operation).await,
                Err(answer) => *answer,
            }
        };
        answer.boxed()
    };
    let answers = in_turn(calls, LIST_PATIENCE, &caller.client.request_id, answer).await;
    let mut response = written(StatusCode::OK, media, &answers);
    // Each was charged for; what is left is what the last one left.
    if let Some((balance, _)) = answers.last().and_then(|answer| answer.paid?.budget) {
        budget::tell(response.headers_mut(), &balance, None);
    }
    Ok(response)
}

/// One answer after another. Those that the time no longer suffices for are told so, and the rest is not lost with them.
async fn in_turn<'a>(
    calls: Vec<Call>,
    patience: Duration,
    request_id: &str,
    answer: impl Fn(Call) -> BoxFuture<'a, Answer>,
) -> Vec<Answer> {
    let end = Instant::now() + patience;
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        // What cannot end in time is better not begun.
        let answered = if Instant::now() < end { tokio::time::timeout_at(end, answer(call)).await.ok() } else { None };
        answers.push(answered.unwrap_or_else(|| {
            let message = "the operations of this request took too long together, and this one was given up";
            Answer::too_long(patience, message).sealed(request_id)
        }));
    }
    answers
}

/// Reads a query from the URL. A browser that follows a link or loads a picture accepts no JSON by name, so that what
/// it sends is never run. Programs need not name JSON where they accept anything: nobody can make them follow a link.
fn by_get(served: &Served, parts: &Parts, by_name: bool) -> Result<Call, Failure> {
    let asked = by_name || (accepts_anything(&parts.headers) && !is_browser(&parts.headers));
    if !has_preflighted(&parts.headers) && (!asked || is_foreign(served, parts)) {
        return Err(Failure::CrossSite);
    }
    let parameters = Query::<GetParameters>::try_from_uri(&parts.uri);
    let Query(parameters) = parameters.map_err(|error| Failure::Malformed(error.body_text()))?;
    let map = |name: &str, text: Option<String>| {
        let parsed = text.filter(|text| !text.is_empty()).map(|text| serde_json::from_str::<Option<Map<_, _>>>(&text));
        let parsed = parsed.transpose().map(Option::flatten);
        parsed.map_err(|_| Failure::Malformed(format!("the parameter `{name}` must be a JSON object")))
    };
    Ok(Call {
        query: parameters.query,
        document_id: parameters.document_id,
        operation_name: parameters.operation_name,
        variables: map("variables", parameters.variables)?,
        extensions: map("extensions", parameters.extensions)?,
    })
}

/// Reads an operation from a body of JSON; no other type, as forms and plain text are what a foreign page could send.
async fn by_post(served: &Served, parts: &Parts, body: Body) -> Result<Sent, Failure> {
    let mut content_types = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let content_type = content_types.next().and_then(|value| value.to_str().ok());
    if content_types.next().is_some() {
        return Err(Failure::Malformed("send the header Content-Type once".into()));
    }
    let content_type = content_type.and_then(content_negotiation::read).ok_or(Failure::NotJson)?;
    let encoding = content_type.get_param(mime::CHARSET);
    if content_type.essence_str() != "application/json" || encoding.is_some_and(|name| name != mime::UTF_8) {
        return Err(Failure::NotJson);
    }
    let body = read(body, BODY_PATIENCE).await?;
    let value: Value =
        serde_json::from_slice(&body).map_err(|error| Failure::Malformed(format!("the body is not JSON: {error}")))?;
    let most = served.app.config.graphql.batch_limit;
    match value {
        Value::Object(_) => request_body::read(value).map(Sent::One).map_err(Failure::Malformed),
        Value::Array(calls) if most == 0 || calls.is_empty() || calls.len() > most => {
            let message = match most {
                0 => "the body must be one JSON object: several operations in one request are not served".to_owned(),
                most => format!("a request may hold 1 to {most} operations"),
            };
            Err(Failure::Malformed(message))
        }
        // Not Sent::One even for a list of one: who sends a list expects a list.
        Value::Array(calls) => {
            let calls: Result<_, _> = calls.into_iter().map(request_body::read).collect();
            calls.map(Sent::Many).map_err(Failure::Malformed)
        }
        _ => Err(Failure::Malformed("the body must be a JSON object".into())),
    }
}

async fn read(body: Body, patience: Duration) -> Result<Bytes, Failure> {
    let whole = Limited::new(body, BODY_BYTES).collect();
    match tokio::time::timeout(patience, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLarge(BODY_BYTES)),
        Ok(Err(_)) => Err(Failure::Malformed("the body broke off".into())),
        Err(_) => Err(Failure::Slow(patience)),
    }
}

fn has_preflighted(headers: &HeaderMap) -> bool {
    PREFLIGHTED.iter().any(|name| headers.get(*name).is_some_and(|value| !value.is_empty()))
}

/// Whether a client accepts whatever there is: it says nothing of it, or `*/*` and no more.
fn accepts_anything(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().all(|range| range == "*/*")
}

/// Whether a browser sent this: each of these is sent by some, the agent by all, and no page can take it away.
fn is_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    let marks = [
        "sec-fetch-site",
        "sec-fetch-dest",
        "sec-fetch-user",
        "upgrade-insecure-requests",
        "origin",
        "referer",
        "cookie",
    ];
    agent || marks.iter().any(|name| headers.contains_key(*name))
}

/// Whether a page that may not ask has made a browser send this: by the origin that it names, or else by its word for
/// where the page is from.
fn is_foreign(served: &Served, parts: &Parts) -> bool {
    origin::may_ask(served, parts).map_or_else(
        || parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site"),
        |may_ask| !may_ask,
    )
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => Ok(Some(String::from_utf8_lossy(key.as_bytes()).into_owned())),
        (Some(_), Some(_)) => Err(Failure::Malformed("send the header Idempotency-Key once".into())),
    }
}

/// Writes an answer down.
pub(super) fn respond(served: &Served, media: Media, answer: &Answer) -> Response {
    // What is refused is told in the first event; what is no request of GraphQL's, before any.
    let media = match media {
        Media::EventStream if answer.ran || !answer.is(ErrorCode::BadRequest) => return sse::once(answer),
        Media::EventStream => Media::Json,
        other => other,
    };
    let mut response = written(status(served, media, answer), media, answer);
    if let Some((balance, _)) = answer.paid.and_then(|paid| paid.budget) {
        budget::tell(response.headers_mut(), &balance, answer.retry_after_s);
    }
    response
}

fn written(status: StatusCode, media: Media, answer: &impl Serialize) -> Response {
    let headers = [(header::CONTENT_TYPE, media.content_type())];
    match serde_json::to_vec(answer) {
        Ok(body) => (status, headers, body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written down");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The status of an answer. In `application/json` it says no more than that the request could be read.
fn status(served: &Served, media: Media, answer: &Answer) -> StatusCode {
    let begun = if answer.response.errors.is_empty() { StatusCode::OK } else { served.partial_status };
    match (media, answer.ran) {
        (_, false) if answer.is(ErrorCode::RateLimited) => StatusCode::TOO_MANY_REQUESTS,
        // A request without a document is none of GraphQL's.
        (_, false) if answer.is(ErrorCode::BadRequest) => StatusCode::BAD_REQUEST,
        (Media::GraphqlResponse, false) if answer.is(ErrorCode::Internal) => StatusCode::INTERNAL_SERVER_ERROR,
        (Media::GraphqlResponse, false) if answer.is(ErrorCode::Timeout) => StatusCode::SERVICE_UNAVAILABLE,
        (Media::GraphqlResponse, false) => StatusCode::BAD_REQUEST,
        (Media::GraphqlResponse, true) => begun,
        (Media::Json | Media::EventStream, _) => StatusCode::OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
        let begun = futures_util::stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{\"query\":")) });
        let body = Body::from_stream(futures_util::StreamExt::chain(begun, futures_util::stream::pending()));
        assert!(matches!(read(body, Duration::ZERO).await, Err(Failure::Slow(_))));
    }

    #[tokio::test]
    async fn what_a_list_has_no_time_for_is_given_up_and_the_rest_is_answered() {
        let named = |name: &str| Call { query: Some(name.into()), ..Call::default() };
        let answer = |call: Call| match call.query.as_deref() {
            Some("slow") => std::future::pending().boxed(),
            _ => async { Answer::refused(ErrorCode::NotFound, "answered").sealed("req_1") }.boxed(),
        };
        let calls = vec![named("quick"), named("slow"), named("quick")];
        let answers = in_turn(calls, Duration::from_millis(50), "req_1", answer).await;
        let codes: Vec<bool> = answers.iter().map(|answer| answer.is(ErrorCode::Timeout)).collect();
        assert_eq!(codes, [false, true, true]);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_not_beyond() {
        let of = |bytes| read(Body::from(vec![b' '; bytes]), BODY_PATIENCE);
        assert!(of(BODY_BYTES).await.is_ok());
        assert!(matches!(of(BODY_BYTES + 1).await, Err(Failure::TooLarge(BODY_BYTES))));
    }
}
