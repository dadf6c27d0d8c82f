//! Settings from flags and environment, checked all at once before anything starts.

mod graphql;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::Url;

pub use self::graphql::{CostBudget, GraphqlConfig, GraphqlSettings, Origins};
use super::gateway::stripe::is_loopback;

/// The settings as they were written, not yet checked.
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

    /// Largest number of database connections; on Postgres without Redis two more hear and tell other nodes
    #[arg(long, global = true, env = "ROOST_DATABASE_CONNECTIONS", default_value = "16", value_name = "N")]
    pub database_connections: String,

    /// redis://host:port/db; without it, caches live in the process
    #[arg(long, global = true, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<String>,

    /// What the names of all keys and channels on Redis begin with; deployments that share one differ in it
    #[arg(long, global = true, env = "ROOST_REDIS_PREFIX", default_value = "roost", value_name = "NAME")]
    pub redis_prefix: String,

    /// Requests a minute from one address, or `off`
    #[arg(long, global = true, env = "ROOST_RATE_LIMIT", default_value = "600", value_name = "N|off")]
    pub rate_limit: String,

    /// Trust the last address of X-Forwarded-For: `on` only behind a proxy that sets it
    #[arg(long, global = true, env = "ROOST_TRUST_PROXY", default_value = "off", value_name = "on|off")]
    pub trust_proxy: String,

    /// Secrets of 32 characters or more that sign tokens and quotes, separated by commas: the first signs, all are
    /// accepted; without it, one is made and kept in the data folder
    #[arg(long, global = true, env = "ROOST_SIGNING_KEYS", hide_env_values = true, value_name = "SECRETS")]
    pub signing_keys: Option<String>,

    /// The guest's service fee, in parts per million of the subtotal
    #[arg(long, global = true, env = "ROOST_GUEST_FEE_PPM", default_value = "0", value_name = "PPM")]
    pub guest_fee_ppm: String,

    /// The host's service fee, in parts per million of the subtotal
    #[arg(long, global = true, env = "ROOST_HOST_FEE_PPM", default_value = "155000", value_name = "PPM")]
    pub host_fee_ppm: String,

    /// What a cancelling guest gets back of cleaning and pet fees: `pro-rata` or `if-not-checked-in`
    #[arg(long, global = true, env = "ROOST_CLEANING_REFUND", default_value = "pro-rata", value_name = "RULE")]
    pub cleaning_refund: String,

    /// Days after a host's first confirmed booking before which no payout is released
    #[arg(long, global = true, env = "ROOST_NEW_HOST_HOLD_DAYS", default_value = "30", value_name = "DAYS")]
    pub new_host_hold_days: String,

    /// Whether a request holds its nights until the host answers: `on`, or `off` to let several guests ask for the
    /// same nights; the first that is accepted gets them
    #[arg(long, global = true, env = "ROOST_REQUEST_BLOCKS_CALENDAR", default_value = "on", value_name = "on|off")]
    pub request_blocks_calendar: String,

    /// Stripe's secret key; without it, payments go to the sandbox, which moves no money
    #[arg(long, global = true, env = "STRIPE_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub stripe_secret_key: Option<String>,

    /// Secrets that Stripe signs events with, separated by commas: any of them will do
    #[arg(long, global = true, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true, value_name = "SECRETS")]
    pub stripe_webhook_secret: Option<String>,

    /// Where Stripe is; plain http only on this machine
    #[arg(long, global = true, env = "STRIPE_URL", default_value = "https://api.stripe.com/", value_name = "URL")]
    pub stripe_url: String,

    /// How long one answer of Stripe is waited for, in milliseconds
    #[arg(long, global = true, env = "STRIPE_TIMEOUT_MS", default_value = "8000", value_name = "MS")]
    pub stripe_timeout_ms: String,

    /// Run the queue's worker inside the server: `on` or `off` (then run `roost worker` beside it)
    #[arg(long, global = true, env = "ROOST_WORKER", default_value = "on", value_name = "on|off")]
    pub worker: String,

    /// Refuse mutations that move money without an idempotency key: `on` or `off`
    #[arg(long, global = true, env = "ROOST_REQUIRE_IDEMPOTENCY_KEYS", default_value = "on", value_name = "on|off")]
    pub require_idempotency_keys: String,

    /// The GraphQL endpoint
    #[command(flatten)]
    pub graphql: GraphqlSettings,

    /// Begin at this instant (RFC 3339, or `now`) and let anybody move time on over HTTP: for tests only
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

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Folder of files.
    pub data_dir: PathBuf,
    /// Where the database is.
    pub database_url: String,
    /// Largest number of database connections.
    pub database_connections: u32,
    /// Where Redis is, if anywhere.
    pub redis_url: Option<String>,
    /// What the names of all keys and channels there begin with.
    pub redis_prefix: String,
    /// Requests a minute from one address; nothing means no limit.
    pub rate_limit_per_minute: Option<u32>,
    /// Whether X-Forwarded-For names the client.
    pub trust_proxy: bool,
    /// Secrets from the environment; empty means the one in the data folder.
    pub signing_keys: Vec<Secret>,
    /// The guest's service fee, parts per million.
    pub guest_fee_ppm: i64,
    /// The host's service fee, parts per million.
    pub host_fee_ppm: i64,
    /// Whether cleaning and pet fees are kept pro rata (else refunded unless the guest has checked in).
    pub cleaning_pro_rata: bool,
    /// Days after a host's first confirmed booking before which no payout is released.
    pub new_host_hold_days: i64,
    /// Whether a request holds its nights until the host answers.
    pub request_blocks_calendar: bool,
    /// The account at Stripe; without one, payments go to the sandbox.
    pub stripe: Option<StripeConfig>,
    /// Whether `serve` runs the queue's worker.
    pub embedded_worker: bool,
    /// Whether mutations that move money must come with an idempotency key.
    pub require_idempotency_keys: bool,
    /// The GraphQL endpoint.
    pub graphql: GraphqlConfig,
    /// Where a clock that can be moved over HTTP begins, if it was asked for.
    #[cfg(feature = "test-clock")]
    pub test_clock: Option<super::test_clock::Start>,
    /// The log filter.
    pub log: String,
    /// Whether logs are JSON lines.
    pub log_json: bool,
}

