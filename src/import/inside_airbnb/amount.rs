//! Money as texts write it, read exactly as minor units.

use crate::kernel::money::{Currency, MAX_MINOR};

/// Largest amount that is taken: a thousandth of what the API can carry, so that sums over a long stay still fit.
const LARGEST_MINOR: i64 = MAX_MINOR / 1_000;

/// Reads `$1,250.00`, `1250` or `€ 80.5` in minor units of `currency`, rounding decimals it does not have half up.
///
/// The sign is a fixed prefix of the source, whatever the currency. Negative amounts are none.
pub fn minor(text: &str, currency: Currency) -> Option<i64> {
    let number = text.trim_start_matches(|letter: char| !letter.is_ascii_digit() && letter != '-' && letter != '.');
    let prefix = text.strip_suffix(number)?;
    if prefix.chars().count() > LONGEST_PREFIX || prefix.chars().any(char::is_alphabetic) {
        return None;
    }
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole_units(whole)?;
    if !decimals.bytes().all(|byte| byte.is_ascii_digit()) || decimals.len() > MOST_DECIMALS {
        return None;
    }
    let exponent = usize::try_from(currency.exponent()).ok()?;
    let kept = decimals.get(..exponent.min(decimals.len()))?;
    let missing = u32::try_from(exponent - kept.len()).ok()?;
    let fraction = if kept.is_empty() { 0 } else { kept.parse::<i64>().ok()? } * 10_i64.pow(missing);
    let up = i64::from(decimals.as_bytes().get(exponent).is_some_and(|digit| *digit >= b'5'));
    let minor = whole.checked_mul(10_i64.pow(currency.exponent()))?.checked_add(fraction + up)?;
    (minor <= LARGEST_MINOR).then_some(minor)
}

const LONGEST_PREFIX: usize = 2;
const MOST_DECIMALS: usize = 12;

/// Digits with commas between groups of three, or without any.
fn whole_units(text: &str) -> Option<i64> {
    let mut groups = text.split(',');
    let first = groups.next()?;
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !groups.clone().all(|group| group.len() == 3 && digits(group)) {
        return None;
    }
    if groups.next().is_some() && first.len() > 3 {
        return None;
    }
    text.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, currency: &str) -> Option<i64> {
        minor(text, currency.parse().unwrap())
    }

    #[test]
    fn amounts_are_exact_in_every_currency() {
        assert_eq!(read("$1,250.00", "USD"), Some(125_000));
        assert_eq!(read("$109,999.00", "SGD"), Some(10_999_900));
        assert_eq!(read("149", "USD"), Some(14_900));
        assert_eq!(read("$0.5", "USD"), Some(50));
        assert_eq!(read("$12,000.00", "JPY"), Some(12_000));
        assert_eq!(read("$12,000.50", "JPY"), Some(12_001));
        assert_eq!(read("$1.2345", "KWD"), Some(1_235));
        assert_eq!(read("€ 80", "EUR"), Some(8_000));
        assert_eq!(read("$0.00", "USD"), Some(0));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", "$", "free", "-5", "$-5", "1,25", "1250,000", "1.2.3", "$1.x", "US$5", "9,999,999,999,999,999", "1e5"]
        {
            assert_eq!(read(text, "USD"), None, "{text}");
        }
    }
}
