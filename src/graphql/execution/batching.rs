//! Runs the batches of a request inside the request's own task, as soon as nothing else can go on.
//!
//! A timer would make every level of a query wait; here the query itself is asked first, and when it stalls, all keys
//! of the level are known and one statement fetches them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_graphql::runtime::Timer;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered, Stream, StreamExt};
use futures_util::task::{FutureObj, Spawn, SpawnError};

/// A timer that has always run out.
pub(in crate::graphql) struct NoDelay;

impl Timer for NoDelay {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Where batches are handed in, and run.
#[derive(Clone, Default)]
pub(in crate::graphql) struct InRequest(Arc<Mutex<Vec<FutureObj<'static, ()>>>>);

impl Spawn for InRequest {
    fn spawn_obj(&self, batch: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        Ok(())
    }
}

impl InRequest {
    /// Drives `work` to its end, and every batch it hands in on the way.
    pub(in crate::graphql) async fn drive<F: Future>(&self, work: F) -> F::Output {
        let (mut work, mut batches) = (pin!(work), FuturesUnordered::new());
        poll_fn(move |context| self.poll(context, &mut batches, |context| work.as_mut().poll(context))).await
    }

    /// The same for work that comes to something again and again. A batch that is under way when an item is ready goes
    /// on with the next one.
    pub(in crate::graphql) fn drive_each<S: Stream + Unpin>(self, mut work: S) -> impl Stream<Item = S::Item> {
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
