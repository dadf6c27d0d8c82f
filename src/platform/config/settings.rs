//! The settings as flags and environment variables give them; the text of each is what `roost --help` shows.

use clap::Args;

use super::graphql::GraphqlSettings;

/// The settings as texts from flags and environment, not checked yet.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address to listen on
    #[arg(long, global = true, env = "ROOST_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDR:PORT")]
    pub listen: String,

    /// Folder of the SQLite file, the signing key and other files
    #[arg(long, global = true, env = "ROOST_DATA_DIR", default_value = "./roost-data", value_name = "DIR")]
    pub data_dir: String,

    /// postgres://user:password@host/database or sqlite:FILE; without it, a SQLite file in the data folder
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// Largest number of database connections; on Postgres without Redis two more exchange events with other nodes
    #[arg(long, global = true, env = "ROOST_DATABASE_CONNECTIONS", default_value = "16", value_name = "N")]
    pub database_connections: String,

    /// redis://host:port/db; without it, caches live in the process
    #[arg(long, global = true, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<String>,

    /// Prefix of all keys and channels on Redis; deployments that share one Redis need different prefixes
    #[arg(long, global = true, env = "ROOST_REDIS_PREFIX", default_value = "roost", value_name = "NAME")]
    pub redis_prefix: String,

    /// Requests a minute from one address, or `off`
    #[arg(long, global = true, env = "ROOST_RATE_LIMIT", default_value = "600", value_name = "N|off")]
    pub rate_limit: String,

    /// Trust the last address of X-Forwarded-For: `on` only behind a proxy that sets it
    #[arg(long, global = true, env = "ROOST_TRUST_PROXY", default_value = "off", value_name = "on|off")]
    pub trust_proxy: String,

    /// Secrets of 32 characters or more that sign tokens and quotes, separated by commas: the first signs, all are
    /// accepted; without it, one is created and stored in the data folder
    #[arg(long, global = true, env = "ROOST_SIGNING_KEYS", hide_env_values = true, value_name = "SECRETS")]
    pub signing_keys: Option<String>,

    /// The guest's service fee, in parts per million of the subtotal
    #[arg(long, global = true, env = "ROOST_GUEST_FEE_PPM", default_value = "0", value_name = "PPM")]
    pub guest_fee_ppm: String,

    /// The host's service fee, in parts per million of the subtotal
    #[arg(long, global = true, env = "ROOST_HOST_FEE_PPM", default_value = "155000", value_name = "PPM")]
    pub host_fee_ppm: String,

    /// Refund of cleaning and pet fees when a guest cancels: `pro-rata` or `if-not-checked-in`
    #[arg(long, global = true, env = "ROOST_CLEANING_REFUND", default_value = "pro-rata", value_name = "RULE")]
    pub cleaning_refund: String,

    /// Days after a host's first confirmed booking during which no payout is released
    #[arg(long, global = true, env = "ROOST_NEW_HOST_HOLD_DAYS", default_value = "30", value_name = "DAYS")]
    pub new_host_hold_days: String,

    /// Whether a request claims its nights until the host responds: `on`, or `off` to let several guests request the
    /// same nights; the first that is accepted gets them
    #[arg(long, global = true, env = "ROOST_REQUEST_BLOCKS_CALENDAR", default_value = "on", value_name = "on|off")]
    pub request_blocks_calendar: String,

    /// Stripe's secret key; without it, payments go to the sandbox, which moves no money
    #[arg(long, global = true, env = "STRIPE_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub stripe_secret_key: Option<String>,

    /// Secrets with which Stripe signs events, separated by commas: an event signed with any of them is accepted
    #[arg(long, global = true, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true, value_name = "SECRETS")]
    pub stripe_webhook_secret: Option<String>,

    /// Base URL of Stripe's API; plain http only for this machine
    #[arg(long, global = true, env = "STRIPE_URL", default_value = "https://api.stripe.com/", value_name = "URL")]
    pub stripe_url: String,

    /// Timeout of one request to Stripe, in milliseconds
    #[arg(long, global = true, env = "STRIPE_TIMEOUT_MS", default_value = "8000", value_name = "MS")]
    pub stripe_timeout_ms: String,

    /// Run the queue's worker inside the server: `on` or `off` (then run `roost worker` beside it)
    #[arg(long, global = true, env = "ROOST_WORKER", default_value = "on", value_name = "on|off")]
    pub worker: String,

    /// Refuse the mutations bookingCreate, bookingCancel, bookingRefund, bookingAlterationRequest and
    /// bookingAlterationAccept without an idempotency key: `on` or `off`
    #[arg(long, global = true, env = "ROOST_REQUIRE_IDEMPOTENCY_KEYS", default_value = "on", value_name = "on|off")]
    pub require_idempotency_keys: String,

    /// The GraphQL endpoint
    #[command(flatten)]
    pub graphql: GraphqlSettings,

    /// Start the clock at this instant (RFC 3339, or `now`) and let anybody move it forward over HTTP: for tests only
    #[cfg(feature = "test-clock")]
    #[arg(long, global = true, env = "ROOST_TEST_CLOCK", value_name = "INSTANT|now")]
    pub test_clock: Option<String>,

    /// What to log, in the syntax of tracing's EnvFilter
    #[arg(
        long,
        global = true,
        env = "ROOST_LOG",
        default_value = "info,sqlx=warn,sea_orm_migration=warn",
        value_name = "FILTER"
    )]
    pub log: String,

    /// How to log: `text` or `json`
    #[arg(long, global = true, env = "ROOST_LOG_FORMAT", default_value = "text", value_name = "text|json")]
    pub log_format: String,
}
