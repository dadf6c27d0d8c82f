//! A calculated price with all its lines, so that it can be shown, signed, stored and refunded without its listing.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::amounts::{PriceError, in_range};
use super::price_rules::{FeeModel, PriceSource, TaxRule, TaxUnit};
use super::taxes::{TaxAmount, TaxableStay};
use crate::kernel::guests::Guests;
use crate::kernel::money::Currency;

/// The price of one stay. Amounts are minor units of `currency`; none is negative, and
/// `total = payout + guest_fee + host_fee + taxes`.
///
/// Its JSON is in `price_json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// The currency of every amount.
    pub currency: Currency,
    /// The platform's fees, as rates.
    pub fees: FeeModel,
    /// Number of guests, by age group, and of pets.
    pub guests: Guests,
    /// Every night, in order. Never empty.
    pub nights: Vec<NightPrice>,
    /// The discount on every night. `None` if there is none.
    pub discount: Option<AppliedDiscount>,
    /// The further discount for the non-refundable option, in ppm of each discounted night. `None` if it was not
    /// chosen.
    pub non_refundable: Option<i64>,
    /// Number of guests beyond the included ones.
    pub extra_guests: i32,
    /// Fee for each extra guest and night.
    pub extra_guest_fee: i64,
    /// Cleaning fee for the whole stay.
    pub cleaning: i64,
    /// Fee for one pet.
    pub pet_fee: i64,
    /// Fee for all pets.
    pub pets: i64,
    /// All taxes, those that the host remits included.
    pub taxes: Vec<TaxLine>,
    /// Sum of nights, extra guests, cleaning and pets.
    pub subtotal: i64,
    /// The platform's fee that the guest pays on top of the subtotal.
    pub guest_fee: i64,
    /// The platform's fee that is deducted from the host's earnings.
    pub host_fee: i64,
    /// The amount that the guest pays.
    pub total: i64,
    /// The amount that the host earns: the subtotal less the host's fee. It never includes taxes, even if the host
    /// remits them.
    pub payout: i64,
}

/// The price of one night, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NightPrice {
    /// Local date on which the night begins.
    pub date: NaiveDate,
    /// Price before discounts.
    pub listed: i64,
    /// Price after discounts.
    pub price: i64,
    /// Where the listed price comes from.
    pub source: PriceSource,
}

/// A discount of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedDiscount {
    /// The reason for the discount.
    pub kind: DiscountKind,
    /// Parts per million of each night's price.
    pub ppm: i64,
}

/// The reason for a discount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DiscountKind {
    /// The listing is new.
    NewListing,
    /// The stay is long.
    LengthOfStay,
    /// The stay is booked early.
    EarlyBird,
    /// The stay is booked late.
    LastMinute,
}

/// One tax of a stay.
#[derive(Clone, Debug, PartialEq)]
pub struct TaxLine {
    /// The tax rule when the price was calculated.
    pub rule: TaxRule,
    /// Amount of the tax, in minor units.
    pub amount: i64,
}

/// One line of a bill. Amounts are minor units and `total = quantity × unit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceLine {
    /// What the line charges for.
    pub kind: PriceLineKind,
    /// English text of the line.
    pub label: String,
    /// The night, for a line of kind `Night`.
    pub date: Option<NaiveDate>,
    /// Number of units.
    pub quantity: i32,
    /// Price of one unit.
    pub unit: i64,
    /// Price of all units.
    pub total: i64,
    /// Where the price comes from, for a line of kind `Night`.
    pub source: Option<PriceSource>,
}

/// What a line of a bill charges for. The sum of all lines but [`PriceLineKind::HostServiceFee`] is what the guest
/// pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriceLineKind {
    /// One night at its listed price.
    Night,
    /// Guests beyond the included ones.
    ExtraGuest,
    /// The cleaning fee.
    Cleaning,
    /// The fee for pets.
    Pet,
    /// The discounts on the nights. Negative.
    Discount,
    /// The platform's fee that the guest pays.
    GuestServiceFee,
    /// A tax.
    Tax,
    /// The platform's fee that the host pays. Negative, and shown to hosts only.
    HostServiceFee,
}

impl PriceLine {
    /// A line of `quantity × unit`. If the quantity does not fit into 32 bits, the line has one unit of the total.
    pub(crate) fn new(kind: PriceLineKind, label: impl Into<String>, amount: TaxAmount) -> Self {
        let (quantity, unit) =
            i32::try_from(amount.quantity).map_or((1, amount.total), |quantity| (quantity, amount.unit));
        PriceLine { kind, label: label.into(), date: None, quantity, unit, total: amount.total, source: None }
    }

    /// A line with one unit.
    pub(crate) fn single(kind: PriceLineKind, label: impl Into<String>, total: i64) -> Self {
        PriceLine { kind, label: label.into(), date: None, quantity: 1, unit: total, total, source: None }
    }

    /// A line for one night.
    pub(crate) fn night(night: &NightPrice, total: i64) -> Self {
        let line = PriceLine::single(PriceLineKind::Night, format!("Night of {}", night.date), total);
        PriceLine { date: Some(night.date), source: Some(night.source), ..line }
    }
}

impl Price {
    /// Sum of the taxes, in minor units.
    pub fn taxes(&self) -> i64 {
        self.taxes.iter().map(|tax| tax.amount).sum()
    }

