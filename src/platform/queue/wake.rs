//! Wakes the worker of this process when a job was written.

use std::sync::Arc;

use tokio::sync::Notify;

/// Wakes the worker of this process, so that it does not wait until its next poll. Cheap to clone.
#[derive(Clone, Default)]
pub struct Queue(Arc<Notify>);

impl Queue {
    /// Wakes the worker. Must be called after the commit that wrote the job.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits for the next call of [`Queue::wake`].
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}
