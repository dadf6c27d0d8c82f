//! How often a stranger may ask, how often anybody may guess at a password, and how much an asker may cost.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use super::token_bucket::{Balance, Buckets, TooMany};
use crate::platform::clock::Clock;
use crate::platform::config::Config;
use crate::platform::redis::Redis;

/// Tries a minute at one account's password, from anywhere.
const SIGN_INS_PER_MINUTE: u64 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// The limits; where there is none, everything passes.
pub struct RateLimit {
    requests: Option<Buckets>,
    sign_ins: Option<Buckets>,
    cost: Option<Buckets>,
}

impl RateLimit {
    /// The limits that the settings ask for. Requests are counted by this process alone, which is cheap enough to do
    /// before anything else; guesses and costs by all processes together, if there is Redis.
    pub fn new(config: &Config, clock: &Clock, redis: Option<&Redis>) -> RateLimit {
        let buckets = |name, quota: u64, refill: u64, per, shared: Option<&Redis>| {
            Buckets::new(name, quota, refill, per, clock.clone(), shared.cloned())
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
    pub fn request(&self, address: IpAddr) -> Result<(), TooMany> {
        let Some(requests) = &self.requests else { return Ok(()) };
        requests.spend_here(&network(address).to_string(), 1).map(drop)
    }

    /// Counts one try at the password of the account whose name has this fingerprint.
    pub async fn sign_in(&self, account: [u8; 32]) -> Result<(), TooMany> {
        let Some(sign_ins) = &self.sign_ins else { return Ok(()) };
        let account: String = account.iter().map(|byte| format!("{byte:02x}")).collect();
        sign_ins.spend(&account, 1).await.map(drop)
    }

    /// Spends of the budget of a user, or of a stranger's address; nothing where there are no budgets.
    pub async fn cost(&self, payer: &Payer, points: u64) -> Result<Option<Balance>, TooMany> {
        let Some(cost) = &self.cost else { return Ok(None) };
        cost.spend(&payer.0, points).await.map(Some)
    }
}

/// Whose budget is spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer(String);

impl Payer {
    /// The user who is signed in, or else the network that a request comes from.
    pub fn of(user: Option<Uuid>, address: Option<IpAddr>) -> Payer {
        Payer(match (user, address) {
            (Some(user), _) => format!("user:{user}"),
            (None, Some(address)) => format!("address:{}", network(address)),
            (None, None) => "unknown".to_owned(),
        })
    }
}

/// Where an address counts: one home is one IPv6 /64, not one address.
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
    fn a_home_network_pays_as_one() {
        let of = |address: &str| Payer::of(None, Some(address.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
    }

    #[test]
    fn who_is_signed_in_pays_alone_wherever_they_are() {
        let address = Some("192.0.2.1".parse().unwrap());
        assert_eq!(Payer::of(Some(Uuid::nil()), address), Payer::of(Some(Uuid::nil()), None));
        assert_ne!(Payer::of(Some(Uuid::nil()), address), Payer::of(Some(Uuid::max()), address));
        assert_ne!(Payer::of(None, address), Payer::of(None, None));
    }
}
