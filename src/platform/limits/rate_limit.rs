//! The limits on requests of an address, on sign-in attempts at an account, and on the cost of the operations of a
//! client.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use super::token_bucket::{Balance, LimitExceeded, TokenBuckets};
use crate::platform::clock::Clock;
use crate::platform::config::Config;
use crate::platform::redis::Redis;

/// Sign-in attempts at one account per minute, from all addresses together.
const SIGN_INS_PER_MINUTE: u64 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// The limits. A limit that is None allows everything.
pub struct RateLimit {
    requests: Option<TokenBuckets>,
    sign_ins: Option<TokenBuckets>,
    cost: Option<TokenBuckets>,
}

impl RateLimit {
    /// The limits in the settings. Each process counts requests for itself, which is cheap enough to do before anything
    /// else. With Redis, all processes count sign-in attempts and costs together.
    pub fn new(config: &Config, clock: &Clock, redis: Option<&Redis>) -> RateLimit {
        let buckets = |name, quota: u64, refill: u64, per, shared: Option<&Redis>| {
            TokenBuckets::new(name, quota, refill, per, clock.clone(), shared.cloned())
        };
        let per_minute = config.rate_limit_per_minute.map(u64::from);
        let sign_ins = |_| buckets("sign-ins", SIGN_INS_PER_MINUTE, SIGN_INS_PER_MINUTE, MINUTE, redis);
        let cost = config.graphql.cost_budget;
        RateLimit {
            requests: per_minute.map(|limit| buckets("requests", limit, limit, MINUTE, None)),
            sign_ins: per_minute.map(sign_ins),
            cost: cost.map(|cost| buckets("cost", cost.points, cost.refill_per_s, Duration::from_secs(1), redis)),
        }
    }

    /// Counts one request from `address`.
    pub fn count_request(&self, address: IpAddr) -> Result<(), LimitExceeded> {
        let Some(requests) = &self.requests else { return Ok(()) };
        requests.consume_locally(&network(address).to_string(), 1).map(drop)
    }

    /// Counts one sign-in attempt at an account. `account` is the fingerprint of its e-mail address.
    pub async fn count_sign_in(&self, account: [u8; 32]) -> Result<(), LimitExceeded> {
        let Some(sign_ins) = &self.sign_ins else { return Ok(()) };
        let account: String = account.iter().map(|byte| format!("{byte:02x}")).collect();
        sign_ins.consume(&account, 1).await.map(drop)
    }

    /// Takes points from the cost budget of a user or address. None if there is no budget.
    pub async fn charge_cost(&self, payer: &Payer, points: u64) -> Result<Option<Balance>, LimitExceeded> {
        let Some(cost) = &self.cost else { return Ok(None) };
        cost.consume(&payer.0, points).await.map(Some)
    }
}

/// The user or network whose budget is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer(String);

impl Payer {
    /// The signed-in user, or without one the network of the request.
    pub fn new(user: Option<Uuid>, address: Option<IpAddr>) -> Payer {
        Payer(match (user, address) {
            (Some(user), _) => format!("user:{user}"),
            (None, Some(address)) => format!("address:{}", network(address)),
            (None, None) => "unknown".to_owned(),
        })
    }
}

/// The network for which an address is counted: the /64 of an IPv6 address, because one home has a /64; an IPv4 address
/// itself.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none() => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        other => other.to_canonical(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_share_a_budget() {
        let payer = |address: &str| Payer::new(None, Some(address.parse().unwrap()));
        assert_eq!(payer("2001:db8::1"), payer("2001:db8::2"));
        assert_ne!(payer("2001:db8::1"), payer("2001:db8:0:1::1"));
        assert_eq!(payer("::ffff:192.0.2.1"), payer("192.0.2.1"));
        assert_ne!(payer("192.0.2.2"), payer("192.0.2.1"));
    }

    #[test]
    fn a_signed_in_user_has_one_budget_at_every_address() {
        let address = Some("192.0.2.1".parse().unwrap());
        assert_eq!(Payer::new(Some(Uuid::nil()), address), Payer::new(Some(Uuid::nil()), None));
        assert_ne!(Payer::new(Some(Uuid::nil()), address), Payer::new(Some(Uuid::max()), address));
        assert_ne!(Payer::new(None, address), Payer::new(None, None));
    }
}
