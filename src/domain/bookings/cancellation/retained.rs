//! The part of a price that is kept: nights, fees and the taxes worked out anew on them.

use super::policy::Keeps;
use super::{CleaningRule, Terms};
use crate::domain::listings::pricing::{Price, PriceLine, PriceLineKind, Taxed};
use crate::kernel::money::{allocate, pct};

/// What is kept of each component of a price, in minor units and never more than the component.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
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

impl Kept {
    /// When the guest cancels: the guest's service fee stays whole.
    pub(super) fn for_guest(terms: &Terms, keeps: Keeps, stayed: usize) -> Kept {
        Kept::of(terms, keeps, stayed, |_| terms.price.guest_fee)
    }

    /// When the host cancels: the guest's service fee stays for the nights stayed alone.
    pub(super) fn for_host(terms: &Terms, keeps: Keeps, stayed: usize) -> Kept {
        let price = terms.price;
        Kept::of(terms, keeps, stayed, |subtotal| pct(subtotal, price.fees.guest_ppm).min(price.guest_fee))
    }

    /// When the platform decides: the refund exactly, taken from every component alike.
    pub(super) fn by_refund(price: &Price, refund: i64) -> Kept {
        let paid = price.paid_up_to();
        let kept = price.total - refund;
        let mut weights = each(&paid);
        weights.extend([price.cleaning, price.pets, price.guest_fee]);
        weights.extend(price.taxes.iter().map(|tax| tax.amount));
        let mut shares = allocate(kept, &weights).into_iter();
        Kept {
            nights: shares.by_ref().take(paid.len()).collect(),
            cleaning: shares.next().unwrap_or(0),
            pets: shares.next().unwrap_or(0),
            guest_fee: shares.next().unwrap_or(0),
            taxes: shares.collect(),
        }
    }

    fn of(terms: &Terms, keeps: Keeps, stayed: usize, guest_fee: impl Fn(i64) -> i64) -> Kept {
        let Keeps::Nights { whole, half_of_rest } = keeps else { return Kept::default() };
        let price = terms.price;
        let paid = price.paid_up_to();
        let kept_up_to = kept_up_to(&paid, whole, half_of_rest);
        let (all, kept) = (last(&paid), last(&kept_up_to));
        let fee = |fee: i64| match terms.fees_rule {
            CleaningRule::ProRata => share(fee, kept, all),
            CleaningRule::RefundIfNotCheckedIn => fee * i64::from(stayed > 0),
        };
        let mut part = Kept {
            nights: spread(&each(&paid), whole, kept),
            cleaning: fee(price.cleaning),
            pets: fee(price.pets),
            ..Kept::default()
        };
        part.guest_fee = guest_fee(part.subtotal());
        let taxed = Taxed {
            nights: i64::try_from(stayed).unwrap_or(i64::MAX),
            guests: price.guests.paying().into(),
            paid_up_to: &kept_up_to,
            stay_fees: part.cleaning + part.pets,
            guest_fee: part.guest_fee,
        };
        let due =
            price.taxes.iter().map(|tax| tax.rule.due(&taxed).map_or(tax.amount, |due| due.total.min(tax.amount)));
        part.taxes = due.collect();
        part
    }

    /// Nights, cleaning and pets.
    pub(super) fn subtotal(&self) -> i64 {
        self.nights.iter().sum::<i64>() + self.cleaning + self.pets
    }

    /// The host's service fee on what is kept.
    pub(super) fn host_fee(&self, price: &Price) -> i64 {
        pct(self.subtotal(), price.fees.host_ppm)
    }

    /// All taxes.
    pub(super) fn tax(&self) -> i64 {
        self.taxes.iter().sum()
    }

    /// What the guest gets back.
    pub(super) fn refund(&self, price: &Price) -> i64 {
        price.total - self.subtotal() - self.guest_fee - self.tax()
    }

    /// What is kept, line by line.
    pub(super) fn lines(&self, price: &Price) -> Vec<PriceLine> {
        use PriceLineKind::*;
        let nights = price.nights.iter().zip(&self.nights).map(|(night, &kept)| PriceLine::night(night, kept));
        let fees = [
            PriceLine::single(Cleaning, "Cleaning fee", self.cleaning),
            PriceLine::single(Pet, "Pet fee", self.pets),
            PriceLine::single(GuestServiceFee, "Service fee", self.guest_fee),
        ];
        let taxes = price.taxes.iter().zip(&self.taxes);
        let taxes = taxes.map(|(tax, &kept)| PriceLine::single(Tax, tax.rule.name.as_str(), kept));
        let host_fee = PriceLine::single(HostServiceFee, "Host service fee", -self.host_fee(price));
        nights.chain(fees).chain(taxes).chain([host_fee]).filter(|line| line.total != 0).collect()
    }
}

/// What is kept of the nights up to and including each one. Halves are rounded down on each sum, and not night by
/// night, so that no sum shrinks when one more night is kept whole.
fn kept_up_to(paid: &[i64], whole: usize, half_of_rest: bool) -> Vec<i64> {
    let first = last(paid.get(..whole).unwrap_or(paid));
    let rest = |sum: i64| if half_of_rest { (sum - first) / 2 } else { 0 };
    paid.iter().map(|&sum| if sum <= first { sum } else { first + rest(sum) }).collect()
}

/// Gives each night its part of what is kept: the first ones all of theirs, the others in proportion.
fn spread(nights: &[i64], whole: usize, kept: i64) -> Vec<i64> {
    let (first, rest) = nights.split_at(whole.min(nights.len()));
    let others = allocate(kept - first.iter().sum::<i64>(), rest);
    first.iter().copied().chain(others).collect()
}

/// The same share of a fee as `kept` is of `all`; an odd unit goes to the guest.
fn share(fee: i64, kept: i64, all: i64) -> i64 {
    if kept >= all {
        return fee;
    }
    i64::try_from(i128::from(fee) * i128::from(kept) / i128::from(all)).unwrap_or(fee)
}

/// The single amounts of running sums.
fn each(sums: &[i64]) -> Vec<i64> {
    sums.iter().zip([0].iter().chain(sums)).map(|(sum, before)| sum - before).collect()
}

fn last(sums: &[i64]) -> i64 {
    sums.last().copied().unwrap_or(0)
}