    /// Sum of the discounts on the nights, in minor units. Never negative.
    pub fn discounts(&self) -> i64 {
        self.nights.iter().map(|night| night.listed - night.price).sum()
    }

    /// Average price of a night after discounts, without extra guests, rounded half up, in minor units.
    pub fn nightly_average(&self) -> i64 {
        let count = self.night_count().max(1);
        let sum: i64 = self.nights.iter().map(|night| night.price).sum();
        sum / count + i64::from(sum % count * 2 >= count)
    }

    /// Fee of all extra guests for each night, in minor units.
    pub fn extra_guests_per_night(&self) -> i64 {
        self.extra_guest_fee.saturating_mul(self.extra_guests.into())
    }

    /// The lines of the bill, in the order in which they are shown. The sum of all lines but the host's service fee is
    /// the total.
    pub fn lines(&self) -> Vec<PriceLine> {
        use PriceLineKind::*;
        let mut lines: Vec<_> = self.nights.iter().map(|night| PriceLine::night(night, night.listed)).collect();
        if self.extra_guests > 0 {
            let quantity = i64::from(self.extra_guests) * self.night_count();
            let total = self.extra_guests_per_night() * self.night_count();
            let amount = TaxAmount { quantity, unit: self.extra_guest_fee, total };
            lines.push(PriceLine::new(ExtraGuest, "Extra guests", amount));
        }
        if self.cleaning > 0 {
            lines.push(PriceLine::single(Cleaning, "Cleaning fee", self.cleaning));
        }
        if self.pets > 0 {
            let amount = TaxAmount { quantity: self.guests.pets.into(), unit: self.pet_fee, total: self.pets };
            lines.push(PriceLine::new(Pet, "Pet fee", amount));
        }
        if self.discounts() > 0 {
            lines.push(PriceLine::single(Discount, self.discount_label(), -self.discounts()));
        }
        if self.guest_fee > 0 {
            lines.push(PriceLine::single(GuestServiceFee, "Service fee", self.guest_fee));
        }
        lines.extend(self.taxes.iter().map(|tax| PriceLine::new(Tax, tax.rule.name.as_str(), self.tax_amount(tax))));
        if self.host_fee > 0 {
            lines.push(PriceLine::single(HostServiceFee, "Host service fee", -self.host_fee));
        }
        lines
    }

    /// Number of nights.
    pub(crate) fn night_count(&self) -> i64 {
        i64::try_from(self.nights.len()).unwrap_or(i64::MAX)
    }

    /// For each night, the sum of the nights up to and including it, with extra guests.
    pub(crate) fn cumulative_nights(&self) -> Vec<i64> {
        let extra = self.extra_guests_per_night();
        let add = |sum: &mut i64, night: &NightPrice| {
            *sum += night.price + extra;
            Some(*sum)
        };
        self.nights.iter().scan(0, add).collect()
    }

    /// Calculates the subtotal and checks that it is in range.
    pub(super) fn checked_subtotal(&self) -> Result<i64, PriceError> {
        let nights: i128 = self.nights.iter().map(|night| i128::from(night.price)).sum();
        let listed: i128 = self.nights.iter().map(|night| i128::from(night.listed)).sum();
        in_range(listed)?;
        let extra = i128::from(self.extra_guest_fee) * i128::from(self.extra_guests) * i128::from(self.night_count());
        in_range(nights + extra + i128::from(self.cleaning) + i128::from(self.pets))
    }

    /// Calculates total and payout from the subtotal, the fees and the taxes.
    pub(super) fn set_total_and_payout(&mut self) -> Result<(), PriceError> {
        let taxes: i128 = self.taxes.iter().map(|tax| i128::from(tax.amount)).sum();
        self.total = in_range(i128::from(self.subtotal) + i128::from(self.guest_fee) + taxes)?;
        self.payout = in_range(i128::from(self.subtotal) - i128::from(self.host_fee))?;
        Ok(())
    }

    /// Quantity and unit of a tax, for the bill.
    fn tax_amount(&self, tax: &TaxLine) -> TaxAmount {
        let whole = TaxAmount { quantity: 1, unit: tax.amount, total: tax.amount };
        if tax.rule.unit == TaxUnit::Percent {
            return whole;
        }
        let (nights, guests) = (self.night_count(), self.guests.paying().into());
        let taxable = TaxableStay { nights, guests, cumulative_nights: &[], stay_fees: 0, guest_fee: 0 };
        tax.rule.amount_due(&taxable).ok().filter(|amount| amount.total == tax.amount).unwrap_or(whole)
    }

    fn discount_label(&self) -> String {
        let given = self.discount.map(|discount| (discount.kind.label(), discount.ppm));
        let option = self.non_refundable.map(|ppm| ("Non-refundable", ppm));
        let parts: Vec<String> =
            given.into_iter().chain(option).map(|(name, ppm)| format!("{name} −{}", percent(ppm))).collect();
        parts.join(", ")
    }
}

impl DiscountKind {
    fn label(self) -> &'static str {
        match self {
            DiscountKind::NewListing => "New listing",
            DiscountKind::LengthOfStay => "Length of stay",
            DiscountKind::EarlyBird => "Early bird",
            DiscountKind::LastMinute => "Last minute",
        }
    }
}

/// Formats ppm as a percentage without trailing zeros, such as `8.875 %`.
fn percent(ppm: i64) -> String {
    let digits = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{} %", digits.trim_end_matches('0').trim_end_matches('.'))
}
