//! The retained part of a price: nights, fees, and the taxes on them.

use super::policy::RetainedNights;
use super::terms::{CleaningRule, Terms};
use crate::domain::listings::pricing::{Price, PriceLine, PriceLineKind, TaxableStay};
use crate::kernel::money::{allocate, apply_rate};

/// What is retained of each component of a price, in minor units, never more than the component.
#[derive(Clone, Debug, Default)]
pub(super) struct RetainedAmounts {
    /// Each night, extra guests included.
    pub nights: Vec<i64>,
    /// Cleaning.
    pub cleaning: i64,
    /// Pets.
    pub pets: i64,
    /// The guest's service fee.
    pub guest_fee: i64,
    /// Each tax of the price.
    pub taxes: Vec<i64>,
}

impl RetainedAmounts {
    /// For a cancellation by the guest: the guest's service fee is retained in full.
    pub(super) fn for_guest(terms: &Terms, nights: RetainedNights, stayed: usize) -> RetainedAmounts {
        RetainedAmounts::new(terms, nights, stayed, |_| terms.price.guest_fee)
    }

    /// For a cancellation by the host: the guest's service fee is retained only for the nights that were stayed.
    pub(super) fn for_host(terms: &Terms, nights: RetainedNights, stayed: usize) -> RetainedAmounts {
        let price = terms.price;
        RetainedAmounts::new(terms, nights, stayed, |subtotal| {
            apply_rate(subtotal, price.fees.guest_ppm).min(price.guest_fee)
        })
    }

    /// For a cancellation by the platform: exactly this refund, taken from all components in proportion.
    pub(super) fn for_refund(price: &Price, refund: i64) -> RetainedAmounts {
        let paid = price.cumulative_nights();
        let retained = price.total - refund;
        let mut weights = differences(&paid);
        weights.extend([price.cleaning, price.pets, price.guest_fee]);
        weights.extend(price.taxes.iter().map(|tax| tax.amount));
        let mut shares = allocate(retained, &weights).into_iter();
        RetainedAmounts {
            nights: shares.by_ref().take(paid.len()).collect(),
            cleaning: shares.next().unwrap_or(0),
            pets: shares.next().unwrap_or(0),
            guest_fee: shares.next().unwrap_or(0),
            taxes: shares.collect(),
        }
    }

    fn new(terms: &Terms, nights: RetainedNights, stayed: usize, guest_fee: impl Fn(i64) -> i64) -> RetainedAmounts {
        let RetainedNights::Nights { whole, half_of_rest } = nights else { return RetainedAmounts::default() };
        let price = terms.price;
        let paid = price.cumulative_nights();
        let retained_up_to = retained_up_to(&paid, whole, half_of_rest);
        let (all, retained) = (last(&paid), last(&retained_up_to));
        let fee = |fee: i64| match terms.fees_rule {
            CleaningRule::ProRata => share(fee, retained, all),
            CleaningRule::RefundIfNotCheckedIn => fee * i64::from(stayed > 0),
        };
        let mut part = RetainedAmounts {
            nights: spread(&differences(&paid), whole, retained),
            cleaning: fee(price.cleaning),
            pets: fee(price.pets),
            ..RetainedAmounts::default()
        };
        part.guest_fee = guest_fee(part.subtotal());
        let taxed = TaxableStay {
            nights: i64::try_from(stayed).unwrap_or(i64::MAX),
            guests: price.guests.paying().into(),
            cumulative_nights: &retained_up_to,
            stay_fees: part.cleaning + part.pets,
            guest_fee: part.guest_fee,
        };
        let due = price
            .taxes
            .iter()
            .map(|tax| tax.rule.amount_due(&taxed).map_or(tax.amount, |due| due.total.min(tax.amount)));
        part.taxes = due.collect();
        part
    }

    /// Nights, cleaning and pets.
    pub(super) fn subtotal(&self) -> i64 {
        self.nights.iter().sum::<i64>() + self.cleaning + self.pets
    }

    /// The host's service fee on what is retained.
    pub(super) fn host_fee(&self, price: &Price) -> i64 {
        apply_rate(self.subtotal(), price.fees.host_ppm)
    }

    /// The sum of the taxes.
    pub(super) fn tax(&self) -> i64 {
        self.taxes.iter().sum()
    }

    /// What the guest gets back.
    pub(super) fn refund(&self, price: &Price) -> i64 {
        price.total - self.subtotal() - self.guest_fee - self.tax()
    }

    /// What is retained, line by line.
    pub(super) fn lines(&self, price: &Price) -> Vec<PriceLine> {
        use PriceLineKind::*;
        let nights = price.nights.iter().zip(&self.nights).map(|(night, &amount)| PriceLine::night(night, amount));
        let fees = [
            PriceLine::single(Cleaning, "Cleaning fee", self.cleaning),
            PriceLine::single(Pet, "Pet fee", self.pets),
            PriceLine::single(GuestServiceFee, "Service fee", self.guest_fee),
        ];
        let taxes = price.taxes.iter().zip(&self.taxes);
        let taxes = taxes.map(|(tax, &amount)| PriceLine::single(Tax, tax.rule.name.as_str(), amount));
        let host_fee = PriceLine::single(HostServiceFee, "Host service fee", -self.host_fee(price));
        nights.chain(fees).chain(taxes).chain([host_fee]).filter(|line| line.total != 0).collect()
    }
}

/// What is retained of the nights up to and including each one. Halves are rounded down on each sum, not on each night,
/// so that no sum shrinks when one more night is retained in full.
fn retained_up_to(paid: &[i64], whole: usize, half_of_rest: bool) -> Vec<i64> {
    let first = last(paid.get(..whole).unwrap_or(paid));
    let rest = |sum: i64| if half_of_rest { (sum - first) / 2 } else { 0 };
    paid.iter().map(|&sum| if sum <= first { sum } else { first + rest(sum) }).collect()
}

/// What is retained of each night: the first ones in full, the others in proportion to their price.
fn spread(nights: &[i64], whole: usize, retained: i64) -> Vec<i64> {
    let (first, rest) = nights.split_at(whole.min(nights.len()));
    let others = allocate(retained - first.iter().sum::<i64>(), rest);
    first.iter().copied().chain(others).collect()
}

/// The same share of a fee as `retained` is of `all`, rounded down in the guest's favour.
fn share(fee: i64, retained: i64, all: i64) -> i64 {
    if retained >= all {
        return fee;
    }
    i64::try_from(i128::from(fee) * i128::from(retained) / i128::from(all)).unwrap_or(fee)
}

/// The amounts of which `sums` are the running sums.
fn differences(sums: &[i64]) -> Vec<i64> {
    sums.iter().zip([0].iter().chain(sums)).map(|(sum, before)| sum - before).collect()
}

fn last(sums: &[i64]) -> i64 {
    sums.last().copied().unwrap_or(0)
}
