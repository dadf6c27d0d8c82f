//! Exact prices of example stays, and properties of every price.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::kernel::guests::Guests;
use crate::kernel::money::{MAX_MINOR, ONE_PPM};
use crate::kernel::stay::{Stay, Weekdays};

pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn stay(from: &str, to: &str) -> Stay {
    Stay::new(date(from), date(to)).unwrap()
}

pub(crate) fn guests(adults: i32) -> Guests {
    Guests { adults, children: 0, infants: 0, pets: 0 }
}

fn tax(unit: TaxUnit, rate: Option<i64>, amount: Option<i64>) -> TaxRule {
    TaxRule {
        id: Uuid::from_u128(1),
        name: "City tax".into(),
        unit,
        rate,
        amount,
        base: None,
        max_nights: None,
        exempt_from_nights: None,
        remitted_by: TaxRemitter::Platform,
    }
}

fn plain(currency: &str, base: i64) -> PriceRules {
    PriceRules {
        currency: currency.parse().unwrap(),
        base,
        weekend: None,
        weekend_nights: Weekdays::FRIDAY_AND_SATURDAY,
        cleaning_fee: 0,
        pet_fee: 0,
        extra_guest_fee: 0,
        included_guests: 2,
        length_of_stay: vec![],
        early_bird: None,
        last_minute: None,
        new_listing_discount: None,
        non_refundable_discount: None,
        seasons: vec![],
        taxes: vec![],
    }
}

fn season(from: &str, to: &str, nightly: Option<i64>, priority: i32) -> Season {
    let id = Uuid::from_u128(2);
    Season { id, name: "Season".into(), from: date(from), to: date(to), nightly, min_nights: None, priority }
}

/// The listing of the examples: New York, in USD.
pub(crate) fn new_york() -> PriceRules {
    let mut percent = tax(TaxUnit::Percent, Some(88_750), None);
    percent.base = Some(TaxBase::Subtotal);
    let mut night = tax(TaxUnit::PerNight, None, Some(150));
    night.max_nights = Some(14);
    PriceRules {
        weekend: Some(15_000),
        cleaning_fee: 6_000,
        extra_guest_fee: 1_500,
        length_of_stay: vec![LengthOfStayDiscount { min_nights: 7, discount: 100_000 }],
        non_refundable_discount: Some(100_000),
        seasons: vec![season("2027-07-01", "2027-09-01", Some(18_000), 0)],
        taxes: vec![percent, night],
        ..plain("USD", 12_000)
    }
}

fn request_for<'a>(stay: Stay, adults: i32, overrides: &'a BTreeMap<NaiveDate, i64>) -> PriceRequest<'a> {
    let today = date("2027-01-05");
    PriceRequest { stay, guests: guests(adults), today, is_new_listing: false, non_refundable: false, overrides }
}

/// The first example: Thursday to Monday, three guests.
pub(crate) fn q1(fees: FeeModel) -> Price {
    price(&new_york(), fees, &request_for(stay("2027-03-04", "2027-03-08"), 3, &BTreeMap::new())).unwrap()
}

fn parts(price: &Price) -> [i64; 6] {
    [price.subtotal, price.guest_fee, price.host_fee, price.taxes(), price.total, price.payout]
}

#[test]
fn q1_only_the_host_pays_a_platform_fee() {
    let price = q1(FeeModel::HOST_ONLY);
    assert_eq!(price.nights.iter().map(|n| n.price).collect::<Vec<_>>(), [12_000, 15_000, 15_000, 12_000]);
    assert_eq!(parts(&price), [66_000, 0, 10_230, 6_458, 72_458, 55_770]);
    assert_eq!((price.discounts(), price.nightly_average(), price.extra_guests_per_night()), (0, 13_500, 1_500));
}

#[test]
fn q2_guest_and_host_share_the_fee() {
    assert_eq!(parts(&q1(FeeModel::split(141_000, 30_000))), [66_000, 9_306, 1_980, 6_458, 81_764, 64_020]);
}

