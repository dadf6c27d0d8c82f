//! The price of a stay: what the guest pays and the host earns, line by line, as sums of rounded lines.

mod price;
mod rules;
mod taxes;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use chrono::NaiveDate;

pub use price::{AppliedDiscount, DiscountKind, NightPrice, Price, PriceLine, PriceLineKind, TaxLine};
pub(crate) use rules::season_value;
pub use rules::{
    FeeModel, LengthOfStayDiscount, PriceRules, PriceSource, Season, TaxBase, TaxRemitter, TaxRule, TaxUnit,
    WindowDiscount, nightly,
};
pub(crate) use taxes::Taxed;

use crate::kernel::guests::Guests;
use crate::kernel::money::{MAX_MINOR, ONE_PPM, pct};
use crate::kernel::stay::Stay;

/// The longest stay that has a price, in nights.
pub const MAX_NIGHTS: i64 = 365;

/// One question for a price.
#[derive(Clone, Copy, Debug)]
pub struct PriceRequest<'a> {
    /// The nights.
    pub stay: Stay,
    /// Who comes.
    pub guests: Guests,
    /// The listing's own date at the moment of asking.
    pub today: NaiveDate,
    /// Whether the new-listing promotion is running.
    pub is_new_listing: bool,
    /// Whether the guest takes the non-refundable option.
    pub non_refundable: bool,
    /// Prices of single dates, in minor units.
    pub overrides: &'a BTreeMap<NaiveDate, i64>,
}

/// Why a stay has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// An amount or a head count is below zero.
    #[error("a price or a head count is negative")]
    Negative,
    /// A discount, fee or tax is not between 0 and 100 %.
    #[error("a rate is not between 0 and 1000000 parts per million")]
    Rate,
    /// An amount is beyond what the API carries.
    #[error("the price is beyond {MAX_MINOR} minor units")]
    TooLarge,
    /// The stay is longer than [`MAX_NIGHTS`].
    #[error("a stay of more than {MAX_NIGHTS} nights has no price")]
    TooLong,
    /// A stored price does not add up to itself.
    #[error("the stored price is not one that was worked out here")]
    Inconsistent,
}

/// Works out the price of a stay.
///
/// Fails where the rules or the request hold a negative amount or an absurd rate, and where a sum leaves the range
/// of the API; whatever the numbers, it does not panic.
pub fn price(rules: &PriceRules, fees: FeeModel, request: &PriceRequest) -> Result<Price, PriceError> {
    let PriceRequest { stay, guests, .. } = *request;
    if stay.nights() > MAX_NIGHTS {
        return Err(PriceError::TooLong);
    }
    if [guests.adults, guests.children, guests.infants, guests.pets].iter().any(|&count| count < 0) {
        return Err(PriceError::Negative);
    }
    if !fees.is_sane() {
        return Err(PriceError::Rate);
    }
    let discount = discount(rules, request);
    let non_refundable = rules.non_refundable_discount.filter(|&ppm| request.non_refundable && ppm != 0);
    let mut nights = Vec::new();
    for date in stay.dates() {
        let (listed, source) = nightly(rules, request.overrides, date);
        let listed = in_range(listed.into())?;
        let reduced = less(less(listed, discount.map(|discount| discount.ppm))?, non_refundable)?;
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
    price.subtotal = price.sum_subtotal()?;
    price.guest_fee = pct(price.subtotal, fees.guest_ppm);
    price.host_fee = pct(price.subtotal, fees.host_ppm);
    price.taxes = taxes(rules, &price)?;
    price.sum_up()?;
    Ok(price)
}

/// The one discount of the stay, before the non-refundable option: the first of the list that applies.
fn discount(rules: &PriceRules, request: &PriceRequest) -> Option<AppliedDiscount> {
    let nights = request.stay.nights();
    let days_ahead = (request.stay.check_in() - request.today).num_days();
    let new_listing = rules.new_listing_discount.filter(|_| request.is_new_listing);
    let length = rules
        .length_of_stay
        .iter()
        .filter(|step| i64::from(step.min_nights) <= nights)
        .max_by_key(|step| step.min_nights)
        .map(|step| step.discount);
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

/// A night's price after a discount.
fn less(price: i64, discount: Option<i64>) -> Result<i64, PriceError> {
    match discount {
        None => Ok(price),
        Some(ppm) if (0..=ONE_PPM).contains(&ppm) => Ok(price - pct(price, ppm)),
        Some(_) => Err(PriceError::Rate),
    }
}

/// What the rules that apply to the stay take; rules that take nothing are left out.
fn taxes(rules: &PriceRules, price: &Price) -> Result<Vec<TaxLine>, PriceError> {
    let nights = price.night_count();
    let paid_up_to = price.paid_up_to();
    let taxed = Taxed {
        nights,
        guests: price.guests.paying().into(),
        paid_up_to: &paid_up_to,
        stay_fees: price.cleaning + price.pets,
        guest_fee: price.guest_fee,
    };
    let mut lines = Vec::new();
    for rule in rules.taxes.iter().filter(|rule| rule.applies(nights)) {
        let amount = rule.due(&taxed)?.total;
        if amount > 0 {
            lines.push(TaxLine { rule: rule.clone(), amount });
        }
    }
    Ok(lines)
}

/// Holds an amount to the range of the API.
fn in_range(minor: i128) -> Result<i64, PriceError> {
    match i64::try_from(minor) {
        Ok(minor) if minor < 0 => Err(PriceError::Negative),
        Ok(minor) if minor <= MAX_MINOR => Ok(minor),
        _ if minor < 0 => Err(PriceError::Negative),
        _ => Err(PriceError::TooLarge),
    }
}
