//! How often a stranger may try: token buckets by address, and tighter ones for guessing passwords.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Tries a minute at one account's password, from anywhere.
const SIGN_INS_PER_MINUTE: u32 = 10;
/// When this many keys are known, those whose buckets are full again are forgotten.
const SWEEP_AT: usize = 10_000;

/// Limits of this process; without a limit everything passes.
pub struct RateLimit(Option<Buckets>);

struct Buckets {
    requests: DefaultKeyedRateLimiter<IpAddr>,
    sign_ins: DefaultKeyedRateLimiter<[u8; 32]>,
}

/// Too often; try again after so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Whole seconds to wait, at least one.
    pub retry_after_s: u64,
}

impl RateLimit {
    /// Limits of `per_minute` requests from one address; nothing switches every limit off.
    pub fn new(per_minute: Option<u32>) -> Self {
        RateLimit(per_minute.and_then(NonZeroU32::new).map(|limit| Buckets {
            requests: RateLimiter::keyed(Quota::per_minute(limit)),
            sign_ins: RateLimiter::keyed(Quota::per_minute(
                NonZeroU32::new(SIGN_INS_PER_MINUTE).unwrap_or(NonZeroU32::MIN),
            )),
        }))
    }

    /// Counts one request from `address`.
    pub fn request(&self, address: IpAddr) -> Result<(), TooMany> {
        self.0.as_ref().map_or(Ok(()), |buckets| count(&buckets.requests, &network(address)))
    }

    /// Counts one try at the password of the account whose name has this fingerprint.
    pub fn sign_in(&self, account: [u8; 32]) -> Result<(), TooMany> {
        self.0.as_ref().map_or(Ok(()), |buckets| count(&buckets.sign_ins, &account))
    }
}

/// One home is one IPv6 /64, not one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_none() => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        other => other.to_canonical(),
    }
}

fn count<K: Clone + Eq + std::hash::Hash>(buckets: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), TooMany> {
    if buckets.len() > SWEEP_AT {
        buckets.retain_recent();
    }
    buckets.check_key(key).map_err(|not_until| {
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        TooMany { retry_after_s: wait.as_secs().max(1) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_limited_and_another_is_not() {
        let limit = RateLimit::new(Some(2));
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        assert!(limit.request(a).is_ok() && limit.request(a).is_ok());
        assert!(limit.request(a).unwrap_err().retry_after_s >= 1);
        assert!(limit.request(b).is_ok());
    }

    #[test]
    fn a_home_network_counts_as_one() {
        let limit = RateLimit::new(Some(1));
        assert!(limit.request("2001:db8::1".parse().unwrap()).is_ok());
        assert!(limit.request("2001:db8::2".parse().unwrap()).is_err());
        assert!(limit.request("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }
}