#[test]
fn q3_a_week_in_july_with_a_price_for_the_fourth() {
    let overrides = BTreeMap::from([(date("2027-07-04"), 30_000)]);
    let request = request_for(stay("2027-07-01", "2027-07-08"), 2, &overrides);
    let price = price(&new_york(), FeeModel::HOST_ONLY, &request).unwrap();
    assert_eq!(
        price.nights.iter().map(|n| (n.price, n.source)).collect::<Vec<_>>(),
        [16_200, 16_200, 16_200, 27_000, 16_200, 16_200, 16_200].map(|minor| match minor {
            27_000 => (minor, PriceSource::Override),
            _ => (minor, PriceSource::Season),
        })
    );
    assert_eq!(parts(&price), [130_200, 0, 20_181, 12_605, 142_805, 110_019]);
    assert_eq!(price.discounts(), 13_800);
    let discount: Vec<_> = price.lines().into_iter().filter(|l| l.kind == PriceLineKind::Discount).collect();
    assert_eq!(discount.len(), 1);
    assert_eq!((discount[0].label.as_str(), discount[0].total), ("Length of stay −10 %", -13_800));
}

#[test]
fn q4_the_non_refundable_option() {
    let overrides = BTreeMap::new();
    let request = PriceRequest { non_refundable: true, ..request_for(stay("2027-03-04", "2027-03-08"), 3, &overrides) };
    let price = price(&new_york(), FeeModel::HOST_ONLY, &request).unwrap();
    assert_eq!(price.nights.iter().map(|n| n.price).collect::<Vec<_>>(), [10_800, 13_500, 13_500, 10_800]);
    assert_eq!(parts(&price), [60_600, 0, 9_393, 5_978, 66_578, 51_207]);
}

#[test]
fn q5_yen_have_no_decimals() {
    let rules = PriceRules {
        cleaning_fee: 3_500,
        length_of_stay: vec![LengthOfStayDiscount { min_nights: 3, discount: 150_000 }],
        taxes: vec![tax(TaxUnit::PerGuestNight, None, Some(200))],
        ..plain("JPY", 9_999)
    };
    let overrides = BTreeMap::new();
    let request = request_for(stay("2027-03-01", "2027-03-04"), 2, &overrides);
    let price = price(&rules, FeeModel::HOST_ONLY, &request).unwrap();
    assert_eq!(price.nights[0].price, 8_499);
    assert_eq!(parts(&price), [28_997, 0, 4_495, 1_200, 30_197, 24_502]);
    let tax = price.lines().into_iter().find(|line| line.kind == PriceLineKind::Tax).unwrap();
    assert_eq!((tax.quantity, tax.unit, tax.total), (6, 200, 1_200));
}

#[test]
fn one_discount_applies_to_each_night_and_then_the_non_refundable_option() {
    let rules = PriceRules {
        length_of_stay: vec![
            LengthOfStayDiscount { min_nights: 28, discount: 300_000 },
            LengthOfStayDiscount { min_nights: 7, discount: 200_000 },
        ],
        early_bird: Some(WindowDiscount { days: 60, discount: 150_000 }),
        last_minute: Some(WindowDiscount { days: 3, discount: 250_000 }),
        new_listing_discount: Some(500_000),
        non_refundable_discount: Some(100_000),
        ..plain("USD", 100)
    };
    let none = BTreeMap::new();
    let week = stay("2027-06-01", "2027-06-08");
    let night = stay("2027-06-01", "2027-06-02");
    let of = |request: PriceRequest| price(&rules, FeeModel::HOST_ONLY, &request).unwrap().nights[0].price;
    assert_eq!(of(PriceRequest { is_new_listing: true, ..request_for(week, 1, &none) }), 50);
    assert_eq!(of(request_for(week, 1, &none)), 80);
    assert_eq!(of(PriceRequest { non_refundable: true, ..request_for(week, 1, &none) }), 72);
    assert_eq!(of(request_for(stay("2027-06-01", "2027-06-29"), 1, &none)), 70);
    for (today, expected) in [("2027-04-02", 85), ("2027-04-03", 100), ("2027-05-29", 100), ("2027-05-30", 75)] {
        assert_eq!(of(PriceRequest { today: date(today), ..request_for(night, 1, &none) }), expected, "{today}");
    }
}

