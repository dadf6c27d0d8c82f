//! Parses amounts of money from text, exactly, into minor units.

use crate::domain::listings::limits::MAX_PRICE_MINOR;
use crate::kernel::money::Currency;

/// Most characters before the number.
const MAX_PREFIX_CHARS: usize = 2;
/// Most decimals of a number.
const MAX_DECIMALS: usize = 12;

/// Parses `$1,250.00`, `1250` or `€ 80.5` into minor units of `currency`. Decimals that the currency does not have are
/// rounded half up.
///
/// The sign is ignored: it is a fixed prefix of the source, whatever the currency. `None` for negative amounts and for
/// amounts above the limit of listings.
pub fn parse_minor(text: &str, currency: Currency) -> Option<i64> {
    let number = text.trim_start_matches(|letter: char| !letter.is_ascii_digit() && letter != '-' && letter != '.');
    let prefix = text.strip_suffix(number)?;
    if prefix.chars().count() > MAX_PREFIX_CHARS || prefix.chars().any(char::is_alphabetic) {
        return None;
    }
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let whole = parse_whole(whole)?;
    if !decimals.bytes().all(|byte| byte.is_ascii_digit()) || decimals.len() > MAX_DECIMALS {
        return None;
    }
    let exponent = usize::try_from(currency.exponent()).ok()?;
    let used = decimals.get(..exponent.min(decimals.len()))?;
    let missing = u32::try_from(exponent - used.len()).ok()?;
    let fraction = if used.is_empty() { 0 } else { used.parse::<i64>().ok()? } * 10_i64.pow(missing);
    let up = i64::from(decimals.as_bytes().get(exponent).is_some_and(|digit| *digit >= b'5'));
    let minor = whole.checked_mul(10_i64.pow(currency.exponent()))?.checked_add(fraction + up)?;
    (minor <= MAX_PRICE_MINOR).then_some(minor)
}

/// Parses digits with commas between groups of three, or without commas.
fn parse_whole(text: &str) -> Option<i64> {
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

    fn parse(text: &str, currency: &str) -> Option<i64> {
        parse_minor(text, currency.parse().unwrap())
    }

    #[test]
    fn amounts_are_exact_in_every_currency() {
        assert_eq!(parse("$1,250.00", "USD"), Some(125_000));
        assert_eq!(parse("$109,999.00", "SGD"), Some(10_999_900));
        assert_eq!(parse("149", "USD"), Some(14_900));
        assert_eq!(parse("$0.5", "USD"), Some(50));
        assert_eq!(parse("$12,000.00", "JPY"), Some(12_000));
        assert_eq!(parse("$12,000.50", "JPY"), Some(12_001));
        assert_eq!(parse("$1.2345", "KWD"), Some(1_235));
        assert_eq!(parse("€ 80", "EUR"), Some(8_000));
        assert_eq!(parse("$0.00", "USD"), Some(0));
    }

    #[test]
    fn text_that_is_not_an_amount_is_refused() {
        for text in
            ["", "$", "free", "-5", "$-5", "1,25", "1250,000", "1.2.3", "$1.x", "US$5", "9,999,999,999,999,999", "1e5"]
        {
            assert_eq!(parse(text, "USD"), None, "{text}");
        }
    }
}
