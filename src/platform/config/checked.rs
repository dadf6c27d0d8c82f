//! The settings after the checks, as the rest of the service reads them.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::graphql::GraphqlConfig;
use super::secret::Secret;
use super::stripe::StripeConfig;
#[cfg(feature = "test-clock")]
use super::test_clock::TestClock;

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Folder of the SQLite file, the signing key and other files.
    pub data_dir: PathBuf,
    /// URL of the database.
    pub database_url: String,
    /// Largest number of database connections.
    pub database_connections: u32,
    /// URL of Redis, if it is used.
    pub redis_url: Option<String>,
    /// Prefix of all keys and channels on Redis.
    pub redis_prefix: String,
    /// Requests a minute from one address. None means no limit.
    pub rate_limit_per_minute: Option<u32>,
    /// Whether the last address in X-Forwarded-For is the client's.
    pub trust_proxy: bool,
    /// Secrets from the environment. Empty means the one in the data folder.
    pub signing_keys: Vec<Secret>,
    /// The guest's service fee, parts per million.
    pub guest_fee_ppm: i64,
    /// The host's service fee, parts per million.
    pub host_fee_ppm: i64,
    /// Whether cleaning and pet fees are kept pro rata (else refunded unless the guest has checked in).
    pub cleaning_pro_rata: bool,
    /// Days after a host's first confirmed booking during which no payout is released.
    pub new_host_hold_days: i64,
    /// Whether a request claims its nights until the host responds.
    pub request_blocks_calendar: bool,
    /// The account at Stripe. None means that payments go to the sandbox.
    pub stripe: Option<StripeConfig>,
    /// Whether `serve` runs the queue's worker.
    pub embedded_worker: bool,
    /// Whether the five mutations of bookings that create, cancel, refund or alter one require an idempotency key.
    pub require_idempotency_keys: bool,
    /// The GraphQL endpoint.
    pub graphql: GraphqlConfig,
    /// Where the test clock starts, if there is one.
    #[cfg(feature = "test-clock")]
    pub test_clock: Option<TestClock>,
    /// The log filter.
    pub log: String,
    /// Whether logs are JSON lines.
    pub log_json: bool,
}