#[test]
fn the_season_with_the_highest_priority_that_has_a_price_applies() {
    let rules = PriceRules {
        weekend: Some(150),
        seasons: vec![
            season("2027-01-01", "2028-01-01", Some(200), 0),
            season("2027-06-01", "2027-07-01", Some(300), 0),
            season("2027-06-10", "2027-06-20", Some(400), 1),
            season("2027-06-12", "2027-06-13", None, 9),
        ],
        ..plain("USD", 100)
    };
    let overrides = BTreeMap::from([(date("2027-06-12"), 7)]);
    let of = |day: &str| nightly_price(&rules, &overrides, date(day));
    assert_eq!(of("2027-05-31"), (200, PriceSource::Season));
    assert_eq!(of("2027-06-01"), (300, PriceSource::Season));
    assert_eq!(of("2027-06-11"), (400, PriceSource::Season));
    assert_eq!(of("2027-06-12"), (7, PriceSource::Override));
    assert_eq!(nightly_price(&rules, &BTreeMap::new(), date("2027-06-12")), (400, PriceSource::Season));
    assert_eq!(of("2028-01-01"), (150, PriceSource::Weekend));
    assert_eq!(of("2028-01-03"), (100, PriceSource::Base));
}

#[test]
fn taxes_in_every_unit() {
    let mut nights_only = tax(TaxUnit::Percent, Some(100_000), None);
    (nights_only.base, nights_only.max_nights) = (Some(TaxBase::Nights), Some(2));
    let mut with_fee = tax(TaxUnit::Percent, Some(100_000), None);
    with_fee.base = Some(TaxBase::SubtotalAndGuestFee);
    let mut exempt = tax(TaxUnit::PerStay, None, Some(999));
    exempt.exempt_from_nights = Some(3);
    let mut long = exempt.clone();
    long.exempt_from_nights = Some(4);
    let mut capped = tax(TaxUnit::PerGuestNight, None, Some(3));
    capped.max_nights = Some(1);
    let rules = PriceRules {
        cleaning_fee: 500,
        pet_fee: 70,
        taxes: vec![nights_only, with_fee, exempt, long, tax(TaxUnit::PerGuest, None, Some(11)), capped],
        ..plain("USD", 1_000)
    };
    let overrides = BTreeMap::new();
    let guests = Guests { adults: 2, children: 1, infants: 4, pets: 1 };
    let request = PriceRequest { guests, ..request_for(stay("2027-03-01", "2027-03-04"), 1, &overrides) };
    let price = price(&rules, FeeModel::split(100_000, 30_000), &request).unwrap();
    assert_eq!((price.subtotal, price.guest_fee, price.pets), (3_570, 357, 70));
    assert_eq!(price.taxes.iter().map(|tax| tax.amount).collect::<Vec<_>>(), [200, 393, 999, 33, 9]);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let none = BTreeMap::new();
    let request = request_for(stay("2027-03-04", "2027-03-08"), 3, &none);
    let of = |rules: &PriceRules| price(rules, FeeModel::HOST_ONLY, &request).unwrap_err();
    assert_eq!(of(&plain("USD", -1)), PriceError::Negative);
    assert_eq!(of(&plain("USD", i64::MAX)), PriceError::TooLarge);
    assert_eq!(of(&plain("USD", MAX_MINOR / 3)), PriceError::TooLarge);
    assert_eq!(of(&PriceRules { new_listing_discount: Some(0), cleaning_fee: -5, ..new_york() }), PriceError::Negative);
    let steep = vec![LengthOfStayDiscount { min_nights: 1, discount: ONE_PPM + 1 }];
    assert_eq!(of(&PriceRules { length_of_stay: steep, ..new_york() }), PriceError::Rate);
    let long = request_for(stay("2027-01-01", "2028-01-02"), 1, &none);
    assert_eq!(price(&new_york(), FeeModel::HOST_ONLY, &long).unwrap_err(), PriceError::TooLong);
    let nobody = PriceRequest { guests: guests(-1), ..request };
    assert_eq!(price(&new_york(), FeeModel::HOST_ONLY, &nobody).unwrap_err(), PriceError::Negative);
    assert_eq!(price(&new_york(), FeeModel::split(0, ONE_PPM + 1), &request).unwrap_err(), PriceError::Rate);
}

