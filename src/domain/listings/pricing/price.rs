//! A worked-out price: complete in itself, so that it can be shown, signed, stored and refunded without its listing.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::taxes::{TaxAmount, Taxed};
use super::wire::Wire;
use super::{FeeModel, PriceError, PriceSource, TaxRule, TaxUnit, in_range};
use crate::kernel::guests::Guests;
use crate::kernel::money::Currency;

/// The price of one stay. Amounts are minor units of `currency`; none is negative, and
/// `total = payout + guest_fee + host_fee + taxes`.
///
/// Its JSON is short (nights of one price are one entry) and holds no sum: sums are worked out, and checked, on reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub struct Price {
    /// The currency of every amount.
    pub currency: Currency,
    /// Who pays the platform.
    pub fees: FeeModel,
    /// Who comes.
    pub guests: Guests,
    /// Every night, in order; never empty.
    pub nights: Vec<NightPrice>,
    /// The discount that every night has.
    pub discount: Option<AppliedDiscount>,
    /// What the non-refundable option took off on top, in ppm.
    pub non_refundable: Option<i64>,
    /// How many heads pay extra.
    pub extra_guests: i32,
    /// What each of them pays for each night.
    pub extra_guest_fee: i64,
    /// Cleaning, once.
    pub cleaning: i64,
    /// The fee for one pet.
    pub pet_fee: i64,
    /// The fee for all pets.
    pub pets: i64,
    /// The taxes that are due, whoever remits them.
    pub taxes: Vec<TaxLine>,
    /// Nights, extra guests, cleaning and pets.
    pub subtotal: i64,
    /// The platform's fee on top of the subtotal.
    pub guest_fee: i64,
    /// The platform's fee out of the subtotal.
    pub host_fee: i64,
    /// What the guest pays.
    pub total: i64,
    /// What the host earns: the subtotal less the host's fee. Taxes come apart from it, even those a host remits.
    pub payout: i64,
}

/// The price of one night, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NightPrice {
    /// The night.
    pub date: NaiveDate,
    /// Before discounts.
    pub listed: i64,
    /// After discounts.
    pub price: i64,
    /// Where the listed price comes from.
    pub source: PriceSource,
}

/// A discount that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedDiscount {
    /// What for.
    pub kind: DiscountKind,
    /// In ppm of each night.
    pub ppm: i64,
}

/// What a discount is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DiscountKind {
    /// Being among the first guests.
    NewListing,
    /// Staying long.
    LengthOfStay,
    /// Booking early.
    EarlyBird,
    /// Booking late.
    LastMinute,
}

/// One tax of a stay.
#[derive(Clone, Debug, PartialEq)]
pub struct TaxLine {
    /// The rule as it was.
    pub rule: TaxRule,
    /// What it takes, in minor units.
    pub amount: i64,
}

/// One line of a bill. Amounts are minor units and `total = quantity × unit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceLine {
    /// What it is for.
    pub kind: PriceLineKind,
    /// The same in words.
    pub label: String,
    /// The night, on a line of one night.
    pub date: Option<NaiveDate>,
    /// How many.
    pub quantity: i32,
    /// The price of one.
    pub unit: i64,
    /// The price of all.
    pub total: i64,
    /// Where a night's price comes from.
    pub source: Option<PriceSource>,
}

/// What a line of a bill is for. All but [`PriceLineKind::HostServiceFee`] sum to what the guest pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriceLineKind {
    /// One night at its listed price.
    Night,
    /// Guests beyond the included ones.
    ExtraGuest,
    /// Cleaning.
    Cleaning,
    /// Pets.
    Pet,
    /// What is taken off the nights; negative.
    Discount,
    /// The platform's fee for the guest.
    GuestServiceFee,
    /// A tax.
    Tax,
    /// The platform's fee for the host; negative, and for hosts only.
    HostServiceFee,
}

impl PriceLine {
    /// A line of `quantity × unit`; one line of the whole where the quantity does not fit.
    pub(crate) fn new(kind: PriceLineKind, label: impl Into<String>, amount: TaxAmount) -> Self {
        let (quantity, unit) =
            i32::try_from(amount.quantity).map_or((1, amount.total), |quantity| (quantity, amount.unit));
        PriceLine { kind, label: label.into(), date: None, quantity, unit, total: amount.total, source: None }
    }

