//! Copies of rows that are read often: in Redis when there is one, else in the process.
//!
//! **Invariant:** the cache is never asked "may I"; losing it costs speed only. A row is forgotten after the commit
//! that changed it, on every node: Redis is shared, and processes with caches of their own on one Postgres tell each
//! other by NOTIFY. Forgetting leaves a tombstone for a moment, so that a reader who loaded the row just before the
//! commit cannot put the old copy back afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{ConnectionTrait, Statement};
use serde::{Serialize, de::DeserializeOwned};

use super::StartError;
use super::config::Config;
use super::database::Database;

/// How long a copy may serve.
const LIFE: Duration = Duration::from_secs(60);
/// How long a tombstone keeps old copies out: longer than any reader holds a row before storing it.
const TOMBSTONE: Duration = Duration::from_secs(5);
const CAPACITY_BYTES: u64 = 64 * 1024 * 1024;
const REDIS_PATIENCE: Duration = Duration::from_millis(250);
const REDIS_PREFIX: &str = "roost:1:";
const CHANNEL: &str = "roost_forget";

/// A store of copies, by key.
#[derive(Clone)]
pub struct Cache {
    local: moka::future::Cache<String, Option<Arc<str>>>,
    shared: Shared,
}

#[derive(Clone)]
enum Shared {
    /// Copies live in Redis, none in the process.
    Redis { connection: ConnectionManager, down: Arc<AtomicBool> },
    /// Copies live in the process; other processes are told through Postgres.
    Notify(Database),
    /// Copies live in the process, the only one there is.
    Alone,
}

struct Lives;

impl Expiry<String, Option<Arc<str>>> for Lives {
    fn expire_after_create(&self, _: &String, value: &Option<Arc<str>>, _: Instant) -> Option<Duration> {
        Some(if value.is_some() { LIFE } else { TOMBSTONE })
    }

    fn expire_after_update(
        &self,
        key: &String,
        value: &Option<Arc<str>>,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, value, now)
    }
}

impl Cache {
    /// Connects to Redis if there is one; Redis being away is no reason not to start.
    pub async fn connect(config: &Config, db: &Database) -> Result<Cache, StartError> {
        let local = moka::future::Cache::builder()
            .max_capacity(CAPACITY_BYTES)
            .weigher(|key: &String, value: &Option<Arc<str>>| {
                let bytes = key.len() + value.as_ref().map_or(0, |text| text.len());
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .expire_after(Lives)
            .build();
        let shared = match &config.redis_url {
            Some(url) => {
                let settings = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(REDIS_PATIENCE))
                    .set_response_timeout(Some(REDIS_PATIENCE))
                    .set_number_of_retries(1);
                let client = redis::Client::open(url.as_str())?;
                let connection = ConnectionManager::new_lazy_with_config(client, settings)?;
                Shared::Redis { connection, down: Arc::new(AtomicBool::new(false)) }
            }
            None if db.is_postgres() => {
                listen(db, local.clone());
                Shared::Notify(db.clone())
            }
            None => Shared::Alone,
        };
        Ok(Cache { local, shared })
    }

    /// The copy under `key`, if there is one that can be read.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let text = match &self.shared {
            Shared::Redis { connection, down } => {
                let mut get = redis::cmd("GET");
                get.arg(redis_key(key));
                ask::<Option<String>>(connection, down, &get).await.flatten().filter(|text| !text.is_empty())?
            }
            _ => self.local.get(key).await.flatten()?.to_string(),
        };
        serde_json::from_str(&text).ok()
    }

    /// Stores a copy of a row that was just read, unless the row was forgotten a moment ago.
    pub async fn put<T: Serialize>(&self, key: &str, value: &T) {
        let Ok(text) = serde_json::to_string(value) else { return };
        match &self.shared {
            Shared::Redis { connection, down } => {
                let mut set = redis::cmd("SET");
                set.arg(redis_key(key)).arg(text).arg("NX").arg("PX").arg(millis(LIFE));
                ask::<Option<String>>(connection, down, &set).await;
            }
            _ => {
                self.local.entry(key.to_owned()).or_insert(Some(text.into())).await;
            }
        }
    }

    /// Forgets the copies of rows that a commit has just changed, here and on every node.
    pub async fn forget(&self, key: &str) {
        match &self.shared {
            Shared::Redis { connection, down } => {
                let mut set = redis::cmd("SET");
                set.arg(redis_key(key)).arg("").arg("PX").arg(millis(TOMBSTONE));
                if ask::<String>(connection, down, &set).await.is_none() {
                    self.forget_later(connection.clone(), set);
                }
            }
            Shared::Notify(db) => {
                self.local.insert(key.to_owned(), None).await;
                let notify = Statement::from_sql_and_values(
                    sea_orm::DbBackend::Postgres,
                    "SELECT pg_notify($1, $2)",
                    [CHANNEL.into(), key.into()],
                );
                if let Err(error) = db.write().execute_raw(notify).await {
                    tracing::warn!(%error, "other nodes could not be told to forget a cached row");
                }
            }
            Shared::Alone => self.local.insert(key.to_owned(), None).await,
        }
    }

    /// Redis did not hear that a row changed; tells it as soon as it is back, for as long as a copy could live.
    fn forget_later(&self, connection: ConnectionManager, set: redis::Cmd) {
        tokio::spawn(async move {
            let deadline = Instant::now() + LIFE;
            while Instant::now() < deadline {
                tokio::time::sleep(REDIS_PATIENCE).await;
                if set.query_async::<String>(&mut connection.clone()).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// Whether the shared part, if any, answers; the service works either way.
    pub async fn is_healthy(&self) -> bool {
        match &self.shared {
            Shared::Redis { connection, down } => ask::<String>(connection, down, &redis::cmd("PING")).await.is_some(),
            _ => true,
        }
    }
}

fn redis_key(key: &str) -> String {
    format!("{REDIS_PREFIX}{key}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One command; nothing when Redis is away, which is logged once each time it goes and comes back.
async fn ask<T: redis::FromRedisValue>(
    connection: &ConnectionManager,
    down: &AtomicBool,
    command: &redis::Cmd,
) -> Option<T> {
    let answer = tokio::time::timeout(REDIS_PATIENCE, command.query_async::<T>(&mut connection.clone())).await;
    let failure = match answer {
        Ok(Ok(value)) => {
            if down.swap(false, Ordering::Relaxed) {
                tracing::info!("Redis is back");
            }
            return Some(value);
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    if !down.swap(true, Ordering::Relaxed) {
        tracing::warn!(error = failure, "Redis is away; going on without it");
    }
    None
}

/// Forgets what other processes on the same Postgres say has changed. A gap in listening empties the cache.
fn listen(db: &Database, local: moka::future::Cache<String, Option<Arc<str>>>) {
    let pool = db.read().get_postgres_connection_pool().clone();
    tokio::spawn(async move {
        while !pool.is_closed() {
            if let Ok(mut listener) = PgListener::connect_with(&pool).await {
                listener.ignore_pool_close_event(false);
                if listener.listen(CHANNEL).await.is_ok() {
                    local.invalidate_all();
                    while let Ok(Some(notice)) = listener.try_recv().await {
                        local.insert(notice.payload().to_owned(), None).await;
                    }
                }
            }
            local.invalidate_all();
            tokio::time::sleep(REDIS_PATIENCE).await;
        }
    });
}
