//! The handles to database, cache, queue, clock, keys and payment gateway that every use case is given.

use std::sync::Arc;

use super::cache::Cache;
use super::clock::Clock;
use super::config::Config;
use super::database::Database;
use super::gateway::{self, PaymentGateway};
use super::idempotency::IdempotencyKey;
use super::limits::rate_limit::RateLimit;
use super::messaging;
use super::password::Passwords;
use super::persisted_documents::PersistedDocuments;
use super::queue::Queue;
use super::redis::Redis;
use super::signing::SigningKeys;
use super::start_error::StartError;

/// The handles that every use case is given; cheap to clone.
#[derive(Clone)]
pub struct App {
    handles: Arc<Handles>,
    /// The idempotency key of the current mutation. Empty if the client sent none.
    pub idempotency_key: IdempotencyKey,
}

/// The handles behind an [`App`].
pub struct Handles {
    /// The settings, checked at start.
    pub config: Config,
    /// Time, ids and randomness.
    pub clock: Clock,
    /// The database, the only record of everything.
    pub db: Database,
    /// Copies of rows that may be lost at any time.
    pub cache: Cache,
    /// Wakes the worker of the queue.
    pub queue: Queue,
    /// Signing keys.
    pub keys: SigningKeys,
    /// Password hashing on a bounded pool.
    pub passwords: Passwords,
    /// The gateway to the payment processor.
    pub gateway: Arc<dyn PaymentGateway>,
    /// Limits on requests and cost.
    pub rate_limit: RateLimit,
    /// Redis. None if it is not configured.
    pub redis: Option<Redis>,
    /// GraphQL documents that clients send by hash or id.
    pub persisted_documents: Arc<PersistedDocuments>,
}

impl App {
    /// Opens every handle that `config` names and applies pending migrations.
    pub async fn start(config: Config, clock: Clock) -> Result<App, StartError> {
        let db = Database::connect(&config).await?;
        db.migrate().await?;
        App::assemble(config, clock, db).await
    }

    /// Builds the handles around a database whose schema is current.
    pub async fn assemble(config: Config, clock: Clock, db: Database) -> Result<App, StartError> {
        let keys = SigningKeys::load(&config)?;
        let redis = config.redis_url.as_deref().map(|url| Redis::connect(url, &config.redis_prefix)).transpose()?;
        let cache = Cache::new(redis.clone(), &db);
        let persisted_documents = Arc::new(PersistedDocuments::load(&config.graphql, redis.clone())?);
        join_cluster(&db, &cache, redis.as_ref().zip(config.redis_url.as_deref())).await;
        let gateway = gateway::from_config(&config, &db, &clock)?;
        Ok(App::from_handles(Handles {
            rate_limit: RateLimit::new(&config, &clock, redis.as_ref()),
            passwords: Passwords::new(),
            queue: Queue::default(),
            config,
            clock,
            db,
            cache,
            redis,
            persisted_documents,
            keys,
            gateway,
        }))
    }

    fn from_handles(handles: Handles) -> App {
        App { handles: Arc::new(handles), idempotency_key: IdempotencyKey::default() }
    }

    /// The same handles for one mutation with an idempotency key.
    pub fn with_idempotency_key(&self, idempotency_key: IdempotencyKey) -> App {
        App { handles: self.handles.clone(), idempotency_key }
    }

    /// The same handles with another clock and with the sandbox as gateway, which uses that clock too.
    pub fn with_clock(&self, clock: Clock) -> App {
        App::from_handles(Handles {
            config: self.config.clone(),
            db: self.db.clone(),
            cache: self.cache.clone(),
            redis: self.redis.clone(),
            persisted_documents: self.persisted_documents.clone(),
            queue: self.queue.clone(),
            keys: self.keys.clone(),
            passwords: self.passwords.clone(),
            gateway: gateway::sandbox(&self.db, &clock),
            rate_limit: RateLimit::new(&self.config, &clock, self.redis.as_ref()),
            clock,
        })
    }
}

impl std::ops::Deref for App {
    type Target = Handles;

    fn deref(&self) -> &Handles {
        &self.handles
    }
}

/// Exchanges events and cache removals with the other processes from now on.
async fn join_cluster(db: &Database, cache: &Cache, redis: Option<(&Redis, &str)>) {
    let postgres = db.is_postgres().then(|| db.postgres_pool());
    let events = messaging::join(db.events(), redis, postgres).await;
    if let Some(pool) = postgres {
        messaging::pg_notify::listen(pool, cache.subscription().into_iter().chain(events).collect()).await;
    }
}
