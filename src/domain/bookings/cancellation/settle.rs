//! Settling a cancellation: refund, payout, platform fees, taxes and the penalty of a host who cancels.

use chrono::{DateTime, Utc};

use super::policy::RetainedNights;
use super::retained::RetainedAmounts;
use super::rule::CancellationRule;
use super::terms::Terms;
use crate::domain::listings::pricing::PriceLine;
use crate::kernel::money::apply_rate;

/// Who cancels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceller {
    /// The guest, by the policy.
    Guest,
    /// The host reports that the guest did not arrive. The policy applies as if the guest cancelled.
    NoShow,
    /// The host, who keeps only the nights that were stayed and pays a penalty.
    Host,
    /// The platform, which chooses the refund.
    Platform {
        /// The refund in minor units, clamped to the total. None for a full refund.
        refund: Option<i64>,
    },
}

/// How the money of a cancelled booking is shared, in minor units:
/// `refund + payout + platform_keeps + tax_kept` is the total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What the guest gets back.
    pub refund: i64,
    /// What is kept of nights, cleaning and pets, before the host's service fee.
    pub host_keeps: i64,
    /// What the host earns of it.
    pub payout: i64,
    /// The service fees that are kept: the guest's and the host's.
    pub platform_keeps: i64,
    /// The taxes on what is kept.
    pub tax_kept: i64,
    /// The penalty of a host who cancels. It is not a part of the total. None for other cancellers.
    pub host_penalty: Option<i64>,
    /// The rule that applied.
    pub rule: CancellationRule,
    /// The rule and its effect, for people.
    pub explanation: String,
    /// Number of nights that had begun.
    pub nights_stayed: i64,
    /// What the guest still pays, line by line. The host's service fee is a negative line that does not count in the
    /// sum.
    pub lines: Vec<PriceLine>,
}

/// Settles a booking that is cancelled at `at`.
pub fn settle(terms: &Terms, by: Canceller, at: DateTime<Utc>) -> Settlement {
    let price = terms.price;
    let stayed = terms.nights_stayed(at);
    let (retained, rule, effect) = match by {
        Canceller::Guest | Canceller::NoShow => {
            let nights = terms.retained_nights(at);
            let rule = if by == Canceller::Guest { terms.rule(at) } else { CancellationRule::NoShow };
            (RetainedAmounts::for_guest(terms, nights, stayed), rule, nights.label(price.nights.len()))
        }
        Canceller::Host => {
            let nights = if stayed == 0 {
                RetainedNights::Nothing
            } else {
                RetainedNights::Nights { whole: stayed, half_of_rest: false }
            };
            let effect = nights.label(price.nights.len());
            (RetainedAmounts::for_host(terms, nights, stayed), CancellationRule::ByHost, effect)
        }
        Canceller::Platform { refund } => {
            let refund = refund.unwrap_or(price.total).clamp(0, price.total);
            let effect = if refund == price.total { "Full refund" } else { "A part of the total is refunded" };
            (RetainedAmounts::for_refund(price, refund), CancellationRule::ByPlatform, effect.to_owned())
        }
    };
    let host_keeps = retained.subtotal();
    let host_fee = retained.host_fee(price);
    Settlement {
        refund: retained.refund(price),
        host_keeps,
        payout: host_keeps - host_fee,
        platform_keeps: retained.guest_fee + host_fee,
        tax_kept: retained.tax(),
        host_penalty: (by == Canceller::Host).then(|| penalty(terms, price.subtotal - host_keeps, at)),
        rule,
        explanation: format!("{}. {effect}.", rule.label(stayed)),
        nights_stayed: i64::try_from(stayed).unwrap_or(i64::MAX),
        lines: retained.lines(price),
    }
}

/// The penalty of a host who cancels: a share of what the guest gets back of nights, cleaning and pets. The share rises
/// 30 days and 2 days before check-in.
fn penalty(terms: &Terms, lost: i64, at: DateTime<Utc>) -> i64 {
    let ppm = if at < terms.days_before_check_in(30) {
        100_000
    } else if at < terms.days_before_check_in(2) {
        250_000
    } else {
        500_000
    };
    apply_rate(lost, ppm).max(terms.minimum_penalty_minor)
}
