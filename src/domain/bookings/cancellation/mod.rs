//! What a cancellation costs: who gets back, keeps and owes what, at any moment and whoever cancels.
//!
//! **Invariant:** refund, payout, platform and kept tax sum to the total. What a guest gets back never grows with time.

mod policy;
mod retained;
mod schedule;

#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::listings::listing::policy::CancellationPolicy;
use crate::domain::listings::pricing::{Price, PriceLine};
use crate::kernel::money::pct;
use crate::kernel::stay::Stay;

use policy::Keeps;
use retained::Kept;
pub use schedule::{Tier, schedule};

/// What was agreed on, frozen when the stay was booked.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The price, in whose currency every amount here is.
    pub price: &'a Price,
    /// The nights.
    pub stay: Stay,
    /// The policy that applies: the long-term one for stays of 28 nights and more.
    pub policy: CancellationPolicy,
    /// The local time at which each night begins.
    pub check_in_time: NaiveTime,
    /// The local time at which the stay ends.
    pub check_out_time: NaiveTime,
    /// The listing's time zone.
    pub zone: Tz,
    /// When the guest booked.
    pub booked_at: DateTime<Utc>,
    /// When the booking was confirmed; until then the grace period counts from `booked_at`.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// What becomes of cleaning and pet fees.
    pub fees_rule: CleaningRule,
    /// The least a host pays for cancelling, in minor units.
    pub minimum_penalty_minor: i64,
}

/// What becomes of cleaning and pet fees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CleaningRule {
    /// The host keeps the same share of them as of the nights.
    #[default]
    ProRata,
    /// The guest gets them back before check-in, and nothing of them after it.
    RefundIfNotCheckedIn,
}

/// Who cancels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceller {
    /// The guest, by the policy.
    Guest,
    /// The host, who keeps nothing but the nights stayed and pays a penalty.
    Host,
    /// The platform, which decides what the guest gets back.
    Platform {
        /// In minor units, at most the total; nothing means everything.
        refund: Option<i64>,
    },
}

/// How the money of a cancelled booking is divided, in minor units:
/// `refund + payout + platform_keeps + tax_kept` is the total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// What the guest gets back.
    pub refund: i64,
    /// What stays of nights, cleaning and pets, before the host's service fee.
    pub host_keeps: i64,
    /// What the host earns of it.
    pub payout: i64,
    /// The service fees that stay, the guest's and the host's.
    pub platform_keeps: i64,
    /// The taxes on what stays.
    pub tax_kept: i64,
    /// What a cancelling host owes the platform, apart from the total.
    pub host_penalty: Option<i64>,
    /// Why, in a sentence.
    pub reason: String,
    /// How many nights had begun.
    pub nights_stayed: i64,
    /// What the guest still pays, line by line; the host's service fee, negative, is not part of the sum.
    pub lines: Vec<PriceLine>,
}

/// Divides the money of a booking that is cancelled at `at`.
pub fn settle(terms: &Terms, by: Canceller, at: DateTime<Utc>) -> Settlement {
    let price = terms.price;
    let stayed = terms.nights_stayed(at);
    let (kept, reason) = match by {
        Canceller::Guest => {
            let keeps = terms.guest_keeps(at);
            (Kept::for_guest(terms, keeps, stayed), terms.reason(keeps, at))
        }
        Canceller::Host => {
            let keeps = if stayed == 0 { Keeps::Nothing } else { Keeps::Nights { whole: stayed, half_of_rest: false } };
            let reason = format!("The host cancelled. {}.", keeps.label(price.nights.len()));
            (Kept::for_host(terms, keeps, stayed), reason)
        }
        Canceller::Platform { refund } => {
            let refund = refund.unwrap_or(price.total).clamp(0, price.total);
            let kept = Kept::by_refund(price, refund);
            let back = if refund == price.total { "everything" } else { "a part of the total" };
            (kept, format!("The platform cancelled and refunds {back}."))
        }
    };
    let host_keeps = kept.subtotal();
    let host_fee = kept.host_fee(price);
    Settlement {
        refund: kept.refund(price),
        host_keeps,
        payout: host_keeps - host_fee,
        platform_keeps: kept.guest_fee + host_fee,
        tax_kept: kept.tax(),
        host_penalty: (by == Canceller::Host).then(|| penalty(terms, price.subtotal - host_keeps, at)),
        reason,
        nights_stayed: i64::try_from(stayed).unwrap_or(i64::MAX),
        lines: kept.lines(price),
    }
}

/// What a host pays for cancelling: a share of what the guest gets back of nights, cleaning and pets, which rises
/// 30 days and 2 days before check-in.
fn penalty(terms: &Terms, lost: i64, at: DateTime<Utc>) -> i64 {
    let ppm = if at < terms.days_before(30) {
        100_000
    } else if at < terms.days_before(2) {
        250_000
    } else {
        500_000
    };
    pct(lost, ppm).max(terms.minimum_penalty_minor)
}
