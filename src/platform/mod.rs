//! What the domain stands on: the handles to database, cache, queue, clock, secrets and the payment gateway.

use std::sync::Arc;

pub mod audit;
pub mod bulk;
pub mod cache;
pub mod clock;
pub mod config;
pub mod database;
pub mod fail_point;
pub mod gateway;
pub mod idempotency;
pub mod keyset;
pub mod limits;
pub mod messaging;
pub mod password;
pub mod persisted;
pub mod queue;
pub mod redis;
pub mod signing;
pub mod telemetry;
#[cfg(feature = "test-clock")]
pub mod test_clock;
pub mod top_n_per_group;

use self::limits::rate_limit::RateLimit;
use self::signing::Keys;
use cache::Cache;
use clock::Clock;
use config::Config;
use database::Database;
use gateway::PaymentGateway;
use idempotency::Once;
use password::Passwords;
use persisted::Persisted;
use queue::Queue;
use redis::Redis;

/// Everything a use case may reach for; cheap to clone.
#[derive(Clone)]
pub struct App {
    handles: Arc<Handles>,
    /// The idempotency claim of the call that runs now; without a key, one that holds nothing.
    pub once: Once,
}

/// The handles behind an [`App`].
pub struct Handles {
    /// Settings, checked at start.
    pub config: Config,
    /// Time, ids and randomness.
    pub clock: Clock,
    /// The database; the truth about everything.
    pub db: Database,
    /// Copies that may vanish at any time.
    pub cache: Cache,
    /// The wake-up call of the durable queue.
    pub queue: Queue,
    /// Signing keys.
    pub keys: Keys,
    /// Password hashing on a bounded pool.
    pub passwords: Passwords,
    /// The card processor.
    pub gateway: Arc<dyn PaymentGateway>,
    /// How often and how much may be asked.
    pub rate_limit: RateLimit,
    /// Redis, if there is one.
    pub redis: Option<Redis>,
    /// GraphQL documents that are named instead of sent.
    pub persisted: Arc<Persisted>,
}

impl App {
    /// Opens every handle that `config` asks for and brings the schema up to date.
    pub async fn start(config: Config, clock: Clock) -> Result<App, StartError> {
        let db = Database::connect(&config).await?;
        db.migrate().await?;
        App::assemble(config, clock, db).await
    }

    /// Builds the handles around a database whose schema is known to be current.
    pub async fn assemble(config: Config, clock: Clock, db: Database) -> Result<App, StartError> {
        let keys = Keys::load(&config)?;
        let redis = config.redis_url.as_deref().map(|url| Redis::connect(url, &config.redis_prefix)).transpose()?;
        let cache = Cache::new(redis.clone(), &db);
        let persisted = Arc::new(Persisted::load(&config.graphql, redis.clone())?);
        let ear = db.events().join(redis.as_ref().zip(config.redis_url.as_deref()), &db).await;
        messaging::pg_notify::listen(&db, cache.ear().into_iter().chain(ear).collect()).await;
        let gateway: Arc<dyn PaymentGateway> = match &config.stripe {
            Some(stripe) => Arc::new(gateway::stripe::Stripe::new(stripe, clock.clone())?),
            None => Arc::new(gateway::sandbox::Sandbox::new(db.clone(), clock.clone())),
        };
        Ok(App::of(Handles {
            rate_limit: RateLimit::new(&config, &clock, redis.as_ref()),
            passwords: Passwords::new(),
            queue: Queue::default(),
            config,
            clock,
            db,
            cache,
            redis,
            persisted,
            keys,
            gateway,
        }))
    }

    fn of(handles: Handles) -> App {
        App { handles: Arc::new(handles), once: Once::default() }
    }

    /// The same service for one call that came with an idempotency key.
    pub fn with_once(&self, once: Once) -> App {
        App { handles: self.handles.clone(), once }
    }

    /// The same service by another clock, with the sandbox for its gateway: what is done through it is dated by that
    /// clock, the gateway's books included.
    pub fn by_clock(&self, clock: Clock) -> App {
        App::of(Handles {
            config: self.config.clone(),
            db: self.db.clone(),
            cache: self.cache.clone(),
            redis: self.redis.clone(),
            persisted: self.persisted.clone(),
            queue: self.queue.clone(),
            keys: self.keys.clone(),
            passwords: self.passwords.clone(),
            gateway: Arc::new(gateway::sandbox::Sandbox::new(self.db.clone(), clock.clone())),
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

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be reached or migrated.
    #[error("the database at {url} cannot be used: {cause}")]
    Database {
        /// The URL without its password.
        url: String,
        /// What the driver said, without the password either.
        cause: String,
    },
    /// The cache's URL makes no sense.
    #[error("REDIS_URL cannot be used: {0}")]
    Cache(#[from] ::redis::RedisError),
    /// The manifest of trusted documents cannot be read.
    #[error("the trusted documents {path} cannot be used: {cause}")]
    TrustedDocuments {
        /// Where it should be.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// No connection to the card processor can be made, for example because the machine has no certificates.
    #[error("the card processor cannot be reached from here: {0}")]
    Gateway(String),
    /// The signing key cannot be read, made or kept.
    #[error("the signing key {path} cannot be used: {cause}")]
    Keys {
        /// Where the key should be.
        path: String,
        /// What went wrong.
        cause: std::io::Error,
    },
}
