//! Parses the prices of a listing from the columns of every layout. Newer layouts have only a price, older ones also
//! fees and discounts.

use super::header::Row;
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::import::ImportedPricing;
use crate::domain::listings::limits::MAX_GUESTS;
use crate::import::findings::Problem;
use crate::kernel::money::{Currency, ONE_PPM};

/// The columns with prices of longer stays in older layouts, with the number of nights from which the source applies
/// them and the number of nights that the price is for.
const LONG_STAYS: [(&str, i32, i64); 2] = [("weekly_price", 7, 7), ("monthly_price", 28, 30)];

/// Parses prices, fees, discounts and the cancellation policy. Values of missing columns are `None`.
pub fn parse_pricing(row: Row<'_>, currency: Currency, problem: &mut impl FnMut(Problem)) -> ImportedPricing {
    let mut money = |column| {
        row.money(column, currency).unwrap_or_else(|wrong| {
            problem(wrong);
            None
        })
    };
    // In a layout with fees, a blank fee is 0.
    let mut fee = |column| row.has(column).then(|| money(column).unwrap_or(0));
    let cleaning_fee_minor = fee("cleaning_fee");
    let extra_guest_fee_minor = fee("extra_people");
    let base_minor = money("price").filter(|price| *price > 0);
    let length_of_stay = LONG_STAYS.iter().any(|(column, _, _)| row.has(column)).then(|| {
        let discount = |&(column, least, nights): &(&'static str, i32, i64)| {
            let whole = base_minor?.checked_mul(nights)?;
            let price = money(column).filter(|price| *price > 0 && *price < whole)?;
            Some((least, ONE_PPM - price * ONE_PPM / whole))
        };
        LONG_STAYS.iter().filter_map(discount).collect()
    });
    let included_guests = row.whole("guests_included").unwrap_or_else(|wrong| {
        problem(wrong);
        None
    });
    ImportedPricing {
        currency,
        base_minor,
        cleaning_fee_minor,
        extra_guest_fee_minor,
        included_guests: included_guests.map(|guests| guests.clamp(1, MAX_GUESTS.into()).try_into().unwrap_or(1)),
        length_of_stay,
        cancellation_policy: row.text("cancellation_policy").and_then(|word| {
            parse_policy(word).or_else(|| {
                problem(Problem::new("cancellation_policy", "is not a known policy", word));
                None
            })
        }),
    }
}

fn parse_policy(word: &str) -> Option<CancellationPolicy> {
    match word {
        "flexible" | "luxury_super_flexible" => Some(CancellationPolicy::Flexible),
        "moderate" | "luxury_moderate" => Some(CancellationPolicy::Moderate),
        "strict" | "strict_14_with_grace_period" | "luxury_no_refund" => Some(CancellationPolicy::Strict),
        "super_strict_30" | "luxury_super_strict_95" => Some(CancellationPolicy::SuperStrict30),
        "super_strict_60" | "luxury_super_strict_125" => Some(CancellationPolicy::SuperStrict60),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::findings::At;
    use crate::import::inside_airbnb::header::Header;
    use csv::StringRecord;

    fn read_row(columns: &[(&str, &str)]) -> (ImportedPricing, Vec<&'static str>) {
        let header = Header::new(&columns.iter().map(|(name, _)| *name).collect());
        let fields: StringRecord = columns.iter().map(|(_, value)| *value).collect();
        let mut problems = Vec::new();
        let row = Row::new(&header, &fields, At { record: 1, line: 2 });
        let pricing = parse_pricing(row, "USD".parse().unwrap(), &mut |problem| problems.push(problem.field));
        (pricing, problems)
    }

    #[test]
    fn an_older_layout_has_fees_and_discounts() {
        let (pricing, problems) = read_row(&[
            ("price", "$100.00"),
            ("cleaning_fee", "$40.00"),
            ("security_deposit", "$500.00"),
            ("extra_people", "$0.00"),
            ("guests_included", "2"),
            ("weekly_price", "$630.00"),
            ("monthly_price", "$2,250.00"),
            ("cancellation_policy", "strict_14_with_grace_period"),
        ]);
        assert_eq!((pricing.base_minor, pricing.cleaning_fee_minor), (Some(10_000), Some(4_000)));
        assert_eq!((pricing.extra_guest_fee_minor, pricing.included_guests), (Some(0), Some(2)));
        assert_eq!(pricing.length_of_stay, Some(vec![(7, 100_000), (28, 250_000)]));
        assert_eq!((pricing.cancellation_policy, problems.len()), (Some(CancellationPolicy::Strict), 0));
    }

    #[test]
    fn a_newer_layout_has_neither_and_a_missing_price_is_not_zero() {
        for price in ["", "$0.00", "0"] {
            let (pricing, problems) = read_row(&[("price", price)]);
            assert_eq!((pricing.base_minor, pricing.cleaning_fee_minor, pricing.length_of_stay), (None, None, None));
            assert_eq!(problems.len(), 0);
        }
    }

    #[test]
    fn a_weekly_price_above_seven_nights_is_not_a_discount() {
        let (pricing, _) = read_row(&[("price", "$100.00"), ("weekly_price", "$800.00"), ("monthly_price", "")]);
        assert_eq!(pricing.length_of_stay, Some(vec![]));
    }

    #[test]
    fn values_that_cannot_be_parsed_are_reported() {
        let (pricing, problems) = read_row(&[
            ("price", "lots"),
            ("cleaning_fee", "-1"),
            ("guests_included", "x"),
            ("cancellation_policy", "?"),
        ]);
        assert_eq!((pricing.base_minor, pricing.cleaning_fee_minor), (None, Some(0)));
        assert_eq!(problems, ["cleaning_fee", "price", "guests_included", "cancellation_policy"]);
    }
}
