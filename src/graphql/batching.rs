//! Runs the batches of a request inside the request's own task, as soon as nothing else can go on.
//!
//! A timer would make every level of a query wait; here the query itself is asked first, and when it stalls, all keys
//! of the level are known and one statement fetches them.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_graphql::runtime::Timer;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::task::{FutureObj, Spawn, SpawnError};

/// A timer that has always run out.
pub(super) struct NoDelay;

impl Timer for NoDelay {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Where batches are handed in, and run.
#[derive(Clone, Default)]
pub(super) struct InRequest(Arc<Mutex<Vec<FutureObj<'static, ()>>>>);

impl Spawn for InRequest {
    fn spawn_obj(&self, batch: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        Ok(())
    }
}

impl InRequest {
    /// Drives `work` to its end, and every batch it hands in on the way.
    pub(super) async fn drive<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        let mut batches = FuturesUnordered::new();
        std::future::poll_fn(move |context| {
            loop {
                if let Poll::Ready(output) = work.as_mut().poll(context) {
                    return Poll::Ready(output);
                }
                batches.extend(self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
                let mut progress = false;
                while let Poll::Ready(Some(())) = batches.poll_next_unpin(context) {
                    progress = true;
                }
                if !progress {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}
