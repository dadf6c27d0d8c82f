//! Messages between the processes on one Postgres, by LISTEN and NOTIFY.
//!
//! One connection listens for all subscriptions of the process, another one sends. Neither is in the pool that serves
//! requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, TryStreamExt};
use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgNotification, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions, PgPool};
use tokio::sync::oneshot;

/// How long to wait after a failure before connecting again.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// How long a start waits for the first connection.
const START_TIMEOUT: Duration = Duration::from_secs(1);
/// How long connecting may take, and sending.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often handlers are called when no message arrives.
const TICK: Duration = Duration::from_secs(1);
/// A connection that received nothing for this long is taken for dead: this process itself sends a heartbeat every few
/// seconds (see `messaging::transport`), which comes back to it.
const SILENCE: Duration = Duration::from_secs(15);

/// Handles the messages of one channel.
#[async_trait]
pub trait Handler: Send {
    /// A process sent this message; it may be this process.
    async fn handle(&mut self, message: &str);

    /// The connection was lost or is new: messages may have been missed.
    fn missed(&mut self);

    /// About a second has passed.
    fn tick(&mut self) {}
}

/// A channel and the handler of its messages.
pub struct Subscription {
    /// The name of the channel.
    pub channel: &'static str,
    /// What handles its messages.
    pub handler: Box<dyn Handler>,
}

/// Listens until the pool is closed. Returns after the first attempt to connect, successful or not.
pub async fn listen(pool: &PgPool, subscriptions: Vec<Subscription>) {
    if subscriptions.is_empty() {
        return;
    }
    let (attempted, first) = oneshot::channel::<()>();
    let pool = pool.clone();
    tokio::spawn(async move {
        let options = pool.connect_options();
        // The loop never returns: an error here means that the pool was closed.
        let _ = pool.close_event().do_until(listen_forever(options, subscriptions, attempted)).await;
    });
    // The sender is dropped, never used. An attempt that takes longer is not waited for.
    let _ = tokio::time::timeout(START_TIMEOUT, first).await;
}

async fn listen_forever(
    options: Arc<PgConnectOptions>,
    mut subscriptions: Vec<Subscription>,
    attempted: oneshot::Sender<()>,
) {
    let channels: Vec<&str> = subscriptions.iter().map(|subscription| subscription.channel).collect();
    let mut attempted = Some(attempted);
    loop {
        if let Ok(Ok(listener)) = tokio::time::timeout(TIMEOUT, open_listener(&options, &channels)).await {
            subscriptions.iter_mut().for_each(|subscription| subscription.handler.missed());
            drop(attempted.take());
            receive(listener, &mut subscriptions).await;
            tracing::warn!("lost the Postgres connection that receives events; live streams were ended");
        }
        subscriptions.iter_mut().for_each(|subscription| subscription.handler.missed());
        drop(attempted.take());
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

/// Handles messages until the connection is lost or was silent for too long.
async fn receive(listener: PgListener, subscriptions: &mut [Subscription]) {
    let next = |mut listener: PgListener| async {
        Ok::<_, sqlx::Error>(listener.try_recv().await?.map(|message| (message, listener)))
    };
    // A stream, so that a timeout while waiting for the next message does not lose a message that is half read.
    let mut messages = Box::pin(stream::try_unfold(listener, next));
    let (mut received_at, mut ticked_at) = (Instant::now(), Instant::now());
    while received_at.elapsed() < SILENCE {
        match tokio::time::timeout(TICK, messages.try_next()).await {
            Ok(Ok(Some(message))) => {
                received_at = Instant::now();
                dispatch(subscriptions, &message).await;
            }
            Ok(_) => return,
            Err(_) => {}
        }
        if ticked_at.elapsed() >= TICK {
            ticked_at = Instant::now();
            subscriptions.iter_mut().for_each(|subscription| subscription.handler.tick());
        }
    }
}

async fn dispatch(subscriptions: &mut [Subscription], message: &PgNotification) {
    for subscription in subscriptions.iter_mut().filter(|subscription| subscription.channel == message.channel()) {
        subscription.handler.handle(message.payload()).await;
    }
}

async fn open_listener(options: &PgConnectOptions, channels: &[&'static str]) -> Result<PgListener, sqlx::Error> {
    // PgListener needs a pool. This pool belongs to the listener and is dropped with it.
    let settings = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool: PgPool = settings.connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen_all(channels.iter().copied()).await?;
    Ok(listener)
}

/// Sends messages to every process that listens, this one included, on a connection of its own.
pub struct Notifier {
    options: Arc<PgConnectOptions>,
    connection: Option<PgConnection>,
    last_succeeded: bool,
}

impl Notifier {
    /// A notifier that connects with the pool's options when there is something to send.
    pub fn new(pool: &PgPool) -> Notifier {
        Notifier { options: pool.connect_options(), connection: None, last_succeeded: true }
    }

    /// Sends these messages in this order. Returns false if that failed, and logs the first of several failures in a
    /// row. Messages of a failed call may have been delivered.
    pub async fn notify(&mut self, channel: &str, messages: &[String]) -> bool {
        let sent = tokio::time::timeout(TIMEOUT, self.try_notify(channel, messages)).await;
        let failure = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no response in time".to_owned()),
        };
        if let Some(error) = &failure {
            // The state of the connection is unknown: the next attempt opens a new one.
            self.connection = None;
            if self.last_succeeded {
                tracing::warn!(error, "cannot send events to other nodes; retrying until it succeeds");
            }
        }
        self.last_succeeded = failure.is_none();
        self.last_succeeded
    }

    async fn try_notify(&mut self, channel: &str, messages: &[String]) -> Result<(), sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.options.connect().await?),
        };
        let notify = "SELECT pg_notify($1, message) FROM unnest($2::text[]) WITH ORDINALITY AS sent (message, place) \
                      ORDER BY place";
        sqlx::query(notify).bind(channel).bind(messages).execute(connection).await.map(|_| ())
    }
}