    /// A line of one thing.
    pub(crate) fn single(kind: PriceLineKind, label: impl Into<String>, total: i64) -> Self {
        PriceLine { kind, label: label.into(), date: None, quantity: 1, unit: total, total, source: None }
    }

    /// A line of one night.
    pub(crate) fn night(night: &NightPrice, total: i64) -> Self {
        let line = PriceLine::single(PriceLineKind::Night, format!("Night of {}", night.date), total);
        PriceLine { date: Some(night.date), source: Some(night.source), ..line }
    }
}

impl Price {
    /// The taxes, in minor units.
    pub fn taxes(&self) -> i64 {
        self.taxes.iter().map(|tax| tax.amount).sum()
    }

    /// What was taken off the listed prices, in minor units, never negative.
    pub fn discounts(&self) -> i64 {
        self.nights.iter().map(|night| night.listed - night.price).sum()
    }

    /// The price of a night after discounts, without extra guests, on average and rounded half up, in minor units.
    pub fn nightly_average(&self) -> i64 {
        let count = self.night_count().max(1);
        let sum: i64 = self.nights.iter().map(|night| night.price).sum();
        sum / count + i64::from(sum % count * 2 >= count)
    }

    /// What the extra guests pay for each night, in minor units.
    pub fn extra_guests_per_night(&self) -> i64 {
        self.extra_guest_fee.saturating_mul(self.extra_guests.into())
    }

    /// The bill in its usual order. All lines but the host's service fee sum to the total.
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
        lines.extend(self.taxes.iter().map(|tax| PriceLine::new(Tax, tax.rule.name.as_str(), self.counted(tax))));
        if self.host_fee > 0 {
            lines.push(PriceLine::single(HostServiceFee, "Host service fee", -self.host_fee));
        }
        lines
    }

    /// How many nights there are.
    pub(crate) fn night_count(&self) -> i64 {
        i64::try_from(self.nights.len()).unwrap_or(i64::MAX)
    }

    /// What is paid for the nights up to and including each one, extra guests included.
    pub(crate) fn paid_up_to(&self) -> Vec<i64> {
        let extra = self.extra_guests_per_night();
        let add = |sum: &mut i64, night: &NightPrice| {
            *sum += night.price + extra;
            Some(*sum)
        };
        self.nights.iter().scan(0, add).collect()
    }

    /// Works out the subtotal, which has to fit the range of the API.
    pub(super) fn sum_subtotal(&self) -> Result<i64, PriceError> {
        let nights: i128 = self.nights.iter().map(|night| i128::from(night.price)).sum();
        let listed: i128 = self.nights.iter().map(|night| i128::from(night.listed)).sum();
        in_range(listed)?;
        let extra = i128::from(self.extra_guest_fee) * i128::from(self.extra_guests) * i128::from(self.night_count());
        in_range(nights + extra + i128::from(self.cleaning) + i128::from(self.pets))
    }

    /// Works out total and payout from the subtotal, the fees and the taxes.
    pub(super) fn sum_up(&mut self) -> Result<(), PriceError> {
        let taxes: i128 = self.taxes.iter().map(|tax| i128::from(tax.amount)).sum();
        self.total = in_range(i128::from(self.subtotal) + i128::from(self.guest_fee) + taxes)?;
        self.payout = in_range(i128::from(self.subtotal) - i128::from(self.host_fee))?;
        Ok(())
    }

    /// How often a tax is due and how much each time, for the bill.
    fn counted(&self, tax: &TaxLine) -> TaxAmount {
        let whole = TaxAmount { quantity: 1, unit: tax.amount, total: tax.amount };
        if tax.rule.unit == TaxUnit::Percent {
            return whole;
        }
        let (nights, guests) = (self.night_count(), self.guests.paying().into());
        let taxed = Taxed { nights, guests, paid_up_to: &[], stay_fees: 0, guest_fee: 0 };
        tax.rule.due(&taxed).ok().filter(|amount| amount.total == tax.amount).unwrap_or(whole)
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

/// Writes ppm as a percentage without needless zeros: `8.875 %`.
fn percent(ppm: i64) -> String {
    let digits = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{} %", digits.trim_end_matches('0').trim_end_matches('.'))
}
