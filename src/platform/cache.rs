//! Copies of rows that are read often: in Redis if it is configured, else in the process.
//!
//! **Invariant:** no decision depends on the cache; losing it costs speed only. A copy is removed after the commit that
//! changed the row, on every node: Redis is shared, and processes with caches of their own on one Postgres notify each
//! other. Removing leaves a tombstone for a moment, so that a reader that loaded the row just before the commit cannot
//! store the old copy afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use sea_orm::entity::prelude::async_trait::async_trait;
use sea_orm::{ConnectionTrait, Statement};
use serde::{Serialize, de::DeserializeOwned};

use super::database::Database;
use super::messaging::pg_notify::{Handler, Subscription};
use super::redis::{Redis, TIMEOUT};

/// How long a copy is valid.
const TTL: Duration = Duration::from_secs(60);
/// How long a tombstone refuses old copies: longer than any reader takes between loading a row and storing its copy.
const TOMBSTONE_TTL: Duration = Duration::from_secs(5);
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
    /// Copies are in Redis, none in the process.
    Redis(Redis),
    /// Copies are in the process; other processes are notified through Postgres.
    Notify(Database),
    /// Copies are in the process; there is no other process.
    Local,
}

struct ExpiryByKind;

impl Expiry<String, Option<Arc<str>>> for ExpiryByKind {
    fn expire_after_create(&self, _: &String, value: &Option<Arc<str>>, _: Instant) -> Option<Duration> {
        Some(if value.is_some() { TTL } else { TOMBSTONE_TTL })
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
    /// A cache in Redis if there is one, else in the process.
    pub fn new(redis: Option<Redis>, db: &Database) -> Cache {
        let local = moka::future::Cache::builder()
            .max_capacity(CAPACITY_BYTES)
            .weigher(|key: &String, value: &Option<Arc<str>>| {
                let bytes = key.len() + value.as_ref().map_or(0, |text| text.len());
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .expire_after(ExpiryByKind)
            .build();
        let shared = match redis {
            Some(redis) => Shared::Redis(redis),
            None if db.is_postgres() => Shared::Notify(db.clone()),
            None => Shared::Local,
        };
        Cache { local, shared }
    }

    /// The Postgres channel that removes the copies of this process when another process changes a row. None if copies
    /// are in Redis or there is no other process.
    pub fn subscription(&self) -> Option<Subscription> {
        match &self.shared {
            Shared::Notify(_) => {
                Some(Subscription { channel: CHANNEL, handler: Box::new(Invalidation(self.local.clone())) })
            }
            _ => None,
        }
    }

    /// The copy under `key`. None if there is none or it cannot be parsed.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let text = match &self.shared {
            Shared::Redis(redis) => {
                let mut get = ::redis::cmd("GET");
                get.arg(redis.name(key));
                redis.query::<Option<String>>(&get).await.flatten().filter(|text| !text.is_empty())?
            }
            _ => self.local.get(key).await.flatten()?.to_string(),
        };
        serde_json::from_str(&text).ok()
    }

    /// Stores a copy of a row that was just read, unless the row was removed a moment ago.
    pub async fn put<T: Serialize>(&self, key: &str, value: &T) {
        let Ok(text) = serde_json::to_string(value) else { return };
        match &self.shared {
            Shared::Redis(redis) => {
                let mut set = ::redis::cmd("SET");
                set.arg(redis.name(key)).arg(text).arg("NX").arg("PX").arg(millis(TTL));
                redis.query::<Option<String>>(&set).await;
            }
            _ => {
                self.local.entry(key.to_owned()).or_insert(Some(text.into())).await;
            }
        }
    }

    /// Removes the copy of a row that a commit has just changed, here and on every node.
    pub async fn remove(&self, key: &str) {
        match &self.shared {
            Shared::Redis(redis) => {
                let mut set = ::redis::cmd("SET");
                set.arg(redis.name(key)).arg("").arg("PX").arg(millis(TOMBSTONE_TTL));
                if redis.query::<String>(&set).await.is_none() {
                    self.remove_later(redis.clone(), set);
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
                    tracing::warn!(%error, "other nodes could not be notified to remove a cached row");
                }
            }
            Shared::Local => self.local.insert(key.to_owned(), None).await,
        }
    }

    /// Retries a removal that did not reach Redis, until no copy of the old row can be valid any more.
    fn remove_later(&self, redis: Redis, set: ::redis::Cmd) {
        tokio::spawn(async move {
            let deadline = Instant::now() + TTL;
            while Instant::now() < deadline {
                tokio::time::sleep(TIMEOUT).await;
                if redis.query::<String>(&set).await.is_some() {
                    return;
                }
            }
        });
    }

    /// Whether Redis answers, if copies are there. The service works either way.
    pub async fn is_healthy(&self) -> bool {
        match &self.shared {
            Shared::Redis(redis) => redis.query::<String>(&::redis::cmd("PING")).await.is_some(),
            _ => true,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Removes the copies of rows that other processes on the same Postgres changed. After a gap in listening the whole
/// cache is cleared.
struct Invalidation(moka::future::Cache<String, Option<Arc<str>>>);

#[async_trait]
impl Handler for Invalidation {
    async fn handle(&mut self, key: &str) {
        self.0.insert(key.to_owned(), None).await;
    }

    fn missed(&mut self) {
        self.0.invalidate_all();
    }
}
