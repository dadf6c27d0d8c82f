//! Checks that Stripe reads an amount in the same minor units as Roost, which are those of ISO 4217.

use crate::kernel::money::Currency;
use crate::platform::gateway::GatewayError;

/// Currencies that Stripe does not support or whose minor units it defines differently from ISO 4217. An amount in our
/// units would be wrong by a factor of ten or a hundred, so none is sent.
const OTHER_MINOR_UNITS: [&str; 7] = ["CLF", "IQD", "ISK", "LYD", "MGA", "UGX", "UYW"];

/// Refuses an amount that Stripe would read differently.
pub fn check(amount_minor: i64, currency: &str) -> Result<(), GatewayError> {
    let refused = |reason: String| Err(GatewayError::Refused(reason));
    let Ok(parsed) = currency.parse::<Currency>() else {
        return refused(format!("{currency} is not a currency"));
    };
    if OTHER_MINOR_UNITS.contains(&parsed.code()) {
        return refused(format!("Stripe does not use the minor units of ISO 4217 for {currency}"));
    }
    if parsed.exponent() == 3 && amount_minor % 10 != 0 {
        return refused(format!("Stripe accepts only two decimals for {currency}"));
    }
    if amount_minor <= 0 {
        return refused("the amount must be greater than zero".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The currencies without decimals, as <https://docs.stripe.com/currencies> lists them.
    const WITHOUT_DECIMALS: &str = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF";
    /// The currencies with three decimals in the same list.
    const THREE_DECIMALS: &str = "BHD JOD KWD OMR TND";

    #[test]
    fn stripe_reads_every_accepted_amount_in_our_minor_units() {
        for (ours, codes) in [(0, WITHOUT_DECIMALS), (3, THREE_DECIMALS)] {
            for code in codes.split(' ') {
                let exponent = code.parse::<Currency>().unwrap().exponent();
                assert!(exponent == ours || check(1_000, code).is_err(), "{code} has {exponent} decimals in Roost");
            }
        }
        for code in "ISK UGX VND JPY KRW CLF UYW IQD LYD BHD JOD KWD OMR TND".split(' ') {
            let exponent = code.parse::<Currency>().unwrap().exponent();
            let listed = WITHOUT_DECIMALS.contains(code) || THREE_DECIMALS.contains(code);
            assert!(exponent == 2 || listed || check(1_000, code).is_err(), "{code}");
        }
    }

    #[test]
    fn currencies_with_other_minor_units_are_refused_with_a_reason() {
        for (amount, code, reason) in [
            (500, "ISK", "does not use the minor units of ISO 4217 for ISK"),
            (500, "UGX", "does not use the minor units of ISO 4217 for UGX"),
            (500, "MGA", "does not use the minor units of ISO 4217 for MGA"),
            (1_234, "KWD", "only two decimals"),
            (0, "EUR", "greater than zero"),
            (100, "eur", "not a currency"),
        ] {
            let error = check(amount, code).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        for (amount, code) in [(1_230, "KWD"), (1, "JPY"), (1, "EUR"), (999, "USD"), (1, "XOF")] {
            assert_eq!(check(amount, code), Ok(()), "{amount} {code}");
        }
    }
}
