//! Refunds to the cent, and the properties of every cancellation.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::America::New_York;
use chrono_tz::Tz;
use proptest::prelude::*;
use sea_orm::Iterable as _;

use super::*;
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::pricing::tests::{any_price, new_york, q1, stay};
use crate::domain::listings::pricing::{FeeModel, Price, PriceLineKind, PriceRequest, price};
use crate::kernel::guests::Guests;
use crate::kernel::local_time::instant;
use crate::kernel::money::{ONE_PPM, apply_rate};
use crate::kernel::stay::Stay;
use CancellationPolicy::*;

fn terms(price: &Price, policy: CancellationPolicy) -> Terms<'_> {
    let (first, last) = (price.nights.first().unwrap().date, price.nights.last().unwrap().date);
    Terms {
        price,
        stay: Stay::new(first, last.succ_opt().unwrap()).unwrap(),
        policy,
        check_in_time: "15:00:00".parse().unwrap(),
        check_out_time: "11:00:00".parse().unwrap(),
        zone: New_York,
        booked_at: at("2027-01-05 12:00"),
        confirmed_at: Some(at("2027-01-05 12:00")),
        fees_rule: CleaningRule::ProRata,
        minimum_penalty_minor: 5_000,
    }
}

fn at(local: &str) -> DateTime<Utc> {
    let (date, time) = local.split_once(' ').unwrap();
    instant(date.parse().unwrap(), format!("{time}:00").parse().unwrap(), New_York)
}

fn guest(price: &Price, policy: CancellationPolicy, local: &str) -> Settlement {
    settle(&terms(price, policy), Canceller::Guest, at(local))
}

/// `host_keeps`, `tax_kept`, `refund`, `payout` and `platform_keeps`.
fn parts(s: &Settlement) -> [i64; 5] {
    [s.host_keeps, s.tax_kept, s.refund, s.payout, s.platform_keeps]
}

#[test]
fn every_policy_refunds_the_documented_amounts_to_the_cent() {
    let price = q1(FeeModel::HOST_ONLY);
    let all = [66_000, 5_858, 600, 55_770, 10_230];
    for (policy, local, expected) in [
        (Flexible, "2027-03-03 15:00", [0, 0, 72_458, 0, 0]),
        (Flexible, "2027-03-03 15:01", [14_850, 1_318, 56_290, 12_548, 2_302]),
        (Flexible, "2027-03-05 16:00", [51_150, 4_840, 16_468, 43_222, 7_928]),
        (Moderate, "2027-02-27 15:00", [0, 0, 72_458, 0, 0]),
        (Moderate, "2027-03-02 15:00", [40_425, 3_588, 28_445, 34_159, 6_266]),
        (Moderate, "2027-03-05 16:00", [58_575, 5_499, 8_384, 49_496, 9_079]),
        (Limited, "2027-02-18 15:00", [0, 0, 72_458, 0, 0]),
        (Limited, "2027-02-22 15:00", [33_000, 2_929, 36_529, 27_885, 5_115]),
        (Limited, "2027-02-25 15:00", [33_000, 2_929, 36_529, 27_885, 5_115]),
        (Limited, "2027-02-25 15:01", all),
        (Firm, "2027-02-02 15:00", [0, 0, 72_458, 0, 0]),
        (Firm, "2027-02-02 15:01", [33_000, 2_929, 36_529, 27_885, 5_115]),
        (Firm, "2027-02-26 15:00", all),
        (Strict, "2027-01-20 15:00", [33_000, 2_929, 36_529, 27_885, 5_115]),
        (Strict, "2027-03-01 15:00", all),
        (SuperStrict30, "2027-02-02 15:00", [33_000, 2_929, 36_529, 27_885, 5_115]),
        (SuperStrict30, "2027-02-02 15:01", all),
        (SuperStrict60, "2027-01-07 15:00", all),
        (NonRefundable, "2027-01-07 15:00", all),
        (NonRefundable, "2027-03-04 14:59", all),
    ] {
        assert_eq!(parts(&guest(&price, policy, local)), expected, "{policy:?} {local}");
    }
}

