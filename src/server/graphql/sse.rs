//! GraphQL over Server-Sent Events: a request of its own for each operation, answered by events called `next` and one
//! called `complete` (the distinct connections mode of enisdenjo/graphql-sse, `PROTOCOL.md`).

use std::convert::Infallible;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tracing::Instrument;

use super::breaks_off;
use super::rejection::Failure;
use crate::graphql::{Answer, ErrorCode, Operation};
use crate::server::Served;
use crate::server::connections::{Connections, Whose};

/// Answers that wait for the connection to take them, and the last word.
const WAITING: usize = 5;
/// What nginx, and others after its manner, are asked by not to hold events back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers once.
pub(super) fn once(answer: &Answer) -> Response {
    headed(Sse::new(stream::iter([next(answer), complete()]).map(Ok::<_, Infallible>)))
}

/// Answers for as long as a subscription has something to say.
pub(super) async fn stream(served: &Served, operation: Operation) -> Result<Response, Failure> {
    let connections = served.connections.clone();
    let address = operation.client.ip.map(Whose::Address);
    let callers = [address, operation.viewer.user().map(|user| Whose::Person(user.user_id))];
    let places = callers.into_iter().flatten().map(|whose| connections.admit(whose).ok_or(Failure::Crowded));
    let places: Vec<_> = places.collect::<Result<_, _>>()?;
    let keep_alive = KeepAlive::new().interval(connections.limits().heartbeat);
    let (kind, request_id) = (operation.kind, operation.client.request_id.clone());
    // What is broken off has no data, as nothing of it runs any more.
    let answers = served
        .engine
        .stream(operation)
        .map(move |answer| Answer { ran: answer.ran && !breaks_off(kind, &answer), ..answer });
    let answers = answers.boxed();
    let (events, waiting) = mpsc::channel(WAITING);
    let Ok(last) = events.clone().reserve_owned().await else { return Err(Failure::Crowded) };
    // A task of its own ends the operation when the client stops reading; a body that nobody polls could not.
    tokio::spawn(pass_on(connections, answers, Outlet { events, last, request_id }).in_current_span());
    let told = stream::unfold((waiting, places), |(mut waiting, places)| async move {
        waiting.recv().await.map(|events| (stream::iter(events), (waiting, places)))
    });
    Ok(headed(Sse::new(told.flatten().map(Ok::<_, Infallible>)).keep_alive(keep_alive)))
}

/// Where the events of one operation go.
struct Outlet {
    events: mpsc::Sender<Vec<Event>>,
    /// Room for the last word, however slow the client.
    last: mpsc::OwnedPermit<Vec<Event>>,
    request_id: String,
}

impl Outlet {
    /// Says why there is no more.
    fn break_off(self, code: ErrorCode, message: &str) {
        let answer = Answer::refused(code, message).sealed(&self.request_id);
        self.last.send(vec![next(&answer), complete()]);
    }
}

/// Passes answers on until there are no more, the client is gone or too slow, or the server stops.
async fn pass_on(connections: Connections, mut answers: BoxStream<'static, Answer>, outlet: Outlet) {
    let _held = connections.held();
    let patience = connections.limits().patience;
    loop {
        let answer = tokio::select! {
            () = outlet.events.closed() => return,
            () = connections.stopped() => {
                return outlet.break_off(ErrorCode::EventsInterrupted, "the server stops; subscribe again and read anew");
            }
            answer = answers.next() => answer,
        };
        let Some(answer) = answer else {
            outlet.last.send(vec![complete()]);
            return;
        };
        match outlet.events.send_timeout(vec![next(&answer)], patience).await {
            Ok(()) => {}
            Err(SendTimeoutError::Closed(_)) => return,
            Err(SendTimeoutError::Timeout(_)) => {
                let message = "nothing was read for too long; subscribe again and read anew";
                return outlet.break_off(ErrorCode::SlowConsumer, message);
            }
        }
    }
}

fn next(answer: &Answer) -> Event {
    let event = || Event::default().event("next");
    event().json_data(answer).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer could not be written down");
        event().data(r#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#)
    })
}

/// Browsers pass on no event without data, so that there is some that says nothing.
fn complete() -> Event {
    Event::default().event("complete").data("null")
}

fn headed(events: impl IntoResponse) -> Response {
    let mut response = events.into_response();
    response.headers_mut().insert(BUFFERING, HeaderValue::from_static("no"));
    response
}