#[test]
fn a_year_with_weekend_prices_has_short_json() {
    let overrides = BTreeMap::new();
    let request = request_for(stay("2027-01-01", "2028-01-01"), 3, &overrides);
    let price = price(&new_york(), FeeModel::HOST_ONLY, &request).unwrap();
    let json = serde_json::to_string(&price).unwrap();
    assert!(json.len() < 3_000, "{} bytes", json.len());
    assert_eq!(serde_json::from_str::<Price>(&json).unwrap(), price);
}

#[test]
fn an_inconsistent_stored_price_is_refused() {
    let json = serde_json::to_string(&q1(FeeModel::HOST_ONLY)).unwrap();
    for (good, bad) in [("[1,12000,12000,", "[400,12000,12000,"), ("[1,12000,12000,", "[1,12000,-5,"), ("USD", "XTS")] {
        assert!(json.contains(good), "{json}");
        assert!(serde_json::from_str::<Price>(&json.replacen(good, bad, 1)).is_err(), "{bad}");
    }
}

#[test]
fn rules_are_unchanged_by_storage() {
    let rules = new_york();
    let json = serde_json::to_value(&rules).unwrap();
    assert_eq!(json["seasons"][0]["from"], "2027-07-01");
    assert_eq!(json["taxes"][0]["unit"], "PERCENT");
    assert_eq!(serde_json::from_value::<PriceRules>(json).unwrap(), rules);
}

fn minor() -> impl Strategy<Value = i64> {
    prop_oneof![0..20_i64, 0..100_000_i64, 0..10_000_000_i64]
}

fn ppm() -> impl Strategy<Value = i64> {
    prop_oneof![0..=ONE_PPM, (0..40_i64).prop_map(|percent| percent * 10_000)]
}

fn any_tax() -> impl Strategy<Value = TaxRule> {
    use TaxUnit::*;
    let unit = prop::sample::select(vec![Percent, PerStay, PerNight, PerGuest, PerGuestNight]);
    let base =
        prop::option::of(prop::sample::select(vec![TaxBase::Nights, TaxBase::Subtotal, TaxBase::SubtotalAndGuestFee]));
    let limits = (prop::option::of(0..40_i32), prop::option::of(1..60_i32));
    (unit, ppm(), minor(), base, limits, any::<bool>()).prop_map(|(unit, rate, amount, base, limits, host)| TaxRule {
        base,
        max_nights: limits.0,
        exempt_from_nights: limits.1,
        remitted_by: if host { TaxRemitter::Host } else { TaxRemitter::Platform },
        ..tax(unit, Some(rate), Some(amount))
    })
}

prop_compose! {
    fn any_rules()(
        prices in (minor(), prop::option::of(minor()), minor(), minor(), minor(), 0..4_i32),
        length in prop::option::of((1..40_i32, ppm())),
        windows in prop::option::of((-5..90_i32, ppm(), -5..30_i32, ppm())),
        options in (prop::option::of(ppm()), prop::option::of(ppm())),
        taxes in prop::collection::vec(any_tax(), 0..4),
    ) -> PriceRules {
        let (base, weekend, cleaning_fee, pet_fee, extra_guest_fee, included_guests) = prices;
        PriceRules {
            weekend, cleaning_fee, pet_fee, extra_guest_fee, included_guests,
            length_of_stay: length.map(|(min_nights, discount)| LengthOfStayDiscount { min_nights, discount })
                .into_iter().collect(),
            early_bird: windows.map(|w| WindowDiscount { days: w.0, discount: w.1 }),
            last_minute: windows.map(|w| WindowDiscount { days: w.2, discount: w.3 }),
            new_listing_discount: options.0,
            non_refundable_discount: options.1,
            taxes,
            ..plain("USD", base)
        }
    }
}

