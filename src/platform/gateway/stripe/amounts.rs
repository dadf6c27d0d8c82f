//! Which amounts Stripe counts in the same minor units as ISO 4217, and so as we do.

use crate::kernel::money::Currency;
use crate::platform::gateway::GatewayError;

/// Stripe counts these otherwise than ISO 4217, or not at all. An amount sent in our units would be off by a factor
/// of a hundred or ten, so none is sent.
const COUNTED_OTHERWISE: [&str; 7] = ["CLF", "IQD", "ISK", "LYD", "MGA", "UGX", "UYW"];

/// Refuses what Stripe would read as another amount.
pub fn check(amount_minor: i64, currency: &str) -> Result<(), GatewayError> {
    let refused = |why: String| Err(GatewayError::Refused(why));
    let Ok(known) = currency.parse::<Currency>() else {
        return refused(format!("{currency} is not a currency"));
    };
    if COUNTED_OTHERWISE.contains(&known.code()) {
        return refused(format!("Stripe does not count {currency} in the minor units of ISO 4217"));
    }
    if known.exponent() == 3 && amount_minor % 10 != 0 {
        return refused(format!("Stripe takes {currency} to two decimals only"));
    }
    if amount_minor <= 0 {
        return refused("there is nothing to pay".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stripe's table: currencies without decimals, as <https://docs.stripe.com/currencies> lists them.
    const WITHOUT_DECIMALS: &str = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF";
    /// Currencies with three decimals there.
    const THREE_DECIMALS: &str = "BHD JOD KWD OMR TND";

    #[test]
    fn what_is_sent_means_the_same_on_both_sides() {
        for (ours, codes) in [(0, WITHOUT_DECIMALS), (3, THREE_DECIMALS)] {
            for code in codes.split(' ') {
                let exponent = code.parse::<Currency>().unwrap().exponent();
                assert!(exponent == ours || check(1_000, code).is_err(), "{code} has {exponent} decimals here");
            }
        }
        for code in "ISK UGX VND JPY KRW CLF UYW IQD LYD BHD JOD KWD OMR TND".split(' ') {
            let exponent = code.parse::<Currency>().unwrap().exponent();
            let listed = WITHOUT_DECIMALS.contains(code) || THREE_DECIMALS.contains(code);
            assert!(exponent == 2 || listed || check(1_000, code).is_err(), "{code}");
        }
    }

    #[test]
    fn special_cases_are_refused_with_a_reason() {
        for (amount, code, reason) in [
            (500, "ISK", "does not count ISK"),
            (500, "UGX", "does not count UGX"),
            (500, "MGA", "does not count MGA"),
            (1_234, "KWD", "two decimals only"),
            (0, "EUR", "nothing to pay"),
            (100, "eur", "not a currency"),
        ] {
            let said = check(amount, code).unwrap_err().to_string();
            assert!(said.contains(reason), "{said}");
        }
        for (amount, code) in [(1_230, "KWD"), (1, "JPY"), (1, "EUR"), (999, "USD"), (1, "XOF")] {
            assert_eq!(check(amount, code), Ok(()), "{amount} {code}");
        }
    }
}
