//! Runs the batches of a request inside the request's own task, as soon as nothing else can make progress.
//!
//! With a timer, every level of a query would wait for it. Here the query itself is polled first. When it makes no more
//! progress, all keys of the level are known and one statement loads them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_graphql::runtime::Timer;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered, Stream, StreamExt};
use futures_util::task::{FutureObj, Spawn, SpawnError};

/// A timer that expires at once.
pub struct NoDelay;

impl Timer for NoDelay {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Collects the batches that the data loader of a request spawns, and runs them.
#[derive(Clone, Default)]
pub struct RequestBatches(Arc<Mutex<Vec<FutureObj<'static, ()>>>>);

impl Spawn for RequestBatches {
    fn spawn_obj(&self, batch: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        Ok(())
    }
}

impl RequestBatches {
    /// Drives `work` to completion, together with every batch that it spawns.
    pub async fn drive<F: Future>(&self, work: F) -> F::Output {
        let (mut work, mut batches) = (pin!(work), FuturesUnordered::new());
        poll_fn(move |context| self.poll(context, &mut batches, |context| work.as_mut().poll(context))).await
    }

    /// Drives a stream. A batch that is still running when an item is ready continues with the next item.
    pub fn drive_each<S: Stream + Unpin>(self, mut work: S) -> impl Stream<Item = S::Item> {
        let mut batches = FuturesUnordered::new();
        stream::poll_fn(move |context| self.poll(context, &mut batches, |context| work.poll_next_unpin(context)))
    }

    fn poll<T>(
        &self,
        context: &mut Context<'_>,
        batches: &mut FuturesUnordered<FutureObj<'static, ()>>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        loop {
            if let Poll::Ready(output) = work(context) {
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
    }
}
