//! How the guest's refund falls over time, to be shown before and after booking.

use chrono::{DateTime, Utc};

use super::retained::RetainedAmounts;
use super::terms::Terms;
use crate::kernel::local_time::instant;

/// A period in which the refund is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// End of the period. A cancellation at this instant still belongs to it.
    pub until: DateTime<Utc>,
    /// What the guest gets back, in minor units.
    pub refund: i64,
    /// What is kept of nights, cleaning and pets, in minor units, before the host's service fee.
    pub host_keeps: i64,
    /// Label for people.
    pub label: String,
}

/// Lists the periods of the guest's refund that end after `now`, in order. The last one ends at check-out.
pub fn schedule(terms: &Terms, now: DateTime<Utc>) -> Vec<Tier> {
    let check_out = instant(terms.stay.check_out(), terms.check_out_time, terms.zone);
    let deadlines = [terms.full_until(), terms.half_until(), Some(check_out)].into_iter().flatten();
    let nights = terms.price.nights.iter().map(|night| terms.night_begins(night.date));
    let mut changes: Vec<_> = deadlines.chain(nights).filter(|&at| now < at && at <= check_out).collect();
    changes.sort_unstable();
    changes.dedup();
    let mut tiers: Vec<Tier> = Vec::new();
    for until in changes {
        let nights = terms.retained_nights(until);
        let retained = RetainedAmounts::for_guest(terms, nights, terms.nights_stayed(until));
        let refund = retained.refund(terms.price);
        match tiers.last_mut() {
            Some(tier) if tier.refund == refund => tier.until = until,
            _ => {
                let label = nights.label(terms.price.nights.len());
                tiers.push(Tier { until, refund, host_keeps: retained.subtotal(), label });
            }
        }
    }
    tiers
}
