//! Receives events from Redis, on a connection of its own that is opened again when it is lost.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use redis::aio::PubSub;
use redis::{Client, RedisError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;

/// How long connecting may take, and a response to a ping.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long the connection may be silent before a ping is sent.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// At least this long between two checks for silent nodes. Checks run when a message arrives or a ping is due, so the
/// heartbeats of this node, which come back to it, set the pace.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait after a failure before connecting again; doubled up to the maximum.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// Listens until `stop` is cancelled. Returns after the first attempt to connect, successful or not.
pub(super) async fn listen(url: String, channel: String, mut cluster: Cluster, stop: CancellationToken) {
    let (attempted, first) = oneshot::channel();
    tokio::spawn(async move {
        let (mut attempted, mut delay) = (Some(attempted), FIRST_RETRY_DELAY);
        let listening = async {
            loop {
                let subscribed = tokio::time::timeout(TIMEOUT, subscribe(&url, &channel)).await;
                if let Ok(Ok(connection)) = subscribed {
                    // Messages sent between the last connection and this one were missed.
                    cluster.interrupt(Instant::now());
                    drop(attempted.take());
                    delay = FIRST_RETRY_DELAY;
                    receive(connection, &mut cluster).await;
                    tracing::warn!("lost the Redis connection that receives events; live streams were ended");
                    cluster.interrupt(Instant::now());
                }
                drop(attempted.take());
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(MAX_RETRY_DELAY);
            }
        };
        tokio::select! {
            () = listening => {}
            () = stop.cancelled() => {}
        }
    });
    // The sender is dropped, never used.
    let _ = first.await as Result<(), _>;
}

async fn subscribe(url: &str, channel: &str) -> Result<PubSub, RedisError> {
    let mut connection = Client::open(url)?.get_async_pubsub().await?;
    connection.subscribe(channel).await?;
    Ok(connection)
}

/// Handles messages until the connection is lost.
async fn receive(connection: PubSub, cluster: &mut Cluster) {
    let (mut sink, mut messages) = connection.split();
    let mut checked_at = Instant::now();
    loop {
        if checked_at.elapsed() >= CHECK_INTERVAL {
            checked_at = Instant::now();
            cluster.remove_silent(checked_at);
        }
        match tokio::time::timeout(PING_INTERVAL, messages.next()).await {
            Ok(Some(message)) => match message.get_payload::<String>() {
                Ok(text) => cluster.receive(&text, Instant::now()),
                Err(_) => cluster.interrupt(Instant::now()),
            },
            Ok(None) => return,
            Err(_) => match tokio::time::timeout(TIMEOUT, sink.ping::<redis::Value>()).await {
                Ok(Ok(_)) => {}
                _ => return,
            },
        }
    }
}
