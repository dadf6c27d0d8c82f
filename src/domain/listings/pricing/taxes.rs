//! The amount of one tax, for a stay or for the retained part of a cancelled stay.

use super::amounts::{PriceError, in_range};
use super::price_rules::{TaxBase, TaxRule, TaxUnit};
use crate::kernel::money::{ONE_PPM, apply_rate};

/// Everything of a stay that its taxes depend on. Amounts are minor units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaxableStay<'a> {
    /// Number of nights. For a cancelled stay, the nights that were stayed.
    pub nights: i64,
    /// Number of adults and children.
    pub guests: i64,
    /// For each night, the sum of the nights up to and including it, with extra guests.
    pub cumulative_nights: &'a [i64],
    /// Sum of the fees for cleaning and pets.
    pub stay_fees: i64,
    /// The guest's service fee.
    pub guest_fee: i64,
}

/// An amount in minor units, as quantity and unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaxAmount {
    /// Number of units.
    pub quantity: i64,
    /// Amount of one unit.
    pub unit: i64,
    /// Amount of all units.
    pub total: i64,
}

impl TaxRule {
    /// Whether the tax applies to a stay of this number of nights.
    pub(crate) fn applies_to(&self, nights: i64) -> bool {
        self.exempt_from_nights.is_none_or(|free_from| nights < i64::from(free_from))
    }

    /// The amount that is due. The caller has checked [`TaxRule::applies_to`] with the nights that were booked: a stay
    /// that is cut short does not become exempt or lose its exemption.
    pub(crate) fn amount_due(&self, taxable: &TaxableStay) -> Result<TaxAmount, PriceError> {
        let nights = self.taxed_nights(taxable.nights);
        let times = match self.unit {
            TaxUnit::Percent => {
                let total = self.percentage(taxable)?;
                return Ok(TaxAmount { quantity: 1, unit: total, total });
            }
            // A tax per stay or per guest is due with the first night that is stayed.
            TaxUnit::PerStay => i128::from(taxable.nights > 0),
            TaxUnit::PerGuest => i128::from(taxable.guests) * i128::from(taxable.nights > 0),
            TaxUnit::PerNight => i128::from(nights),
            TaxUnit::PerGuestNight => i128::from(taxable.guests) * i128::from(nights),
        };
        let unit = in_range(i128::from(self.amount.unwrap_or(0)))?;
        // `times` is at most 2^31 guests times the nights of one stay, so the product cannot overflow an i128.
        Ok(TaxAmount { quantity: in_range(times)?, unit, total: in_range(times * i128::from(unit))? })
    }

    fn percentage(&self, taxable: &TaxableStay) -> Result<i64, PriceError> {
        let rate = self.rate.unwrap_or(0);
        if !(0..=ONE_PPM).contains(&rate) {
            return Err(PriceError::Rate);
        }
        let limit = self.max_nights.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
        let nights = taxable.cumulative_nights.iter().take(limit).next_back();
        let base = i128::from(nights.copied().unwrap_or(0))
            + match self.base.unwrap_or(TaxBase::Subtotal) {
                TaxBase::Nights => 0,
                TaxBase::Subtotal => i128::from(taxable.stay_fees),
                TaxBase::SubtotalAndGuestFee => i128::from(taxable.stay_fees) + i128::from(taxable.guest_fee),
            };
        Ok(apply_rate(in_range(base)?, rate))
    }

    /// The nights that the tax counts.
    fn taxed_nights(&self, nights: i64) -> i64 {
        self.max_nights.map_or(nights, |limit| nights.min(i64::from(limit.max(0))))
    }
}
