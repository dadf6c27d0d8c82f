//! Settings of the account at Stripe.

use std::time::Duration;

use reqwest::Url;

use super::checks::{Checks, is_loopback, split_list};
use super::secret::Secret;

/// An account at Stripe.
#[derive(Clone, Debug)]
pub struct StripeConfig {
    /// The API key.
    pub secret_key: Secret,
    /// Secrets with which Stripe signs events; never empty.
    pub webhook_secrets: Vec<Secret>,
    /// Base URL of the API; ends with a slash.
    pub url: Url,
    /// Timeout of one request.
    pub timeout: Duration,
}

/// Checks the settings of Stripe: secret key, webhook secrets, URL and timeout. None without a secret key.
pub(super) fn check_stripe(
    secrets: [Option<&str>; 2],
    url: &str,
    timeout_ms: &str,
    checks: &mut Checks,
) -> Option<StripeConfig> {
    const KEY: &str = "--stripe-secret-key (STRIPE_SECRET_KEY)";
    const WEBHOOK: &str = "--stripe-webhook-secret (STRIPE_WEBHOOK_SECRET)";
    let [key, webhook] = secrets.map(|text| text.unwrap_or("").trim());
    let webhook_secrets: Vec<Secret> = split_list(webhook).into_iter().map(Secret::new).collect();
    if !key.is_empty() && !["sk_", "rk_"].iter().any(|prefix| key.starts_with(prefix)) {
        checks.wrong(KEY, "must begin with sk_, or rk_ for a restricted key");
    }
    match (key.is_empty(), webhook_secrets.is_empty()) {
        (false, true) => checks.wrong(WEBHOOK, "is missing: without it, the events of Stripe cannot be verified"),
        (true, false) => checks.wrong(KEY, "is missing, although the secret of its events is set"),
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
