//! How an amount is divided among the host, the platform and taxes.

use std::cmp::{max, min};

/// The parts of an amount, by owner, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// The host's earnings.
    pub host: i64,
    /// The service fees.
    pub platform: i64,
    /// The taxes.
    pub tax: i64,
}

impl Shares {
    /// The sum of the three shares.
    pub fn sum(self) -> i64 {
        self.host + self.platform + self.tax
    }

    /// Adds `other`, share by share.
    pub fn plus(self, other: Shares) -> Shares {
        Shares { host: self.host + other.host, platform: self.platform + other.platform, tax: self.tax + other.tax }
    }

    /// Subtracts `other`, share by share.
    pub fn minus(self, other: Shares) -> Shares {
        self.plus(Shares { host: -other.host, platform: -other.platform, tax: -other.tax })
    }

    /// The shares that remain when `minor` is refunded: taken from the host first, then from the service fees, then
    /// from the taxes.
    pub fn after_refund(self, minor: i64) -> Shares {
        let host = min(minor, self.host);
        let platform = min(minor - host, self.platform);
        self.minus(Shares { host, platform, tax: minor - host - platform })
    }

    /// By how much each share exceeds that of `limit`.
    pub(in crate::domain::payments) fn excess_over(self, limit: Shares) -> Shares {
        let excess = self.minus(limit);
        Shares { host: max(0, excess.host), platform: max(0, excess.platform), tax: max(0, excess.tax) }
    }

    /// The same sum without negative shares: what one share lacks is taken from the others.
    pub fn without_negatives(self) -> Shares {
        let debt = |share: i64| max(0, -share);
        let missing = debt(self.host) + debt(self.platform) + debt(self.tax);
        let floor = Shares { host: max(0, self.host), platform: max(0, self.platform), tax: max(0, self.tax) };
        floor.after_refund(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_is_taken_from_the_host_first() {
        let shares = Shares { host: 100, platform: 20, tax: 5 };
        assert_eq!(shares.after_refund(60), Shares { host: 40, platform: 20, tax: 5 });
        assert_eq!(shares.after_refund(110), Shares { host: 0, platform: 10, tax: 5 });
        assert_eq!(shares.after_refund(125), Shares::default());
    }

    #[test]
    fn no_share_is_negative_and_the_sum_is_unchanged() {
        let shares = Shares { host: -30, platform: 20, tax: 15 };
        assert_eq!(shares.without_negatives(), Shares { host: 0, platform: 0, tax: 5 });
        let valid = Shares { host: 1, platform: 0, tax: 2 };
        assert_eq!(valid.without_negatives(), valid);
    }
}
