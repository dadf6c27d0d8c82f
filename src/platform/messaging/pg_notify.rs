//! What the processes on one Postgres tell each other by NOTIFY: one connection listens for all who have ears, another
//! tells events. Neither is one of those that requests are served by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, TryStreamExt};
use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgNotification, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions, PgPool};
use tokio::sync::oneshot;

use crate::platform::database::Database;

/// How long after a failure listening is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a start waits until the others are heard.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How long connecting may take, and telling.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often those who have ears may look around when nothing is said.
const LOOK: Duration = Duration::from_secs(1);
/// After how long without a notice the connection is taken for dead: this process itself says something every few
/// seconds (see `events::wire`), which comes back to it.
const SILENCE: Duration = Duration::from_secs(15);

/// Takes notices in.
#[async_trait]
pub trait Hear: Send {
    /// A process said this, perhaps this one.
    async fn heard(&mut self, notice: &str);

    /// What was said meanwhile nobody knows.
    fn missed(&mut self);

    /// Some time has passed.
    fn look(&mut self) {}
}

/// Who listens on a channel.
pub struct Ear {
    /// The channel.
    pub channel: &'static str,
    /// What hears.
    pub hears: Box<dyn Hear>,
}

/// Listens until the pool is closed. Returns once the first try has come to its end, either way.
pub async fn listen(db: &Database, ears: Vec<Ear>) {
    if ears.is_empty() {
        return;
    }
    let (tried, first) = oneshot::channel::<()>();
    let pool = db.postgres_pool().clone();
    tokio::spawn(async move {
        let options = pool.connect_options();
        // An end is the only way out.
        let _ = pool.close_event().do_until(listen_for_ever(options, ears, tried)).await;
    });
    // The sender is dropped, never used; one that takes longer is not waited for.
    let _ = tokio::time::timeout(FIRST_WAIT, first).await;
}

async fn listen_for_ever(options: Arc<PgConnectOptions>, mut ears: Vec<Ear>, tried: oneshot::Sender<()>) {
    let channels: Vec<&str> = ears.iter().map(|ear| ear.channel).collect();
    let mut tried = Some(tried);
    loop {
        if let Ok(Ok(listener)) = tokio::time::timeout(PATIENCE, open(&options, &channels)).await {
            ears.iter_mut().for_each(|ear| ear.hears.missed());
            drop(tried.take());
            hear(listener, &mut ears).await;
            tracing::warn!("the connection to Postgres that events come by was lost; live streams were ended");
        }
        ears.iter_mut().for_each(|ear| ear.hears.missed());
        drop(tried.take());
        tokio::time::sleep(PAUSE).await;
    }
}

/// Takes in what is told, until the connection is lost or has been silent for too long.
async fn hear(listener: PgListener, ears: &mut [Ear]) {
    let next = |mut listener: PgListener| async {
        Ok::<_, sqlx::Error>(listener.try_recv().await?.map(|notice| (notice, listener)))
    };
    // A stream, so that a pause in waiting for the next notice does not take half of it away.
    let mut notices = Box::pin(stream::try_unfold(listener, next));
    let (mut heard_at, mut looked_at) = (Instant::now(), Instant::now());
    while heard_at.elapsed() < SILENCE {
        match tokio::time::timeout(LOOK, notices.try_next()).await {
            Ok(Ok(Some(notice))) => {
                heard_at = Instant::now();
                tell_ears(ears, &notice).await;
            }
            Ok(_) => return,
            Err(_) => {}
        }
        if looked_at.elapsed() >= LOOK {
            looked_at = Instant::now();
            ears.iter_mut().for_each(|ear| ear.hears.look());
        }
    }
}

async fn tell_ears(ears: &mut [Ear], notice: &PgNotification) {
    for ear in ears.iter_mut().filter(|ear| ear.channel == notice.channel()) {
        ear.hears.heard(notice.payload()).await;
    }
}

async fn open(options: &PgConnectOptions, channels: &[&'static str]) -> Result<PgListener, sqlx::Error> {
    // A listener asks for a pool. This one is its own, and is let go with it.
    let settings = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool: PgPool = settings.connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen_all(channels.iter().copied()).await?;
    Ok(listener)
}

/// Tells every process that listens, this one included, on a connection of its own.
pub struct Teller {
    options: Arc<PgConnectOptions>,
    connection: Option<PgConnection>,
    was_heard: bool,
}

impl Teller {
    /// Will connect as the pool does, when there is something to tell.
    pub fn new(pool: &PgPool) -> Teller {
        Teller { options: pool.connect_options(), connection: None, was_heard: true }
    }

    /// Tells these in this order, or says in the log, once each time, that it cannot. What failed may have been heard.
    pub async fn tell(&mut self, channel: &str, notices: &[String]) -> bool {
        let told = tokio::time::timeout(PATIENCE, self.try_to_tell(channel, notices)).await;
        let failure = match told {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        if let Some(error) = &failure {
            // Whatever is wrong with the connection, the next one is new.
            self.connection = None;
            if self.was_heard {
                tracing::warn!(error, "other nodes cannot be told what happens; they will be told later");
            }
        }
        self.was_heard = failure.is_none();
        self.was_heard
    }

    async fn try_to_tell(&mut self, channel: &str, notices: &[String]) -> Result<(), sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.options.connect().await?),
        };
        let notify = "SELECT pg_notify($1, notice) FROM unnest($2::text[]) WITH ORDINALITY AS told (notice, place) \
                      ORDER BY place";
        sqlx::query(notify).bind(channel).bind(notices).execute(connection).await.map(|_| ())
    }
}
