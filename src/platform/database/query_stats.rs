//! Counts the statements of a request: how many, how many rows, how much time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

tokio::task_local! {
    static STATS: Arc<QueryStats>;
}

/// What one request cost the database.
#[derive(Debug, Default)]
pub struct QueryStats {
    statements: AtomicU64,
    rows: AtomicU64,
    microseconds: AtomicU64,
}

impl QueryStats {
    /// Runs `work` and counts the statements that it sends in its own task.
    pub async fn measure<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        STATS.scope(self.clone(), work).await
    }

    /// The number of statements.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// The number of rows that were returned.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// The time of all statements together, in microseconds. Concurrent statements count each.
    pub fn microseconds(&self) -> u64 {
        self.microseconds.load(Ordering::Relaxed)
    }
}

/// Wraps `work` for another task, so that it counts in the statistics of this one.
pub(super) fn with_current_stats<F: Future + Send>(work: F) -> impl Future<Output = F::Output> + Send {
    let stats = current_stats();
    async move {
        match stats {
            Some(stats) => stats.measure(work).await,
            None => work.await,
        }
    }
}

/// The statistics of the current request. None outside of one.
pub(super) fn current_stats() -> Option<Arc<QueryStats>> {
    STATS.try_with(Arc::clone).ok()
}

impl QueryStats {
    /// Adds one statement.
    pub(super) fn add(&self, rows: usize, took: Duration) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.rows.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
