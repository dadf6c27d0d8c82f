//! The cancellation policies: how many nights the host keeps when the guest cancels, and the deadlines in the listing's
//! time zone.

use chrono::{DateTime, TimeDelta, Utc};

use super::rule::CancellationRule;
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
        let rule = self.rule(at);
        if matches!(rule, CancellationRule::FreePeriod | CancellationRule::GracePeriod) {
            return RetainedNights::Nothing;
        }
        let (all, stayed) = (self.price.nights.len(), self.nights_stayed(at));
        let (whole, half_of_rest) = match self.policy {
            Flexible => (stayed + 1, false),
            Moderate => (stayed + 1, true),
            Limited | Firm | Strict | SuperStrict30 | SuperStrict60 => {
                let half = rule == CancellationRule::PartialRefundPeriod;
                (if half { 0 } else { all }, half)
            }
            NonRefundable => (all, false),
            LongTermFirm | LongTermStrict => (stayed + 30, false),
        };
        RetainedNights::Nights { whole: whole.min(all), half_of_rest }
    }

    /// The rule that applies when the guest cancels at `at`. The instant of a deadline is still in time.
    pub(super) fn rule(&self, at: DateTime<Utc>) -> CancellationRule {
        let is_by = |deadline: Option<DateTime<Utc>>| deadline.is_some_and(|until| at <= until);
        if is_by(self.policy_full_until()) {
            CancellationRule::FreePeriod
        } else if is_by(self.grace_until()) {
            CancellationRule::GracePeriod
        } else if is_by(self.half_until()) {
            CancellationRule::PartialRefundPeriod
        } else if self.nights_stayed(at) == 0 {
            CancellationRule::AfterDeadline
        } else {
            CancellationRule::StayBegun
        }
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
