//! How long each phase of a booking takes: quotes, held nights, requests, alterations, no-shows and payouts.
//!
//! The deadlines of cancellation policies are in `cancellation/policy.rs`.

use chrono::TimeDelta;

/// How long a quote is valid.
pub(super) const QUOTE_TTL: TimeDelta = TimeDelta::minutes(30);

/// How long nights are held while the guest pays for a booking, or for the difference of an alteration.
pub(super) const HOLD_TTL: TimeDelta = TimeDelta::minutes(15);

/// How long a host has to answer a request.
pub(super) const REQUEST_TTL: TimeDelta = TimeDelta::hours(24);

/// A request expires at least this long before the authorization of the card does.
pub(super) const AUTHORIZATION_MARGIN: TimeDelta = TimeDelta::days(1);

/// How long the other side has to answer an alteration. Shorter when the stay begins or ends before that.
pub(super) const ALTERATION_TTL: TimeDelta = TimeDelta::hours(24);

/// The other side has at least this long to answer an alteration, even when the stay begins sooner.
pub(super) const ALTERATION_MIN_TTL: TimeDelta = TimeDelta::hours(1);

/// A guest can shorten a long stay without the host's answer this many days before the new check-out.
pub(super) const SHORTENING_NOTICE_DAYS: u64 = 30;

/// How long after check-in time a host can report that the guest did not arrive.
pub(super) const NO_SHOW_DELAY: TimeDelta = TimeDelta::hours(6);

/// How long after a transition the queue advances the booking, in case the process that made the transition stopped
/// before it could follow up.
pub(super) const FOLLOW_UP_DELAY: TimeDelta = TimeDelta::seconds(30);

/// How long after check-in time the host's money is released. For a later installment: after its first night begins.
pub(super) const PAYOUT_DELAY: TimeDelta = TimeDelta::hours(24);

/// Number of nights that one installment of a long stay pays for.
pub(super) const INSTALLMENT_NIGHTS: usize = 30;
