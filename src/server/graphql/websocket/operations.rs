//! The operations that run on one socket, each under the ID that the client chose.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::OperationType;
use futures_util::FutureExt;
use futures_util::stream::{self, AbortHandle, Abortable, BoxStream, SelectAll, StreamExt};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::close_reason::CloseReason;
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::graphql::{Client, ErrorCode, GraphqlRequest, GraphqlResponse};
use crate::server::graphql::subscription_end::ends_subscription;
use crate::server::state::ServerState;

/// Responses of one operation that can wait for the socket. The operation itself waits before it produces more.
const CHANNEL_CAPACITY: usize = 1;

/// An event of an operation.
#[derive(Debug)]
pub(super) enum OperationEvent {
    /// A response. Others may follow.
    Response(GraphqlResponse),
    /// The operation was refused or was aborted. This is its last event.
    Error(GraphqlResponse),
    /// The operation has completed. This is its last event.
    Completed,
    /// The socket must be closed.
    CloseConnection(CloseReason),
}

/// The running operations, each in its own task. A slow socket therefore does not make an operation keep its database
/// connection for longer than it needs it.
#[derive(Default)]
pub(super) struct Operations {
    running: HashMap<String, Running>,
    events: SelectAll<Abortable<BoxStream<'static, (String, OperationEvent)>>>,
}

/// A running operation. Dropping it aborts the task.
struct Running {
    events: AbortHandle,
    _task: AbortOnDropHandle<()>,
}

impl Operations {
    /// The number of running operations.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether an operation is running under this ID.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Starts an operation under an ID that is not in use.
    pub(super) fn start(&mut self, id: String, operation: BoxStream<'static, OperationEvent>) {
        let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        let task = AbortOnDropHandle::new(tokio::spawn(forward(operation, sender).in_current_span()));
        let (abort, registration) = AbortHandle::new_pair();
        self.running.insert(id.clone(), Running { events: abort, _task: task });
        let events = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
        let events = events.map(move |event| (id.clone(), event)).boxed();
        self.events.push(Abortable::new(events, registration));
    }

    /// Ends an operation, if it is running. It produces no more events, and its ID can be used for another operation.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(running) = self.running.remove(id) {
            running.events.abort();
        }
    }

    /// The next event of any operation, with the ID of the operation. An operation is removed with its last event.
    pub(super) async fn next(&mut self) -> (String, OperationEvent) {
        let Some((id, event)) = self.events.next().await else { return std::future::pending().await };
        if !matches!(event, OperationEvent::Response(_)) {
            self.end(&id);
        }
        (id, event)
    }
}

/// Drives an operation until it ends or the receiver is dropped.
async fn forward(mut operation: BoxStream<'static, OperationEvent>, sender: mpsc::Sender<OperationEvent>) {
    while let Some(event) = operation.next().await {
        if sender.send(event).await.is_err() {
            return;
        }
    }
}

/// Runs an operation with the current rights of the viewer. A panic becomes an internal error of the operation.
pub(super) fn run(
    state: ServerState,
    viewer: Viewer,
    client: Client,
    request: GraphqlRequest,
) -> BoxStream<'static, OperationEvent> {
    let request_id = client.request_id.clone();
    let events = async move {
        let viewer = match users::recheck_viewer(&state.app, &viewer).await {
            Ok(viewer) => viewer,
            Err(error) => return single(OperationEvent::CloseConnection(CloseReason::from_recheck_error(error))),
        };
        match state.engine.prepare(viewer, client, request).await {
            Ok(operation) => {
                let kind = operation.kind;
                state.engine.stream(operation).map(move |response| to_event(kind, response)).boxed()
            }
            Err(refused) => single(OperationEvent::Error(*refused)),
        }
    };
    catch_panics(events, request_id)
}

fn catch_panics(
    events: impl Future<Output = BoxStream<'static, OperationEvent>> + Send + 'static,
    request_id: String,
) -> BoxStream<'static, OperationEvent> {
    let to_error = move |cause: Box<dyn Any + Send>| {
        let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
        tracing::error!(cause, "an operation on a WebSocket panicked");
        OperationEvent::Error(
            GraphqlResponse::from_error(ErrorCode::Internal, "internal error").with_request_id(&request_id),
        )
    };
    let events = events.into_stream().flatten().chain(single(OperationEvent::Completed));
    AssertUnwindSafe(events).catch_unwind().map(move |event| event.unwrap_or_else(&to_error)).boxed()
}

fn single(event: OperationEvent) -> BoxStream<'static, OperationEvent> {
    stream::once(async { event }).boxed()
}

/// The event of a response. A subscription ends with the first error of its root field.
fn to_event(kind: OperationType, response: GraphqlResponse) -> OperationEvent {
    if kind == OperationType::Subscription && response.has_code(ErrorCode::TokenExpired) {
        return OperationEvent::CloseConnection(CloseReason::token_expired());
    }
    if ends_subscription(kind, &response) || !response.ran {
        OperationEvent::Error(response)
    } else {
        OperationEvent::Response(response)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_of_its_operation_and_ends_no_other() {
        let mut operations = Operations::default();
        operations.start("1".into(), catch_panics(async { panic!("the secret is {}", 42) }, "req_1/1".into()));
        let (id, event) = operations.next().await;
        let OperationEvent::Error(response) = event else { panic!("{event:?}") };
        assert!(id == "1" && response.has_code(ErrorCode::Internal) && !operations.contains("1"));
        assert_eq!(response.body.errors[0].message, "internal error");
        operations.start("1".into(), catch_panics(async { stream::empty().boxed() }, "req_1/2".into()));
        assert!(matches!(operations.next().await, (id, OperationEvent::Completed) if id == "1"));
    }

    #[tokio::test]
    async fn an_operation_runs_without_a_reader_until_it_is_ended() {
        let (started, alive) = (Arc::new(tokio::sync::Notify::new()), Arc::new(()));
        let (notifier, guard) = (started.clone(), alive.clone());
        let events = async move {
            notifier.notify_one();
            std::future::pending::<()>().await;
            drop(guard);
            stream::empty().boxed()
        };
        let mut operations = Operations::default();
        operations.start("1".into(), catch_panics(events, String::new()));
        started.notified().await;
        operations.end("1");
        while Arc::strong_count(&alive) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
