//! The rules by which cancellations are settled.

use serde::{Deserialize, Serialize};

use crate::domain::bookings::state::Actor;

/// The rule by which a cancellation is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancellationRule {
    /// The guest cancelled by the deadline of the policy for a full refund.
    FreePeriod,
    /// The guest cancelled soon after the confirmation, for a full refund under every policy.
    GracePeriod,
    /// The guest cancelled by the deadline of the policy for the refund of a half.
    PartialRefundPeriod,
    /// The guest cancelled before the stay, after all deadlines.
    AfterDeadline,
    /// The guest cancelled after a night had begun.
    StayBegun,
    /// The guest did not arrive.
    NoShow,
    /// The host cancelled.
    ByHost,
    /// Staff cancelled and chose the refund.
    ByPlatform,
    /// The service cancelled, because a charge was refused.
    ChargeRefused,
}

impl CancellationRule {
    /// The role of whoever cancelled. For a no-show it is the host, who reported it.
    pub fn actor(self) -> Actor {
        use CancellationRule::*;
        match self {
            FreePeriod | GracePeriod | PartialRefundPeriod | AfterDeadline | StayBegun => Actor::Guest,
            NoShow | ByHost => Actor::Host,
            ByPlatform => Actor::Platform,
            ChargeRefused => Actor::System,
        }
    }

    /// What happened, for people, without a full stop. `stayed` is the number of nights that had begun.
    pub(super) fn label(self, stayed: usize) -> String {
        match self {
            CancellationRule::FreePeriod => "Cancelled in time".into(),
            CancellationRule::GracePeriod => "Cancelled within 24 hours of confirmation, at least 7 days ahead".into(),
            CancellationRule::PartialRefundPeriod => "Cancelled in time for a partial refund".into(),
            CancellationRule::AfterDeadline => "Cancelled before check-in, after the deadline".into(),
            CancellationRule::StayBegun => format!("Cancelled after {stayed} of the nights had begun"),
            CancellationRule::NoShow => "The guest did not arrive".into(),
            CancellationRule::ByHost => "The host cancelled".into(),
            CancellationRule::ByPlatform => "The platform cancelled".into(),
            CancellationRule::ChargeRefused => "The charge was refused".into(),
        }
    }
}
