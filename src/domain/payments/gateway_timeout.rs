//! A time limit for calls to the card processor.

use std::time::Duration;

use crate::platform::gateway::{GatewayError, GatewayFuture};

/// How long a call to the processor may take.
const PROCESSOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the processor's answer. After the time limit the result is unknown, not failed: the request may still take
/// effect.
pub(super) async fn with_timeout<T>(answer: GatewayFuture<'_, T>) -> Result<T, GatewayError> {
    tokio::time::timeout(PROCESSOR_TIMEOUT, answer)
        .await
        .unwrap_or_else(|_| Err(GatewayError::Unknown("no answer within 10 seconds".into())))
}