#[test]
fn the_grace_period_gives_a_full_refund_under_every_policy() {
    for fees in [FeeModel::HOST_ONLY, FeeModel::split(141_000, 30_000)] {
        let price = q1(fees);
        for policy in CancellationPolicy::iter() {
            for local in ["2027-01-06 11:00", "2027-01-06 12:00"] {
                assert_eq!(parts(&guest(&price, policy, local)), [0, 0, price.total, 0, 0], "{policy:?}");
            }
        }
        assert_eq!(guest(&price, NonRefundable, "2027-01-06 12:01").refund, 600);
    }
}

#[test]
fn the_grace_period_needs_a_week_between_confirmation_and_check_in() {
    let price = q1(FeeModel::HOST_ONLY);
    for (confirmed, refund) in [("2027-02-25 15:00", 72_458), ("2027-02-25 15:01", 600)] {
        let terms = Terms { confirmed_at: Some(at(confirmed)), ..terms(&price, NonRefundable) };
        assert_eq!(settle(&terms, Canceller::Guest, at("2027-02-25 16:00")).refund, refund, "{confirmed}");
    }
}

#[test]
fn the_guests_service_fee_is_retained_unless_the_refund_is_full() {
    let price = q1(FeeModel::split(141_000, 30_000));
    assert_eq!(guest(&price, Flexible, "2027-03-03 15:00").refund, 81_764);
    let late = guest(&price, Flexible, "2027-03-03 15:01");
    assert_eq!(parts(&late), [14_850, 1_318, 56_290, 14_404, 9_752]);
    assert!(late.lines.iter().any(|line| line.kind == PriceLineKind::GuestServiceFee && line.total == 9_306));
}

#[test]
fn cleaning_can_be_refunded_in_full_before_check_in() {
    let price = q1(FeeModel::HOST_ONLY);
    let terms = Terms { fees_rule: CleaningRule::RefundIfNotCheckedIn, ..terms(&price, Flexible) };
    assert_eq!(settle(&terms, Canceller::Guest, at("2027-03-03 16:00")).host_keeps, 13_500);
    assert_eq!(settle(&terms, Canceller::Guest, at("2027-03-05 16:00")).host_keeps, 46_500 + 6_000);
}

#[test]
fn a_host_who_cancels_refunds_everything_and_pays_a_penalty() {
    let price = q1(FeeModel::split(141_000, 30_000));
    let terms = terms(&price, NonRefundable);
    for (local, penalty) in [
        ("2027-02-02 14:59", 6_600),
        ("2027-02-02 15:00", 16_500),
        ("2027-02-22 15:00", 16_500),
        ("2027-03-02 14:59", 16_500),
        ("2027-03-02 15:00", 33_000),
        ("2027-03-04 15:00", 33_000),
    ] {
        let settled = settle(&terms, Canceller::Host, at(local));
        assert_eq!(parts(&settled), [0, 0, 81_764, 0, 0], "{local}");
        assert_eq!(settled.host_penalty, Some(penalty), "{local}");
    }
    let least = Terms { minimum_penalty_minor: 7_000, ..terms };
    assert_eq!(settle(&least, Canceller::Host, at("2027-02-01 15:00")).host_penalty, Some(7_000));
}

#[test]
fn a_host_who_cancels_during_the_stay_is_paid_for_the_nights_stayed() {
    let price = q1(FeeModel::HOST_ONLY);
    let settled = settle(&terms(&price, Flexible), Canceller::Host, at("2027-03-05 16:00"));
    // Two nights, half of the cleaning; 8.875 % of 330.00 and two nights of city tax.
    assert_eq!(parts(&settled), [33_000, 2_929 + 300, 36_229, 27_885, 5_115]);
    assert_eq!((settled.host_penalty, settled.nights_stayed), (Some(16_500), 2));
}

#[test]
fn the_platform_refunds_the_share_it_chooses() {
    let price = q1(FeeModel::split(141_000, 30_000));
    let terms = terms(&price, Strict);
    for (chosen, refund) in
        [(Some(0), 0), (Some(20_441), 20_441), (None, 81_764), (Some(i64::MAX), 81_764), (Some(-5), 0)]
    {
        let settled = settle(&terms, Canceller::Platform { refund: chosen }, at("2027-03-05 16:00"));
        assert_eq!((settled.refund, settled.host_penalty), (refund, None));
    }
    assert_eq!(
        parts(&settle(&terms, Canceller::Platform { refund: Some(0) }, at("2027-03-05 16:00"))),
        [66_000, 6_458, 0, 64_020, 11_286]
    );
}

