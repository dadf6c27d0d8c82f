//! The terms of a booking that decide what a cancellation costs, and the instants that follow from them.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::pricing::Price;
use crate::kernel::local_time::instant;
use crate::kernel::stay::Stay;

/// The terms of a booking, frozen when the stay was booked.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The price. All amounts of the cancellation are in its currency.
    pub price: &'a Price,
    /// The nights.
    pub stay: Stay,
    /// The policy that applies: for long stays, the long-term policy of the listing.
    pub policy: CancellationPolicy,
    /// The local time at which each night begins.
    pub check_in_time: NaiveTime,
    /// The local time at which the stay ends.
    pub check_out_time: NaiveTime,
    /// The listing's time zone.
    pub zone: Tz,
    /// When the guest booked.
    pub booked_at: DateTime<Utc>,
    /// When the booking was confirmed. Until then the grace period counts from `booked_at`.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// How cleaning and pet fees are refunded.
    pub fees_rule: CleaningRule,
    /// The smallest penalty of a host who cancels, in minor units.
    pub minimum_penalty_minor: i64,
}

/// How cleaning and pet fees are refunded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CleaningRule {
    /// The host keeps the same share of the fees as of the nights.
    #[default]
    ProRata,
    /// The fees are refunded in full before check-in, and not at all after it.
    RefundIfNotCheckedIn,
}

impl Terms<'_> {
    /// Number of nights that had begun before `at`.
    pub(super) fn nights_stayed(&self, at: DateTime<Utc>) -> usize {
        self.price.nights.partition_point(|night| self.night_begins(night.date) < at)
    }

    /// When the night of `date` begins.
    pub(super) fn night_begins(&self, date: NaiveDate) -> DateTime<Utc> {
        instant(date, self.check_in_time, self.zone)
    }

    /// Check-in time, this many calendar days before the day of check-in.
    pub(super) fn days_before_check_in(&self, days: u64) -> DateTime<Utc> {
        let check_in = self.stay.check_in();
        self.night_begins(check_in.checked_sub_days(Days::new(days)).unwrap_or(check_in))
    }
}
