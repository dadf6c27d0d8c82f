//! The tax rules: what one rule takes of a stay, or of the part of a stay that is kept.

use super::{PriceError, TaxBase, TaxRule, TaxUnit, in_range};
use crate::kernel::money::{ONE_PPM, pct};

/// What a tax is worked out from. Amounts are minor units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taxed<'a> {
    /// Nights that are taxed by count; for a cancelled stay, the nights that were stayed.
    pub nights: i64,
    /// Heads that are taxed.
    pub guests: i64,
    /// What is paid for the nights up to and including each one, extra guests included.
    pub paid_up_to: &'a [i64],
    /// What is paid for cleaning and pets.
    pub stay_fees: i64,
    /// The guest's service fee.
    pub guest_fee: i64,
}

/// A tax amount in minor units, and how it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaxAmount {
    /// How many times `unit` is due.
    pub quantity: i64,
    /// Minor units.
    pub unit: i64,
    /// Minor units.
    pub total: i64,
}

impl TaxRule {
    /// Whether a stay of so many nights owes the tax at all.
    pub(crate) fn applies(&self, nights: i64) -> bool {
        self.exempt_from_nights.is_none_or(|free_from| nights < i64::from(free_from))
    }

    /// What is due, however the stay was shortened; the caller has asked [`TaxRule::applies`].
    pub(crate) fn due(&self, taxed: &Taxed) -> Result<TaxAmount, PriceError> {
        let nights = self.limited(taxed.nights);
        let times = match self.unit {
            TaxUnit::Percent => {
                let total = self.percentage(taxed)?;
                return Ok(TaxAmount { quantity: 1, unit: total, total });
            }
            // A tax on the stay or on the person falls due with the first night that is stayed.
            TaxUnit::PerStay => i128::from(taxed.nights > 0),
            TaxUnit::PerGuest => i128::from(taxed.guests) * i128::from(taxed.nights > 0),
            TaxUnit::PerNight => i128::from(nights),
            TaxUnit::PerGuestNight => i128::from(taxed.guests) * i128::from(nights),
        };
        let unit = in_range(i128::from(self.amount.unwrap_or(0)))?;
        // `times` is at most 2^31 heads by the nights of one stay, so the product cannot leave an i128.
        Ok(TaxAmount { quantity: in_range(times)?, unit, total: in_range(times * i128::from(unit))? })
    }

    fn percentage(&self, taxed: &Taxed) -> Result<i64, PriceError> {
        let rate = self.rate.unwrap_or(0);
        if !(0..=ONE_PPM).contains(&rate) {
            return Err(PriceError::Rate);
        }
        let limit = self.max_nights.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
        let nights = taxed.paid_up_to.iter().take(limit).next_back();
        let base = i128::from(nights.copied().unwrap_or(0))
            + match self.base.unwrap_or(TaxBase::Subtotal) {
                TaxBase::Nights => 0,
                TaxBase::Subtotal => i128::from(taxed.stay_fees),
                TaxBase::SubtotalAndGuestFee => i128::from(taxed.stay_fees) + i128::from(taxed.guest_fee),
            };
        Ok(pct(in_range(base)?, rate))
    }

    fn limited(&self, nights: i64) -> i64 {
        self.max_nights.map_or(nights, |limit| nights.min(i64::from(limit.max(0))))
    }
}
