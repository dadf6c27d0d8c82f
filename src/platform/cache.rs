//! Copies of rows that are read often: in Redis when there is one, else in the process.
//!
//! **Invariant:** the cache is never asked "may I"; losing it costs speed only. A row is forgotten after the commit
//! that changed it, on every node: Redis is shared, and processes with caches of their own on one Postgres tell each
//! other by NOTIFY. Forgetting leaves a tombstone for a moment, so that a reader who loaded the row just before the
//! commit cannot put the old copy back afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, Statement};
use serde::{Serialize, de::DeserializeOwned};

use super::database::Database;
use super::messaging::pg_notify::{Ear, Hear};
use super::redis::{PATIENCE, Redis};

/// How long a copy may serve.
const LIFE: Duration = Duration::from_secs(60);
/// How long a tombstone keeps old copies out: longer than any reader holds a row before storing it.
const TOMBSTONE: Duration = Duration::from_secs(5);
const CAPACITY_BYTES: u64 = 64 * 1024 * 1024;
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
    Redis(Redis),
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
    /// A cache in Redis, if there is one, else in the process.
    pub fn new(redis: Option<Redis>, db: &Database) -> Cache {
        let local = moka::future::Cache::builder()
            .max_capacity(CAPACITY_BYTES)
            .weigher(|key: &String, value: &Option<Arc<str>>| {
                let bytes = key.len() + value.as_ref().map_or(0, |text| text.len());
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .expire_after(Lives)
            .build();
        let shared = match redis {
            Some(redis) => Shared::Redis(redis),
            None if db.is_postgres() => Shared::Notify(db.clone()),
            None => Shared::Alone,
        };
        Cache { local, shared }
    }

    /// What must listen on Postgres for the copies of this process to be forgotten in time.
    pub fn ear(&self) -> Option<Ear> {
        match &self.shared {
            Shared::Notify(_) => Some(Ear { channel: CHANNEL, hears: Box::new(Forgetful(self.local.clone())) }),
            _ => None,
        }
    }

    /// The copy under `key`, if there is one that can be read.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let text = match &self.shared {
            Shared::Redis(redis) => {
                let mut get = ::redis::cmd("GET");
                get.arg(redis.name(key));
                redis.ask::<Option<String>>(&get).await.flatten().filter(|text| !text.is_empty())?
            }
            _ => self.local.get(key).await.flatten()?.to_string(),
        };
        serde_json::from_str(&text).ok()
    }

    /// Stores a copy of a row that was just read, unless the row was forgotten a moment ago.
    pub async fn put<T: Serialize>(&self, key: &str, value: &T) {
        let Ok(text) = serde_json::to_string(value) else { return };
        match &self.shared {
            Shared::Redis(redis) => {
                let mut set = ::redis::cmd("SET");
                set.arg(redis.name(key)).arg(text).arg("NX").arg("PX").arg(millis(LIFE));
                redis.ask::<Option<String>>(&set).await;
            }
            _ => {
                self.local.entry(key.to_owned()).or_insert(Some(text.into())).await;
            }
        }
    }

    /// Forgets the copies of rows that a commit has just changed, here and on every node.
    pub async fn forget(&self, key: &str) {
        match &self.shared {
            Shared::Redis(redis) => {
                let mut set = ::redis::cmd("SET");
                set.arg(redis.name(key)).arg("").arg("PX").arg(millis(TOMBSTONE));
                if redis.ask::<String>(&set).await.is_none() {
                    self.forget_later(redis.clone(), set);
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
    fn forget_later(&self, redis: Redis, set: ::redis::Cmd) {
        tokio::spawn(async move {
            let deadline = Instant::now() + LIFE;
            while Instant::now() < deadline {
                tokio::time::sleep(PATIENCE).await;
                if redis.ask::<String>(&set).await.is_some() {
                    return;
                }
            }
        });
    }

    /// Whether the shared part, if any, answers; the service works either way.
    pub async fn is_healthy(&self) -> bool {
        match &self.shared {
            Shared::Redis(redis) => redis.ask::<String>(&::redis::cmd("PING")).await.is_some(),
            _ => true,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Forgets what other processes on the same Postgres say has changed. A gap in listening empties the cache.
struct Forgetful(moka::future::Cache<String, Option<Arc<str>>>);

#[async_trait]
impl Hear for Forgetful {
    async fn heard(&mut self, key: &str) {
        self.0.insert(key.to_owned(), None).await;
    }

    fn missed(&mut self) {
        self.0.invalidate_all();
    }
}