#[test]
fn a_guest_who_leaves_a_long_stay_pays_the_next_thirty_nights() {
    let request = PriceRequest {
        stay: stay("2027-03-04", "2027-05-03"),
        guests: Guests { adults: 1, children: 0, infants: 0, pets: 0 },
        today: "2027-01-05".parse().unwrap(),
        is_new_listing: false,
        non_refundable: false,
        overrides: &std::collections::BTreeMap::new(),
    };
    let price = price(&new_york(), FeeModel::HOST_ONLY, &request).unwrap();
    let nights = |count: usize| price.nights.iter().take(count).map(|night| night.price).sum::<i64>();
    let paid_nights = |policy, local| {
        let settled = guest(&price, policy, local);
        let nights = settled.lines.iter().filter(|line| line.kind == PriceLineKind::Night);
        nights.map(|line| line.total).sum::<i64>()
    };
    assert_eq!(paid_nights(LongTermFirm, "2027-02-02 15:00"), 0);
    assert_eq!(paid_nights(LongTermFirm, "2027-02-02 15:01"), nights(30));
    assert_eq!(paid_nights(LongTermFirm, "2027-03-05 16:00"), nights(32));
    assert_eq!(paid_nights(LongTermFirm, "2027-04-20 16:00"), nights(60));
    // A stay of sixty nights has no grace period. This policy refunds everything within two days of the booking.
    assert_eq!(paid_nights(LongTermStrict, "2027-01-07 12:00"), 0);
    assert_eq!(paid_nights(LongTermStrict, "2027-01-07 12:01"), nights(30));
    assert_eq!(paid_nights(NonRefundable, "2027-01-05 13:00"), nights(60));
}

#[test]
fn a_day_before_check_in_is_a_calendar_day_across_a_clock_change() {
    let rules = new_york();
    let request = PriceRequest {
        stay: stay("2027-03-14", "2027-03-16"),
        guests: Guests { adults: 1, children: 0, infants: 0, pets: 0 },
        today: "2027-01-05".parse().unwrap(),
        is_new_listing: false,
        non_refundable: false,
        overrides: &std::collections::BTreeMap::new(),
    };
    let price = price(&rules, FeeModel::HOST_ONLY, &request).unwrap();
    let tiers = schedule(&terms(&price, Flexible), at("2027-02-01 12:00"));
    assert_eq!(tiers[0].until.to_rfc3339(), "2027-03-13T20:00:00+00:00");
    assert_eq!(tiers[0].refund, price.total);
    assert_eq!(tiers[1].until.to_rfc3339(), "2027-03-14T19:00:00+00:00");
}

#[test]
fn the_refund_schedule_of_a_moderate_booking() {
    let price = q1(FeeModel::HOST_ONLY);
    let terms = terms(&price, Moderate);
    let tiers = schedule(&terms, at("2027-01-05 12:00"));
    let periods: Vec<_> = tiers.iter().map(|tier| (tier.until, tier.refund, tier.host_keeps)).collect();
    assert_eq!(
        periods,
        [
            (at("2027-02-27 15:00"), 72_458, 0),
            (at("2027-03-04 15:00"), 28_445, 40_425),
            (at("2027-03-05 15:00"), 18_415, 49_500),
            (at("2027-03-06 15:00"), 8_384, 58_575),
            (at("2027-03-07 15:00"), 150, 66_000),
            (at("2027-03-08 11:00"), 0, 66_000),
        ]
    );
    assert_eq!(tiers[0].label, "Full refund");
    assert_eq!(tiers[1].label, "The host keeps 1 of 4 nights and half of the others");
    assert_eq!(schedule(&terms, at("2027-03-06 15:00")).len(), 2);
    assert_eq!(schedule(&terms, at("2027-03-08 11:00")), []);
}

#[test]
fn the_refund_schedule_of_a_strict_booking_begins_with_the_grace_period() {
    let price = q1(FeeModel::HOST_ONLY);
    let tiers = schedule(&terms(&price, Strict), at("2027-01-05 12:00"));
    let periods: Vec<_> = tiers.iter().take(3).map(|tier| (tier.until, tier.refund)).collect();
    assert_eq!(
        periods,
        [(at("2027-01-06 12:00"), 72_458), (at("2027-02-25 15:00"), 36_529), (at("2027-03-04 15:00"), 600)]
    );
}

