//! The cancellation policies: how many nights the host keeps when the guest cancels, and the deadlines in the listing's
//! time zone.

use chrono::{DateTime, TimeDelta, Utc};

use super::terms::Terms;
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::limits::LONG_STAY_NIGHTS;

/// How many hours after the confirmation a guest can cancel for a full refund.
const GRACE_HOURS: i64 = 24;
/// The grace period needs at least this many days between the confirmation and check-in.
const GRACE_DAYS_BEFORE_CHECK_IN: u64 = 7;

/// The nights that the host is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetainedNights {
    /// None. The guest gets everything back, including fees and taxes.
    Nothing,
    /// The first nights in full, and possibly half of the price of the others.
    Nights {
        /// Number of nights that are kept in full, from the first on.
        whole: usize,
        /// Whether half of the price of the other nights is kept too.
        half_of_rest: bool,
    },
}

impl RetainedNights {
    /// A label for people, without a full stop.
    pub(super) fn label(self, total: usize) -> String {
        match self {
            RetainedNights::Nothing => "Full refund".into(),
            RetainedNights::Nights { whole, .. } if whole >= total => "The host keeps all nights".into(),
            RetainedNights::Nights { whole: 0, half_of_rest: true } => "The host keeps half of the nights".into(),
            RetainedNights::Nights { whole, half_of_rest: true } => {
                format!("The host keeps {whole} of {total} nights and half of the others")
            }
            RetainedNights::Nights { whole, .. } => format!("The host keeps {whole} of {total} nights"),
        }
    }
}

impl Terms<'_> {
    /// What the host keeps when the guest cancels at `at`. The instant of a deadline is still in time.
    pub(super) fn retained_nights(&self, at: DateTime<Utc>) -> RetainedNights {
        use CancellationPolicy::*;
        if self.full_until().is_some_and(|until| at <= until) {
            return RetainedNights::Nothing;
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
        RetainedNights::Nights { whole: whole.min(all), half_of_rest }
    }

    /// Until when the guest gets everything back, by the policy or by the grace period. None if never.
    pub(super) fn full_until(&self) -> Option<DateTime<Utc>> {
        self.grace_until().max(self.policy_full_until())
    }

    /// Until when the host keeps only half of the nights. None if the policy has no such deadline.
    pub(super) fn half_until(&self) -> Option<DateTime<Utc>> {
        use CancellationPolicy::*;
        let days = match self.policy {
            Limited | Firm | Strict => 7,
            SuperStrict30 => 30,
            SuperStrict60 => 60,
            Flexible | Moderate | NonRefundable | LongTermFirm | LongTermStrict => return None,
        };
        Some(self.days_before_check_in(days))
    }

    /// The rule that applies when the guest cancels at `at`, in two sentences.
    pub(super) fn reason(&self, nights: RetainedNights, at: DateTime<Utc>) -> String {
        let label = nights.label(self.price.nights.len());
        let stayed = self.nights_stayed(at);
        let why = match nights {
            RetainedNights::Nothing if self.policy_full_until().is_none_or(|until| at > until) => {
                "Cancelled within 24 hours of confirmation, at least 7 days ahead".into()
            }
            RetainedNights::Nothing => "Cancelled in time".into(),
            RetainedNights::Nights { .. } if stayed == 0 => "Cancelled before check-in, after the deadline".into(),
            RetainedNights::Nights { .. } => format!("Cancelled after {stayed} of the nights had begun"),
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
            LongTermStrict => return Some(hours_after(self.booked_at, 48).min(self.days_before_check_in(28))),
            Strict | SuperStrict30 | SuperStrict60 | NonRefundable => return None,
        };
        Some(self.days_before_check_in(days))
    }

    /// Long stays have no grace period.
    fn grace_until(&self) -> Option<DateTime<Utc>> {
        let confirmed = self.confirmed_at.unwrap_or(self.booked_at);
        let is_granted =
            self.stay.nights() < LONG_STAY_NIGHTS && confirmed <= self.days_before_check_in(GRACE_DAYS_BEFORE_CHECK_IN);
        is_granted.then(|| hours_after(confirmed, GRACE_HOURS))
    }
}

fn hours_after(at: DateTime<Utc>, hours: i64) -> DateTime<Utc> {
    at.checked_add_signed(TimeDelta::hours(hours)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