/// An account at Stripe.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// What requests are sent with.
    pub secret_key: Secret,
    /// What events are signed with; never empty.
    pub webhook_secrets: Vec<Secret>,
    /// Where Stripe is; ends with a slash.
    pub url: Url,
    /// How long one answer is waited for.
    pub timeout: Duration,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One setting that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct WrongSetting {
    /// Flag and environment variable.
    pub name: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

struct Checks(Vec<WrongSetting>);

impl Checks {
    fn wrong(&mut self, name: &'static str, message: impl Into<String>) {
        self.0.push(WrongSetting { name, message: message.into() });
    }

    fn number(&mut self, name: &'static str, text: &str, least: i64, most: i64) -> i64 {
        match text.parse::<i64>() {
            Ok(n) if (least..=most).contains(&n) => n,
            _ => {
                self.wrong(name, format!("must be a whole number from {least} to {most}, not `{text}`"));
                least
            }
        }
    }

    fn either(&mut self, name: &'static str, text: &str, yes: &str, no: &str) -> bool {
        if text != yes && text != no {
            self.wrong(name, format!("must be `{yes}` or `{no}`, not `{text}`"));
        }
        text == yes
    }
}

impl Settings {
    /// Checks every setting and names all that are wrong at once.
    pub fn check(self) -> Result<Config, Vec<WrongSetting>> {
        let mut checks = Checks(Vec::new());
        let listen = self.listen.parse().unwrap_or_else(|_| {
            let message = format!("must be an address and a port such as 127.0.0.1:8000, not `{}`", self.listen);
            checks.wrong("--listen (ROOST_LISTEN)", message);
            SocketAddr::from(([127, 0, 0, 1], 8000))
        });
        let data_dir = PathBuf::from(&self.data_dir);
        let database_url = match self.database_url.filter(|url| !url.is_empty()) {
            None => format!("sqlite://{}?mode=rwc", data_dir.join("roost.sqlite").display()),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => url,
            Some(url) if url.starts_with("sqlite:") => {
                if url.contains('?') {
                    url
                } else {
                    format!("{url}?mode=rwc")
                }
            }
            Some(_) => {
                checks.wrong("--database-url (DATABASE_URL)", "must begin with postgres:// or sqlite:");
                String::new()
            }
        };
        let redis_url = self.redis_url.filter(|url| !url.is_empty());
        if redis_url.as_ref().is_some_and(|url| !url.starts_with("redis://")) {
            checks.wrong("--redis-url (REDIS_URL)", "must begin with redis://");
        }
        let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_name(&self.redis_prefix) || !(1..=64).contains(&self.redis_prefix.len()) {
            checks.wrong("--redis-prefix (ROOST_REDIS_PREFIX)", "must be 1 to 64 letters, digits, dots or dashes");
        }
        let rate_limit_per_minute = (self.rate_limit != "off").then(|| {
            let limit = checks.number("--rate-limit (ROOST_RATE_LIMIT), or `off`", &self.rate_limit, 1, 1_000_000);
            u32::try_from(limit).unwrap_or(u32::MAX)
        });
        let connections = self.database_connections.as_str();
        let connections = checks.number("--database-connections (ROOST_DATABASE_CONNECTIONS)", connections, 1, 1_000);
        let stripe = stripe(
            [self.stripe_secret_key.as_deref(), self.stripe_webhook_secret.as_deref()],
            &self.stripe_url,
            &self.stripe_timeout_ms,
            &mut checks,
        );
        #[cfg(feature = "test-clock")]
        let test_clock = super::test_clock::check(self.test_clock.as_deref(), listen, &mut checks.0);
        let config = Config {
            listen,
            stripe,
            #[cfg(feature = "test-clock")]
            test_clock,
            data_dir,
            database_url,
            database_connections: u32::try_from(connections).unwrap_or(1),
            redis_url,
            redis_prefix: self.redis_prefix,
            rate_limit_per_minute,
            trust_proxy: checks.either("--trust-proxy (ROOST_TRUST_PROXY)", &self.trust_proxy, "on", "off"),
            signing_keys: signing_keys(self.signing_keys.as_deref(), &mut checks),
            guest_fee_ppm: checks.number("--guest-fee-ppm (ROOST_GUEST_FEE_PPM)", &self.guest_fee_ppm, 0, 500_000),
            host_fee_ppm: checks.number("--host-fee-ppm (ROOST_HOST_FEE_PPM)", &self.host_fee_ppm, 0, 500_000),
            cleaning_pro_rata: checks.either(
                "--cleaning-refund (ROOST_CLEANING_REFUND)",
                &self.cleaning_refund,
                "pro-rata",
                "if-not-checked-in",
            ),
            new_host_hold_days: checks.number(
                "--new-host-hold-days (ROOST_NEW_HOST_HOLD_DAYS)",
                &self.new_host_hold_days,
                0,
                365,
            ),
            request_blocks_calendar: checks.either(
                "--request-blocks-calendar (ROOST_REQUEST_BLOCKS_CALENDAR)",
                &self.request_blocks_calendar,
                "on",
                "off",
            ),
            embedded_worker: checks.either("--worker (ROOST_WORKER)", &self.worker, "on", "off"),
            require_idempotency_keys: checks.either(
                "--require-idempotency-keys (ROOST_REQUIRE_IDEMPOTENCY_KEYS)",
                &self.require_idempotency_keys,
                "on",
                "off",
            ),
            graphql: self.graphql.check(&mut checks),
            log_json: checks.either("--log-format (ROOST_LOG_FORMAT)", &self.log_format, "json", "text"),
            log: self.log,
        };
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&config.log) {
            checks.wrong("--log (ROOST_LOG)", error.to_string());
        }
        if checks.0.is_empty() { Ok(config) } else { Err(checks.0) }
    }
}