prop_compose! {
    /// Any valid price of a stay in spring 2027 or autumn 2026, when clocks change.
    pub(crate) fn any_price()(
        rules in any_rules(),
        fees in (0..300_000_i64, 0..300_000_i64),
        first in 0..250_i64,
        nights in prop_oneof![1..12_i64, 20..45_i64],
        heads in (1..6_i32, 0..4_i32, 0..3_i32, 0..3_i32),
        flags in (any::<bool>(), any::<bool>()),
    ) -> Price {
        let check_in = date("2026-10-01") + chrono::Duration::days(first);
        let (adults, children, infants, pets) = heads;
        let request = PriceRequest {
            stay: Stay::new(check_in, check_in + chrono::Duration::days(nights)).unwrap(),
            guests: Guests { adults, children, infants, pets },
            today: date("2026-09-20"),
            is_new_listing: flags.0,
            non_refundable: flags.1,
            overrides: &BTreeMap::new(),
        };
        price(&rules, FeeModel { guest_ppm: fees.0, host_ppm: fees.1 }, &request).unwrap()
    }
}

proptest! {
    #[test]
    fn every_price_balances(price in any_price()) {
        let taxes = price.taxes();
        prop_assert_eq!(price.total, price.payout + price.guest_fee + price.host_fee + taxes);
        let (host, guest): (Vec<_>, Vec<_>) =
            price.lines().into_iter().partition(|line| line.kind == PriceLineKind::HostServiceFee);
        prop_assert_eq!(guest.iter().map(|line| line.total).sum::<i64>(), price.total);
        prop_assert_eq!(host.iter().map(|line| line.total).sum::<i64>(), -price.host_fee);
        for line in guest {
            prop_assert_eq!(line.total, line.unit * i64::from(line.quantity));
        }
        let json = serde_json::to_string(&price).unwrap();
        prop_assert_eq!(serde_json::from_str::<Price>(&json).unwrap(), price);
    }

    #[test]
    fn pricing_never_panics(
        amounts in any::<[i64; 8]>(),
        small in any::<[i32; 6]>(),
        heads in any::<[i32; 4]>(),
        nights in 1..400_i64,
        wild in 0..256_u32,
    ) {
        // Each bit leaves one group of numbers arbitrary. The others are in range, so that every sum is reached.
        let amount = |i: usize| if wild & (1 << i) == 0 { amounts[i].rem_euclid(MAX_MINOR / 400) } else { amounts[i] };
        let rules = PriceRules {
            weekend: Some(amount(1)), cleaning_fee: amount(2), pet_fee: amount(3), extra_guest_fee: amount(4),
            included_guests: small[0],
            length_of_stay: vec![LengthOfStayDiscount { min_nights: small[1], discount: amount(5) }],
            early_bird: Some(WindowDiscount { days: small[2], discount: amount(6) % ONE_PPM }),
            taxes: vec![
                TaxRule { max_nights: Some(small[3]), ..tax(TaxUnit::Percent, Some(amount(7)), None) },
                TaxRule { exempt_from_nights: Some(small[4]), ..tax(TaxUnit::PerGuestNight, None, Some(amount(7))) },
            ],
            ..plain("USD", amount(0))
        };
        let check_in = NaiveDate::MIN + chrono::Duration::days(i64::from(small[5].rem_euclid(1_000_000)));
        let request = PriceRequest {
            stay: Stay::new(check_in, check_in + chrono::Duration::days(nights)).unwrap(),
            guests: Guests { adults: heads[0], children: heads[1], infants: heads[2], pets: heads[3] },
            today: date("2027-01-05"),
            is_new_listing: true,
            non_refundable: true,
            overrides: &BTreeMap::new(),
        };
        if let Ok(price) = price(&rules, FeeModel::split(ONE_PPM, ONE_PPM), &request) {
            prop_assert!(price.total <= MAX_MINOR);
            price.lines();
        }
    }
}
