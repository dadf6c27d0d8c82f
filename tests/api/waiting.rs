//! Waiting for a condition that another task, thread or process brings about.

use std::time::Duration;

/// The longest wait for something that must happen. It is far longer than any of these waits takes, so that a slow
/// machine fails no test.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until a condition is true. It is checked as soon as every other task has had its turn.
pub async fn wait_until(condition: &str, is_true: impl AsyncFn() -> bool) {
    let checks = async {
        while !is_true().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, checks).await.unwrap_or_else(|_| panic!("timed out waiting until {condition}"));
}
