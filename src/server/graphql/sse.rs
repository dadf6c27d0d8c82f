//! GraphQL over Server-Sent Events, in the distinct connections mode of enisdenjo/graphql-sse (`PROTOCOL.md`): each
//! operation has its own request, and the response is a stream of `next` events and one `complete` event.

use std::convert::Infallible;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tracing::Instrument;

use super::subscription_end::ends_subscription;
use crate::graphql::{ErrorCode, GraphqlResponse, Operation};
use crate::server::connections::{ConnectionOwner, Connections};
use crate::server::rejection::Rejection;
use crate::server::state::ServerState;

/// Capacity of the channel to the connection, including the last message.
const CHANNEL_CAPACITY: usize = 5;
/// The header that stops nginx and other proxies from buffering events.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An event stream with one response.
pub(super) fn send_one(response: &GraphqlResponse) -> Response {
    with_headers(Sse::new(stream::iter([next_event(response), complete_event()]).map(Ok::<_, Infallible>)))
}

/// An event stream with the responses of a subscription, until it ends.
pub(super) async fn send_stream(state: &ServerState, operation: Operation) -> Result<Response, Rejection> {
    let connections = state.connections.clone();
    let address = operation.client.ip.map(ConnectionOwner::Address);
    let owners = [address, operation.viewer.user().map(|user| ConnectionOwner::User(user.user_id))];
    let slots = owners.into_iter().flatten().map(|owner| connections.admit(owner).ok_or(Rejection::TooManyConnections));
    let slots: Vec<_> = slots.collect::<Result<_, _>>()?;
    let keep_alive = KeepAlive::new().interval(connections.limits().heartbeat);
    let (kind, request_id) = (operation.kind, operation.client.request_id.clone());
    // The response that ends a subscription has no data.
    let responses = state
        .engine
        .stream(operation)
        .map(move |response| GraphqlResponse { ran: response.ran && !ends_subscription(kind, &response), ..response });
    let responses = responses.boxed();
    let (events, waiting) = mpsc::channel(CHANNEL_CAPACITY);
    let Ok(last) = events.clone().reserve_owned().await else { return Err(Rejection::TooManyConnections) };
    // A separate task ends the operation when the client stops reading. A body that nobody polls could not do that.
    tokio::spawn(forward(connections, responses, EventSender { events, last, request_id }).in_current_span());
    let sent = stream::unfold((waiting, slots), |(mut waiting, slots)| async move {
        waiting.recv().await.map(|events| (stream::iter(events), (waiting, slots)))
    });
    Ok(with_headers(Sse::new(sent.flatten().map(Ok::<_, Infallible>)).keep_alive(keep_alive)))
}

/// Sends the events of one operation to its connection.
struct EventSender {
    events: mpsc::Sender<Vec<Event>>,
    /// Reserved capacity for the last message, for a client that does not read.
    last: mpsc::OwnedPermit<Vec<Event>>,
    request_id: String,
}

impl EventSender {
    /// Ends the stream with an error.
    fn end_with_error(self, code: ErrorCode, message: &str) {
        let response = GraphqlResponse::from_error(code, message).with_request_id(&self.request_id);
        self.last.send(vec![next_event(&response), complete_event()]);
    }
}

/// Forwards responses until there are no more, the client has disconnected or reads too slowly, or the server stops.
async fn forward(connections: Connections, mut responses: BoxStream<'static, GraphqlResponse>, sender: EventSender) {
    let _open = connections.keep_open();
    let timeout = connections.limits().write_timeout;
    loop {
        let response = tokio::select! {
            () = sender.events.closed() => return,
            () = connections.stopped() => {
                let message = "the server is stopping; subscribe again and read your data again";
                return sender.end_with_error(ErrorCode::EventsInterrupted, message);
            }
            response = responses.next() => response,
        };
        let Some(response) = response else {
            sender.last.send(vec![complete_event()]);
            return;
        };
        match sender.events.send_timeout(vec![next_event(&response)], timeout).await {
            Ok(()) => {}
            Err(SendTimeoutError::Closed(_)) => return,
            Err(SendTimeoutError::Timeout(_)) => {
                let message = "the client did not read for too long; subscribe again and read your data again";
                return sender.end_with_error(ErrorCode::SlowConsumer, message);
            }
        }
    }
}

fn next_event(response: &GraphqlResponse) -> Event {
    let event = || Event::default().event("next");
    event().json_data(response).unwrap_or_else(|error| {
        tracing::error!(%error, "a response could not be serialized");
        event().data(r#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}"#)
    })
}

/// The data is `null`, because browsers do not dispatch an event without data.
fn complete_event() -> Event {
    Event::default().event("complete").data("null")
}

fn with_headers(events: impl IntoResponse) -> Response {
    let mut response = events.into_response();
    response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
