//! The policies: how many nights a host keeps when a guest cancels, and the deadlines on the listing's wall clock.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::Terms;
use crate::domain::listings::listing::policy::CancellationPolicy;
use crate::kernel::local_time::instant;

/// Stays of at least so many nights have no grace period.
const LONG_STAY_NIGHTS: i64 = 28;

/// What a host keeps of the nights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// The guest gets everything back, fees and taxes too.
    Nothing,
    /// The first nights whole, and perhaps half of what the others cost together.
    Nights {
        /// How many nights are kept whole, from the first on.
        whole: usize,
        /// Whether half of the others is kept too.
        half_of_rest: bool,
    },
}

impl Keeps {
    /// The same in words, without a full stop.
    pub(super) fn label(self, nights: usize) -> String {
        match self {
            Keeps::Nothing => "Full refund".into(),
            Keeps::Nights { whole, .. } if whole >= nights => "The host keeps all nights".into(),
            Keeps::Nights { whole: 0, half_of_rest: true } => "The host keeps half of the nights".into(),
            Keeps::Nights { whole, half_of_rest: true } => {
                format!("The host keeps {whole} of {nights} nights and half of the others")
            }
            Keeps::Nights { whole, .. } => format!("The host keeps {whole} of {nights} nights"),
        }
    }
}

impl Terms<'_> {
    /// How many nights had begun before `at`.
    pub(super) fn nights_stayed(&self, at: DateTime<Utc>) -> usize {
        self.price.nights.partition_point(|night| self.begins(night.date) < at)
    }

    /// When the night of `date` begins.
    pub(super) fn begins(&self, date: NaiveDate) -> DateTime<Utc> {
        instant(date, self.check_in_time, self.zone)
    }

    /// Check-in time so many calendar days before check-in.
    pub(super) fn days_before(&self, days: u64) -> DateTime<Utc> {
        let check_in = self.stay.check_in();
        self.begins(check_in.checked_sub_days(Days::new(days)).unwrap_or(check_in))
    }

    /// What the host keeps when the guest cancels at `at`. A deadline itself is still in time.
    pub(super) fn guest_keeps(&self, at: DateTime<Utc>) -> Keeps {
        use CancellationPolicy::*;
        if self.full_until().is_some_and(|until| at <= until) {
            return Keeps::Nothing;
        }
        let (all, stayed) = (self.price.nights.len(), self.nights_stayed(at));
        let (whole, half_of_rest) = match self.policy {
            Flexible => (stayed + 1, false),
            Moderate => (stayed + 1, true),
            Limited | Firm | Strict | SuperStrict30 | SuperStrict60 => {
                let half = self.half_until().is_some_and(|until| at <= until);
                (if half { 0 } else { all }, half)
            }
            NonRefundable => (all, false),
            LongTermFirm | LongTermStrict => (stayed + 30, false),
        };
        Keeps::Nights { whole: whole.min(all), half_of_rest }
    }

    /// Until when the guest gets everything back, by the policy or by grace.
    pub(super) fn full_until(&self) -> Option<DateTime<Utc>> {
        self.grace_until().max(self.policy_full_until())
    }

    /// Until when the host keeps but half of the nights.
    pub(super) fn half_until(&self) -> Option<DateTime<Utc>> {
        use CancellationPolicy::*;
        let days = match self.policy {
            Limited | Firm | Strict => 7,
            SuperStrict30 => 30,
            SuperStrict60 => 60,
            Flexible | Moderate | NonRefundable | LongTermFirm | LongTermStrict => return None,
        };
        Some(self.days_before(days))
    }

    /// Why the guest gets back what they get back.
    pub(super) fn reason(&self, keeps: Keeps, at: DateTime<Utc>) -> String {
        let label = keeps.label(self.price.nights.len());
        let stayed = self.nights_stayed(at);
        let why = match keeps {
            Keeps::Nothing if self.policy_full_until().is_none_or(|until| at > until) => {
                "Cancelled within 24 hours of confirmation, at least 7 days ahead".into()
            }
            Keeps::Nothing => "Cancelled in time".into(),
            Keeps::Nights { .. } if stayed == 0 => "Cancelled before check-in, after the deadline".into(),
            Keeps::Nights { .. } => format!("Cancelled after {stayed} of the nights had begun"),
        };
        format!("{why}. {label}.")
    }

    fn policy_full_until(&self) -> Option<DateTime<Utc>> {
        use CancellationPolicy::*;
        let days = match self.policy {
            Flexible => 1,
            Moderate => 5,
            Limited => 14,
            Firm | LongTermFirm => 30,
            LongTermStrict => return Some(hours_after(self.booked_at, 48).min(self.days_before(28))),
            Strict | SuperStrict30 | SuperStrict60 | NonRefundable => return None,
        };
        Some(self.days_before(days))
    }

    fn grace_until(&self) -> Option<DateTime<Utc>> {
        let confirmed = self.confirmed_at.unwrap_or(self.booked_at);
        let granted = self.stay.nights() < LONG_STAY_NIGHTS && confirmed <= self.days_before(7);
        granted.then(|| hours_after(confirmed, 24))
    }
}

fn hours_after(at: DateTime<Utc>, hours: i64) -> DateTime<Utc> {
    at.checked_add_signed(TimeDelta::hours(hours)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
