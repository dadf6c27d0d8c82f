//! What the processes on one Postgres tell each other by NOTIFY: one connection listens for all who have ears.

use std::time::Duration;

use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::sqlx::postgres::PgListener;
use sea_orm::sqlx::{self, PgPool};
use tokio::sync::oneshot;

use super::database::Database;

/// How long after a failure listening is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a start waits until the others are heard.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Takes notices in.
#[async_trait]
pub trait Hear: Send {
    /// A process said this, perhaps this one.
    async fn heard(&mut self, notice: &str);

    /// What was said meanwhile nobody knows.
    fn missed(&mut self);
}

/// Who listens on a channel.
pub struct Ear {
    /// The channel.
    pub channel: &'static str,
    /// What hears.
    pub hears: Box<dyn Hear>,
}

/// Listens until the pool is closed. Returns once the first try has come to its end, either way.
pub async fn listen(db: &Database, mut ears: Vec<Ear>) {
    if ears.is_empty() {
        return;
    }
    let (tried, first) = oneshot::channel::<()>();
    let pool = db.postgres_pool().clone();
    let channels: Vec<&str> = ears.iter().map(|ear| ear.channel).collect();
    tokio::spawn(async move {
        let mut tried = Some(tried);
        while !pool.is_closed() {
            if let Ok(mut listener) = open(&pool, &channels).await {
                miss(&mut ears);
                drop(tried.take());
                while let Ok(Some(notice)) = listener.try_recv().await {
                    for ear in ears.iter_mut().filter(|ear| ear.channel == notice.channel()) {
                        ear.hears.heard(notice.payload()).await;
                    }
                }
            }
            miss(&mut ears);
            drop(tried.take());
            tokio::time::sleep(PAUSE).await;
        }
    });
    // The sender is dropped, never used; one that takes longer is not waited for.
    let _ = tokio::time::timeout(FIRST_WAIT, first).await;
}

async fn open(pool: &PgPool, channels: &[&'static str]) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.ignore_pool_close_event(false);
    listener.listen_all(channels.iter().copied()).await?;
    Ok(listener)
}

fn miss(ears: &mut [Ear]) {
    for ear in ears {
        ear.hears.missed();
    }
}

/// Tells every process that listens, this one included, in this order.
pub async fn tell(pool: &PgPool, channel: &str, notices: Vec<String>) -> Result<(), sqlx::Error> {
    let notify = "SELECT pg_notify($1, notice) FROM unnest($2::text[]) WITH ORDINALITY AS told (notice, place) \
                  ORDER BY place";
    sqlx::query(notify).bind(channel).bind(notices).execute(pool).await.map(|_| ())
}