fn stripe(secrets: [Option<&str>; 2], url: &str, timeout_ms: &str, checks: &mut Checks) -> Option<StripeConfig> {
    const KEY: &str = "--stripe-secret-key (STRIPE_SECRET_KEY)";
    const WEBHOOK: &str = "--stripe-webhook-secret (STRIPE_WEBHOOK_SECRET)";
    let [key, webhook] = secrets.map(|text| text.unwrap_or("").trim());
    let webhook_secrets: Vec<Secret> = listed(webhook).into_iter().map(Secret::new).collect();
    if !key.is_empty() && !["sk_", "rk_"].iter().any(|prefix| key.starts_with(prefix)) {
        checks.wrong(KEY, "must begin with sk_, or rk_ for a restricted key");
    }
    match (key.is_empty(), webhook_secrets.is_empty()) {
        (false, true) => checks.wrong(WEBHOOK, "is missing: without it, nothing that Stripe tells can be believed"),
        (true, false) => checks.wrong(KEY, "is missing, while there is a secret for its events"),
        _ => {}
    }
    if webhook_secrets.iter().any(|secret| !secret.expose().starts_with("whsec_")) {
        checks.wrong(WEBHOOK, "every secret must begin with whsec_");
    }
    let timeout = checks.number("--stripe-timeout-ms (STRIPE_TIMEOUT_MS)", timeout_ms, 50, 25_000);
    let slash = if url.ends_with('/') { "" } else { "/" };
    let parsed = Url::parse(&format!("{url}{slash}")).ok();
    let parsed = parsed.filter(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)));
    let Some(url) = parsed else {
        checks.wrong("--stripe-url (STRIPE_URL)", "must begin with https://, or name this machine with http://");
        return None;
    };
    let timeout = Duration::from_millis(u64::try_from(timeout).unwrap_or(0));
    (!key.is_empty()).then(|| StripeConfig { secret_key: Secret::new(key), webhook_secrets, url, timeout })
}

