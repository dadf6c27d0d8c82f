//! Calculates the price of a stay, line by line. Every line is rounded, and the total is the sum of the rounded lines.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::amounts::{PriceError, in_range};
use super::price::{AppliedDiscount, DiscountKind, NightPrice, Price, TaxLine};
use super::price_rules::{FeeModel, PriceRules, nightly_price};
use super::taxes::TaxableStay;
use crate::domain::listings::limits::MAX_NIGHTS;
use crate::kernel::guests::Guests;
use crate::kernel::money::{ONE_PPM, apply_rate};
use crate::kernel::stay::Stay;

/// The stay for which a price is requested, and everything else that the price depends on.
#[derive(Clone, Copy, Debug)]
pub struct PriceRequest<'a> {
    /// The nights of the stay.
    pub stay: Stay,
    /// Number of guests, by age group, and of pets.
    pub guests: Guests,
    /// The current date in the listing's time zone.
    pub today: NaiveDate,
    /// Whether the listing is new, so that its discount for new listings applies.
    pub is_new_listing: bool,
    /// Whether the guest chooses the non-refundable option.
    pub non_refundable: bool,
    /// Prices set for single nights, in minor units.
    pub overrides: &'a BTreeMap<NaiveDate, i64>,
}

/// Calculates the price of a stay.
///
/// Fails if the rules or the request contain a negative amount or a rate out of range, and if a sum is larger than the
/// API can carry. It never panics, whatever the numbers.
pub fn price(rules: &PriceRules, fees: FeeModel, request: &PriceRequest) -> Result<Price, PriceError> {
    let PriceRequest { stay, guests, .. } = *request;
    if stay.nights() > i64::from(MAX_NIGHTS) {
        return Err(PriceError::TooLong);
    }
    if [guests.adults, guests.children, guests.infants, guests.pets].iter().any(|&count| count < 0) {
        return Err(PriceError::Negative);
    }
    if !fees.is_valid() {
        return Err(PriceError::Rate);
    }
    let discount = applied_discount(rules, request);
    let non_refundable = rules.non_refundable_discount.filter(|&ppm| request.non_refundable && ppm != 0);
    let mut nights = Vec::new();
    for date in stay.dates() {
        let (listed, source) = nightly_price(rules, request.overrides, date);
        let listed = in_range(listed.into())?;
        let reduced = discounted(discounted(listed, discount.map(|discount| discount.ppm))?, non_refundable)?;
        nights.push(NightPrice { date, listed, price: reduced, source });
    }
    let extra_guest_fee = in_range(rules.extra_guest_fee.into())?;
    let extra_guests =
        if extra_guest_fee == 0 { 0 } else { guests.paying().saturating_sub(rules.included_guests.max(0)).max(0) };
    let pet_fee = in_range(rules.pet_fee.into())?;
    let mut price = Price {
        currency: rules.currency,
        fees,
        guests,
        nights,
        discount,
        non_refundable,
        extra_guests,
        extra_guest_fee,
        cleaning: in_range(rules.cleaning_fee.into())?,
        pet_fee,
        pets: in_range(i128::from(pet_fee) * i128::from(guests.pets))?,
        taxes: Vec::new(),
        subtotal: 0,
        guest_fee: 0,
        host_fee: 0,
        total: 0,
        payout: 0,
    };
    price.subtotal = price.checked_subtotal()?;
    price.guest_fee = apply_rate(price.subtotal, fees.guest_ppm);
    price.host_fee = apply_rate(price.subtotal, fees.host_ppm);
    price.taxes = tax_lines(rules, &price)?;
    price.set_total_and_payout()?;
    Ok(price)
}

/// The discount of the stay, apart from the non-refundable option. At most one applies: the first of the list below.
fn applied_discount(rules: &PriceRules, request: &PriceRequest) -> Option<AppliedDiscount> {
    let nights = request.stay.nights();
    let days_ahead = (request.stay.check_in() - request.today).num_days();
    let new_listing = rules.new_listing_discount.filter(|_| request.is_new_listing);
    let length = rules
        .length_of_stay
        .iter()
        .filter(|tier| i64::from(tier.min_nights) <= nights)
        .max_by_key(|tier| tier.min_nights)
        .map(|tier| tier.discount);
    let early = rules.early_bird.as_ref().filter(|window| days_ahead >= window.days.into());
    let late = rules.last_minute.as_ref().filter(|window| days_ahead < window.days.into());
    [
        (DiscountKind::NewListing, new_listing),
        (DiscountKind::LengthOfStay, length),
        (DiscountKind::EarlyBird, early.map(|window| window.discount)),
        (DiscountKind::LastMinute, late.map(|window| window.discount)),
    ]
    .into_iter()
    .find_map(|(kind, ppm)| ppm.filter(|&ppm| ppm != 0).map(|ppm| AppliedDiscount { kind, ppm }))
}

/// A night's price after a discount in ppm.
fn discounted(price: i64, discount: Option<i64>) -> Result<i64, PriceError> {
    match discount {
        None => Ok(price),
        Some(ppm) if (0..=ONE_PPM).contains(&ppm) => Ok(price - apply_rate(price, ppm)),
        Some(_) => Err(PriceError::Rate),
    }
}

/// The taxes of the stay. Taxes that do not apply or amount to zero are left out.
fn tax_lines(rules: &PriceRules, price: &Price) -> Result<Vec<TaxLine>, PriceError> {
    let nights = price.night_count();
    let cumulative_nights = price.cumulative_nights();
    let taxable = TaxableStay {
        nights,
        guests: price.guests.paying().into(),
        cumulative_nights: &cumulative_nights,
        stay_fees: price.cleaning + price.pets,
        guest_fee: price.guest_fee,
    };
    let mut lines = Vec::new();
    for rule in rules.taxes.iter().filter(|rule| rule.applies_to(nights)) {
        let amount = rule.amount_due(&taxable)?.total;
        if amount > 0 {
            lines.push(TaxLine { rule: rule.clone(), amount });
        }
    }
    Ok(lines)
}
