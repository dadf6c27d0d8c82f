//! The operations that run on one socket, each under the id that its client gave it.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use async_graphql::parser::types::OperationType;
use futures_util::FutureExt;
use futures_util::stream::{self, AbortHandle, Abortable, BoxStream, SelectAll, StreamExt};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::super::breaks_off;
use super::closing::Closing;
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::graphql::{Answer, Call, Client, ErrorCode};
use crate::server::Served;

/// Answers of one operation that wait for the socket to take them; an operation that is further ahead waits itself.
const WAITING: usize = 1;

/// What came of an operation.
#[derive(Debug)]
pub(super) enum Came {
    /// An answer; others may follow.
    Answer(Answer),
    /// The reason why it does not run, or runs no longer; the last word.
    Refusal(Answer),
    /// The end; the last word.
    End,
    /// Nobody may ask for anything on this socket any more.
    Closing(Closing),
}

/// The operations that run, each in a task of its own: whatever the socket waits for, none of them holds a connection of
/// the database for longer than it needs it.
#[derive(Default)]
pub(super) struct Operations {
    running: HashMap<String, Running>,
    answers: SelectAll<Abortable<BoxStream<'static, (String, Came)>>>,
}

/// One that runs. Without it, it says nothing more and goes on no longer.
struct Running {
    answers: AbortHandle,
    _task: AbortOnDropHandle<()>,
}

impl Operations {
    /// How many run.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether one runs under this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Runs one under an id that is free.
    pub(super) fn begin(&mut self, id: String, operation: BoxStream<'static, Came>) {
        let (came, waiting) = mpsc::channel(WAITING);
        let task = AbortOnDropHandle::new(tokio::spawn(pass_on(operation, came).in_current_span()));
        let (abort, registration) = AbortHandle::new_pair();
        self.running.insert(id.clone(), Running { answers: abort, _task: task });
        let waiting = stream::unfold(waiting, |mut waiting| async { Some((waiting.recv().await?, waiting)) });
        let named = waiting.map(move |came| (id.clone(), came)).boxed();
        self.answers.push(Abortable::new(named, registration));
    }

    /// Ends one, if it still runs: it says nothing from now on, and its id is free.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(running) = self.running.remove(id) {
            running.answers.abort();
        }
    }

    /// What comes next of any of them, and of which. Whatever has had its last word is ended.
    pub(super) async fn next(&mut self) -> (String, Came) {
        let Some((id, came)) = self.answers.next().await else { return std::future::pending().await };
        if !matches!(came, Came::Answer(_)) {
            self.end(&id);
        }
        (id, came)
    }
}

/// Drives an operation to its end, or to that of whoever listens.
async fn pass_on(mut operation: BoxStream<'static, Came>, answers: mpsc::Sender<Came>) {
    while let Some(came) = operation.next().await {
        if answers.send(came).await.is_err() {
            return;
        }
    }
}

/// Runs an operation with the rights that the viewer has now. A panic is one refusal like another, wherever it was.
pub(super) fn run(served: Served, viewer: Viewer, client: Client, call: Call) -> BoxStream<'static, Came> {
    let request_id = client.request_id.clone();
    let begun = async move {
        let viewer = match users::still(&served.app, &viewer).await {
            Ok(viewer) => viewer,
            Err(error) => return one(Came::Closing(Closing::ended(error))),
        };
        match served.engine.prepare(viewer, client, call).await {
            Ok(operation) => {
                let kind = operation.kind;
                served.engine.stream(operation).map(move |answer| came(kind, answer)).boxed()
            }
            Err(answer) => one(Came::Refusal(*answer)),
        }
    };
    guarded(begun, request_id)
}

fn guarded(
    begun: impl Future<Output = BoxStream<'static, Came>> + Send + 'static,
    request_id: String,
) -> BoxStream<'static, Came> {
    let broken = move |cause: Box<dyn Any + Send>| {
        let cause = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
        tracing::error!(cause, "an operation of a socket panicked");
        Came::Refusal(Answer::refused(ErrorCode::Internal, "internal error").sealed(&request_id))
    };
    let came = begun.into_stream().flatten().chain(one(Came::End));
    AssertUnwindSafe(came).catch_unwind().map(move |came| came.unwrap_or_else(&broken)).boxed()
}

fn one(came: Came) -> BoxStream<'static, Came> {
    stream::once(async { came }).boxed()
}

/// What an answer means for its operation: a subscription ends with the first error of its only field.
fn came(kind: OperationType, answer: Answer) -> Came {
    if kind == OperationType::Subscription && answer.is(ErrorCode::TokenExpired) {
        return Came::Closing(Closing::expired());
    }
    if breaks_off(kind, &answer) || !answer.ran { Came::Refusal(answer) } else { Came::Answer(answer) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_panic_before_an_operation_runs_is_its_refusal_and_ends_no_other() {
        let mut operations = Operations::default();
        operations.begin("1".into(), guarded(async { panic!("the secret is {}", 42) }, "req_1/1".into()));
        let (id, came) = operations.next().await;
        let Came::Refusal(answer) = came else { panic!("{came:?}") };
        assert!(id == "1" && answer.is(ErrorCode::Internal) && !operations.has("1"));
        assert_eq!(answer.response.errors[0].message, "internal error");
        operations.begin("1".into(), guarded(async { stream::empty().boxed() }, "req_1/2".into()));
        assert!(matches!(operations.next().await, (id, Came::End) if id == "1"));
    }

    #[tokio::test]
    async fn an_operation_goes_on_while_nobody_waits_for_it_and_no_longer_once_it_is_ended() {
        let (goes_on, hears) = (Arc::new(tokio::sync::Notify::new()), Arc::new(()));
        let (told, kept) = (goes_on.clone(), hears.clone());
        let begun = async move {
            told.notify_one();
            std::future::pending::<()>().await;
            drop(kept);
            stream::empty().boxed()
        };
        let mut operations = Operations::default();
        operations.begin("1".into(), guarded(begun, String::new()));
        goes_on.notified().await;
        operations.end("1");
        while Arc::strong_count(&hears) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
