//! Amounts of money in integer minor units, and the two rounding functions that every price uses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest amount in the API, in minor units. It is `Number.MAX_SAFE_INTEGER` of JavaScript.
pub const MAX_MINOR: i64 = 9_007_199_254_740_991;

/// The rate of 100 percent in parts per million, the unit of all rates.
pub const ONE_PPM: i64 = 1_000_000;

/// An ISO 4217 currency in use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(&'static str, u32);

/// The active ISO 4217 codes (list one, published by SIX), grouped by their number of decimals.
const CODES: [(u32, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY \
         COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR \
         ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
         MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
         SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR \
         ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

impl Currency {
    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0
    }

    /// The number of decimals of the major unit: 0 for JPY, 2 for USD, 3 for KWD.
    pub fn exponent(self) -> u32 {
        self.1
    }
}

/// The text is not an ISO 4217 code in use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not an ISO 4217 currency code in use, such as EUR")]
pub struct UnknownCurrency;

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        CODES
            .iter()
            .find_map(|&(exponent, codes)| {
                codes.split_ascii_whitespace().find(|&code| code == text).map(|code| Currency(code, exponent))
            })
            .ok_or(UnknownCurrency)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An amount of one currency, in its minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The amount in minor units: cents for USD, yen for JPY.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount from minor units.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Money { minor, currency }
    }

    /// The exact decimal amount: `724.61`, or `30197` for a currency without decimals.
    pub fn decimal(self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = self.minor.unsigned_abs();
        match self.currency.exponent() {
            0 => format!("{sign}{digits}"),
            exponent => {
                let whole = 10_u64.pow(exponent);
                format!("{sign}{}.{:0width$}", digits / whole, digits % whole, width = exponent as usize)
            }
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

/// `ppm` parts per million of a non-negative amount, rounded half up.
pub fn apply_rate(minor: i64, ppm: i64) -> i64 {
    let product = i128::from(minor) * i128::from(ppm) + i128::from(ONE_PPM / 2);
    i64::try_from(product.div_euclid(i128::from(ONE_PPM))).unwrap_or(i64::MAX)
}

/// Splits `total` in proportion to `weights`, so that the shares sum exactly to `total`. Every share is rounded down;
/// the remaining units go one each to the largest remainders, and among equal remainders to the lowest index. If all
/// weights are zero, the first share is the total.
pub fn allocate(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum: i128 = weights.iter().map(|&w| i128::from(w)).sum();
    if weights.is_empty() {
        return Vec::new();
    }
    if sum == 0 {
        let mut shares = vec![0; weights.len()];
        shares[0] = total;
        return shares;
    }
    let exact = |w: i64| i128::from(total) * i128::from(w);
    let mut shares: Vec<i64> =
        weights.iter().map(|&w| i64::try_from(exact(w).div_euclid(sum)).unwrap_or(i64::MAX)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(exact(weights[i]).rem_euclid(sum)), i));
    let missing = usize::try_from(total - shares.iter().sum::<i64>()).unwrap_or(0);
    for &i in order.iter().take(missing) {
        shares[i] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minor_unit_is_rounded_up() {
        assert_eq!(apply_rate(50, 10_000), 1);
        assert_eq!(apply_rate(49, 10_000), 0);
        assert_eq!(apply_rate(66_000, 88_750), 5_858);
    }

    #[test]
    fn shares_sum_exactly_and_ties_go_to_the_lowest_index() {
        assert_eq!(allocate(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(allocate(5, &[0, 0]), [5, 0]);
        assert_eq!(allocate(7, &[3, 0, 4]), [3, 0, 4]);
        assert_eq!(allocate(0, &[3, 4]), [0, 0]);
    }

    #[test]
    fn the_number_of_decimals_depends_on_the_currency() {
        let decimal = |minor, code: &str| Money::new(minor, code.parse().unwrap()).decimal();
        assert_eq!(decimal(72_461, "USD"), "724.61");
        assert_eq!(decimal(-5, "USD"), "-0.05");
        assert_eq!(decimal(30_197, "JPY"), "30197");
        assert_eq!(decimal(1_250, "KWD"), "1.250");
    }

    #[test]
    fn codes_not_in_use_are_refused() {
        for bad in ["", "usd", "XTS", "EURO", "DEM", "US"] {
            assert_eq!(bad.parse::<Currency>(), Err(UnknownCurrency), "{bad}");
        }
    }
}