fn listed(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn signing_keys(text: Option<&str>, checks: &mut Checks) -> Vec<Secret> {
    let keys = listed(text.unwrap_or(""));
    if keys.iter().any(|key| key.len() < 32) {
        checks.wrong("--signing-keys (ROOST_SIGNING_KEYS)", "every secret must have 32 characters or more");
    }
    keys.into_iter().map(Secret::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn check(args: &[&str]) -> Result<Config, Vec<WrongSetting>> {
        Line::parse_from(["roost"].iter().chain(args)).settings.check()
    }

    #[test]
    fn every_wrong_setting_is_named_at_once() {
        let wrong = check(&[
            "--listen=nowhere",
            "--database-url=mysql://x",
            "--redis-url=memcached://x",
            "--redis-prefix=a:b",
            "--rate-limit=lots",
            "--cost-budget=lots",
            "--cost-refill=0",
            "--operation-cost=-1",
            "--host-fee-ppm=-1",
            "--signing-keys=short",
            "--worker=maybe",
            "--require-idempotency-keys=maybe",
        ])
        .unwrap_err();
        let names: Vec<_> = wrong.iter().map(|w| w.name.split(' ').next().unwrap()).collect();
        for name in [
            "--listen",
            "--database-url",
            "--redis-url",
            "--redis-prefix",
            "--rate-limit",
            "--cost-budget",
            "--cost-refill",
            "--operation-cost",
            "--host-fee-ppm",
            "--signing-keys",
            "--worker",
            "--require-idempotency-keys",
        ] {
            assert!(names.contains(&name), "{name} is missing from {names:?}");
        }
    }

    #[test]
    fn a_budget_pays_for_any_operation_that_is_allowed() {
        let wrong = check(&["--cost-budget=100", "--operation-cost=101"]).unwrap_err();
        assert_eq!(
            wrong.iter().map(|wrong| wrong.name).collect::<Vec<_>>(),
            ["--cost-budget (ROOST_COST_BUDGET), or `off`"]
        );
        let config = check(&["--cost-budget=100", "--operation-cost=100", "--cost-refill=7"]).unwrap();
        assert_eq!(config.graphql.cost_budget, Some(CostBudget { points: 100, refill_per_s: 7 }));
        assert_eq!(check(&["--cost-budget=off"]).unwrap().graphql.cost_budget, None);
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = check(&["--signing-keys=0123456789abcdef0123456789abcdef"]).unwrap();
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn stripe_needs_both_of_its_secrets() {
        const KEY: &str = "--stripe-secret-key=sk_test_0123456789";
        const SECRETS: &str = "--stripe-webhook-secret=whsec_new, whsec_old";
        let wrong = |args: &[&str]| {
            let wrong = check(args).err().unwrap_or_default();
            wrong.iter().map(|w| w.name.split(' ').next().unwrap()).collect::<Vec<_>>()
        };
        assert!(check(&["--stripe-secret-key=", "--stripe-webhook-secret="]).unwrap().stripe.is_none());
        assert_eq!(wrong(&[KEY, "--stripe-webhook-secret="]), ["--stripe-webhook-secret"]);
        assert_eq!(wrong(&["--stripe-secret-key=", SECRETS]), ["--stripe-secret-key"]);
        assert_eq!(wrong(&["--stripe-secret-key=pk_test_1", SECRETS]), ["--stripe-secret-key"]);
        assert_eq!(wrong(&[KEY, "--stripe-webhook-secret=whsec_1,other"]), ["--stripe-webhook-secret"]);
        for url in ["http://api.stripe.com/", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "stripe"] {
            assert_eq!(wrong(&[KEY, SECRETS, &format!("--stripe-url={url}")]), ["--stripe-url"], "{url}");
        }
        for url in ["https://stripe.example.com/proxy", "http://127.0.0.1:8420", "http://[::1]:1", "http://localhost"] {
            assert_eq!(wrong(&[KEY, SECRETS, &format!("--stripe-url={url}")]), [""; 0], "{url}");
        }
        let config = check(&[KEY, SECRETS, "--stripe-timeout-ms=50"]).unwrap();
        let stripe = config.stripe.as_ref().unwrap();
        assert_eq!(stripe.webhook_secrets, [Secret::new("whsec_new"), Secret::new("whsec_old")]);
        assert_eq!((stripe.url.as_str(), stripe.timeout.as_millis()), ("https://api.stripe.com/", 50));
        let shown = format!("{config:?}");
        assert!(!shown.contains("whsec_") && !shown.contains("sk_test"), "{shown}");
    }
}
