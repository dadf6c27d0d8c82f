//! Listening on Redis, on a connection of its own that comes back by itself.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use redis::aio::PubSub;
use redis::{Client, RedisError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::cluster::Peers;

/// How long connecting may take, and an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a silent connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);
/// How often it is looked whether other nodes have fallen silent, at most; with the beats of this node coming back, about
/// as often as those.
const LOOK: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Listens until told to stop. Returns once the first try has come to its end, either way.
pub(super) async fn listen(url: String, channel: String, mut peers: Peers, stop: CancellationToken) {
    let (tried, first) = oneshot::channel();
    tokio::spawn(async move {
        let (mut tried, mut pause) = (Some(tried), FIRST_PAUSE);
        let listening = async {
            loop {
                let subscribed = tokio::time::timeout(PATIENCE, subscribe(&url, &channel)).await;
                if let Ok(Ok(connection)) = subscribed {
                    // Between the last connection and this one nothing was heard.
                    peers.lose(Instant::now());
                    drop(tried.take());
                    pause = FIRST_PAUSE;
                    hear(connection, &mut peers).await;
                    tracing::warn!("the connection to Redis that events come by was lost; live streams were ended");
                    peers.lose(Instant::now());
                }
                drop(tried.take());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
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

/// Takes in what is told, until the connection is lost.
async fn hear(connection: PubSub, peers: &mut Peers) {
    let (mut sink, mut messages) = connection.split();
    let mut looked_at = Instant::now();
    loop {
        if looked_at.elapsed() >= LOOK {
            looked_at = Instant::now();
            peers.look(looked_at);
        }
        match tokio::time::timeout(PING, messages.next()).await {
            Ok(Some(message)) => match message.get_payload::<String>() {
                Ok(text) => peers.take(&text, Instant::now()),
                Err(_) => peers.lose(Instant::now()),
            },
            Ok(None) => return,
            Err(_) => match tokio::time::timeout(PATIENCE, sink.ping::<redis::Value>()).await {
                Ok(Ok(_)) => {}
                _ => return,
            },
        }
    }
}
