//! Checks all settings together, before anything starts.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::checked::Config;
use super::checks::{Checks, WrongSetting, split_list};
use super::database::{check_database_url, check_redis_prefix, check_redis_url};
use super::secret::Secret;
use super::settings::Settings;
use super::stripe::check_stripe;

impl Settings {
    /// Checks every setting. The error names all that are wrong.
    pub fn check(self) -> Result<Config, Vec<WrongSetting>> {
        let mut checks = Checks(Vec::new());
        let listen = self.listen.parse().unwrap_or_else(|_| {
            let message = format!("must be an address and a port such as 127.0.0.1:8000, not `{}`", self.listen);
            checks.wrong("--listen (ROOST_LISTEN)", message);
            SocketAddr::from(([127, 0, 0, 1], 8000))
        });
        let data_dir = PathBuf::from(&self.data_dir);
        let database_url = check_database_url(self.database_url, &data_dir, &mut checks);
        let redis_url = check_redis_url(self.redis_url, &mut checks);
        check_redis_prefix(&self.redis_prefix, &mut checks);
        let rate_limit_per_minute = checks
            .number_or_off("--rate-limit (ROOST_RATE_LIMIT)", &self.rate_limit, 1, 1_000_000)
            .map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
        let connections = self.database_connections.as_str();
        let connections = checks.number("--database-connections (ROOST_DATABASE_CONNECTIONS)", connections, 1, 1_000);
        let stripe = check_stripe(
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
            signing_keys: check_signing_keys(self.signing_keys.as_deref(), &mut checks),
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

fn check_signing_keys(text: Option<&str>, checks: &mut Checks) -> Vec<Secret> {
    let keys = split_list(text.unwrap_or(""));
    if keys.iter().any(|key| key.len() < 32) {
        checks.wrong("--signing-keys (ROOST_SIGNING_KEYS)", "every secret must have 32 characters or more");
    }
    keys.into_iter().map(Secret::new).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::platform::config::graphql::CostBudget;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn check(args: &[&str]) -> Result<Config, Vec<WrongSetting>> {
        Line::parse_from(["roost"].iter().chain(args)).settings.check()
    }

    #[test]
    fn every_wrong_setting_is_named_in_one_error() {
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
    fn a_budget_covers_every_operation_that_is_allowed() {
        let wrong = check(&["--cost-budget=100", "--operation-cost=101"]).unwrap_err();
        assert_eq!(wrong.iter().map(|wrong| wrong.name).collect::<Vec<_>>(), ["--cost-budget (ROOST_COST_BUDGET)"]);
        let config = check(&["--cost-budget=100", "--operation-cost=100", "--cost-refill=7"]).unwrap();
        assert_eq!(config.graphql.cost_budget, Some(CostBudget { points: 100, refill_per_s: 7 }));
        assert_eq!(check(&["--cost-budget=off"]).unwrap().graphql.cost_budget, None);
    }

    #[test]
    fn the_error_names_the_words_that_are_allowed_beside_numbers_and_switches() {
        let wrong = check(&["--rate-limit=lots", "--cost-budget=0", "--playground=maybe"]).unwrap_err();
        let budget = "--cost-budget (ROOST_COST_BUDGET): must be a whole number from 1 to ";
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        assert!(wrong[0].ends_with("1 to 1000000, or `off`, not `lots`"), "{wrong:?}");
        assert_eq!(wrong[1], "--playground (ROOST_PLAYGROUND): must be `on`, `off` or `auto`, not `maybe`");
        assert!(wrong[2].starts_with(budget) && wrong[2].ends_with(", or `off`, not `0`"), "{wrong:?}");
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
        let text = format!("{config:?}");
        assert!(!text.contains("whsec_") && !text.contains("sk_test"), "{text}");
    }
}