/// Everything that a cancellation depends on except the price: zones with and without clock changes, and any check-in
/// time.
fn any_terms() -> impl Strategy<Value = (CancellationPolicy, Tz, u32, i64, Option<i64>, CleaningRule)> {
    (
        prop::sample::select(CancellationPolicy::iter().collect::<Vec<_>>()),
        prop::sample::select(vec![
            New_York,
            chrono_tz::UTC,
            chrono_tz::Europe::Berlin,
            chrono_tz::Australia::Lord_Howe,
            chrono_tz::Africa::Cairo,
        ]),
        0..48_u32,
        0..100 * 24 * 60_i64,
        prop::option::of(0..3 * 24 * 60_i64),
        prop::sample::select(vec![CleaningRule::ProRata, CleaningRule::RefundIfNotCheckedIn]),
    )
}

fn build(price: &Price, input: (CancellationPolicy, Tz, u32, i64, Option<i64>, CleaningRule)) -> Terms<'_> {
    let (policy, zone, half_hour, ahead, confirmed, fees_rule) = input;
    let check_in_time = NaiveTime::from_num_seconds_from_midnight_opt(half_hour * 1_800, 0).unwrap();
    let first: NaiveDate = price.nights[0].date;
    let booked_at = instant(first, check_in_time, zone) - TimeDelta::minutes(ahead);
    let confirmed_at = confirmed.map(|minutes| booked_at + TimeDelta::minutes(minutes));
    Terms { check_in_time, zone, booked_at, confirmed_at, fees_rule, ..terms(price, policy) }
}

fn check_parts(price: &Price, settled: &Settlement) -> Result<(), TestCaseError> {
    let Settlement { refund, host_keeps, payout, platform_keeps, tax_kept, .. } = *settled;
    prop_assert_eq!(refund + payout + platform_keeps + tax_kept, price.total);
    prop_assert!([refund, host_keeps, payout, platform_keeps, tax_kept].iter().all(|&part| part >= 0));
    prop_assert!(host_keeps <= price.subtotal && tax_kept <= price.taxes());
    let lines = settled.lines.iter().filter(|line| line.kind != PriceLineKind::HostServiceFee);
    prop_assert_eq!(lines.map(|line| line.total).sum::<i64>(), price.total - refund);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_shares_sum_to_the_total(
        price in any_price(), input in any_terms(), minutes in -5_000..70 * 24 * 60_i64, refund_ppm in 0..=ONE_PPM,
    ) {
        let terms = build(&price, input);
        let when = terms.booked_at + TimeDelta::minutes(minutes);
        let refund = Some(apply_rate(price.total, refund_ppm));
        for by in [Canceller::Guest, Canceller::Host, Canceller::Platform { refund }] {
            check_parts(&price, &settle(&terms, by, when))?;
        }
    }

    #[test]
    fn a_refund_never_grows_with_time(
        price in any_price(), input in any_terms(), minutes in prop::collection::vec(0..150 * 24 * 60_i64, 2..12),
    ) {
        let terms = build(&price, input);
        let mut times: Vec<_> = minutes.iter().map(|&m| terms.booked_at + TimeDelta::minutes(m)).collect();
        for tier in schedule(&terms, terms.booked_at) {
            times.extend([-1, 0, 1].map(|seconds| tier.until + TimeDelta::seconds(seconds)));
        }
        times.sort_unstable();
        let refunds: Vec<_> = times.iter().map(|&when| settle(&terms, Canceller::Guest, when).refund).collect();
        prop_assert!(refunds.windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", refunds);
    }

    #[test]
    fn the_schedule_contains_every_refund(price in any_price(), input in any_terms(), minute in 0..150 * 24 * 60_i64) {
        let terms = build(&price, input);
        let tiers = schedule(&terms, terms.booked_at);
        prop_assert!(tiers.windows(2).all(|pair| pair[0].until < pair[1].until && pair[0].refund > pair[1].refund));
        let when = terms.booked_at + TimeDelta::minutes(minute);
        if let Some(tier) = tiers.iter().find(|tier| when <= tier.until) {
            let settled = settle(&terms, Canceller::Guest, when);
            prop_assert_eq!((settled.refund, settled.host_keeps), (tier.refund, tier.host_keeps));
        }
    }
}
