//! The operations that run on one socket, each under the id that its client gave it.

use std::collections::HashMap;

use async_graphql::parser::types::OperationType;
use futures_util::stream::{self, AbortHandle, Abortable, BoxStream, SelectAll, StreamExt};

use super::closing::Closing;
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::graphql::{Answer, Call, Client, ErrorCode};
use crate::server::Served;

/// What came of an operation.
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

/// The operations that run.
#[derive(Default)]
pub(super) struct Operations {
    running: HashMap<String, AbortHandle>,
    answers: SelectAll<Abortable<BoxStream<'static, (String, Came)>>>,
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
        let (abort, registration) = AbortHandle::new_pair();
        self.running.insert(id.clone(), abort);
        let named = operation.map(move |came| (id.clone(), came)).boxed();
        self.answers.push(Abortable::new(named, registration));
    }

    /// Ends one, if it still runs: it says nothing from now on, and its id is free.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(running) = self.running.remove(id) {
            running.abort();
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

/// Runs an operation with the rights that the viewer has now.
pub(super) fn run(served: Served, viewer: Viewer, client: Client, call: Call) -> BoxStream<'static, Came> {
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
    stream::once(begun).flatten().chain(one(Came::End)).boxed()
}

fn one(came: Came) -> BoxStream<'static, Came> {
    stream::once(async { came }).boxed()
}

/// What an answer means for its operation: a subscription ends with the first error of its only field.
fn came(kind: OperationType, answer: Answer) -> Came {
    if kind == OperationType::Subscription && answer.is(ErrorCode::TokenExpired) {
        return Came::Closing(Closing::expired());
    }
    let of_the_root = answer.response.errors.iter().any(|error| error.path.len() == 1);
    let ended =
        kind == OperationType::Subscription && of_the_root && answer.response.data == async_graphql::Value::Null;
    if ended || !answer.ran { Came::Refusal(answer) } else { Came::Answer(answer) }
}
