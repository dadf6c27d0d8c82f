//! The steps in which a guest's refund falls, for showing before and after booking.

use chrono::{DateTime, Utc};

use super::Terms;
use super::retained::Kept;
use crate::kernel::local_time::instant;

/// One step of the refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The step's end; cancelling at this very instant is still in time.
    pub until: DateTime<Utc>,
    /// What the guest gets back, in minor units.
    pub refund: i64,
    /// What stays of nights, cleaning and pets, in minor units, before the host's service fee.
    pub host_keeps: i64,
    /// The step in words.
    pub label: String,
}

/// Lists every step of the guest's refund that ends after `now`, in order, the last at check-out.
pub fn schedule(terms: &Terms, now: DateTime<Utc>) -> Vec<Tier> {
    let check_out = instant(terms.stay.check_out(), terms.check_out_time, terms.zone);
    let deadlines = [terms.full_until(), terms.half_until(), Some(check_out)].into_iter().flatten();
    let nights = terms.price.nights.iter().map(|night| terms.begins(night.date));
    let mut changes: Vec<_> = deadlines.chain(nights).filter(|&at| now < at && at <= check_out).collect();
    changes.sort_unstable();
    changes.dedup();
    let mut tiers: Vec<Tier> = Vec::new();
    for until in changes {
        let keeps = terms.guest_keeps(until);
        let kept = Kept::for_guest(terms, keeps, terms.nights_stayed(until));
        let refund = kept.refund(terms.price);
        match tiers.last_mut() {
            Some(tier) if tier.refund == refund => tier.until = until,
            _ => {
                let label = keeps.label(terms.price.nights.len());
                tiers.push(Tier { until, refund, host_keeps: kept.subtotal(), label });
            }
        }
    }
    tiers
}
