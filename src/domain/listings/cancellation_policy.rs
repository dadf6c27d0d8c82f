//! The cancellation policies that a host can choose from.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A policy that decides how much of the price is refunded when a guest cancels. `bookings::cancellation` calculates
/// the amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancellationPolicy {
    /// Full refund until 1 day before check-in.
    Flexible,
    /// Full refund until 5 days before check-in.
    Moderate,
    /// Full refund until 14 days before check-in.
    Limited,
    /// Full refund until 30 days before check-in.
    Firm,
    /// Half refunded until 7 days before check-in.
    Strict,
    /// Half refunded until 30 days before check-in.
    #[serde(rename = "SUPER_STRICT_30")]
    #[sea_orm(string_value = "SUPER_STRICT_30")]
    SuperStrict30,
    /// Half refunded until 60 days before check-in.
    #[serde(rename = "SUPER_STRICT_60")]
    #[sea_orm(string_value = "SUPER_STRICT_60")]
    SuperStrict60,
    /// No refund, at a lower price.
    NonRefundable,
    /// For long stays: full refund until 30 days before check-in.
    LongTermFirm,
    /// For long stays: full refund only for a short time after booking.
    LongTermStrict,
}

impl CancellationPolicy {
    /// All policies.
    pub const ALL: [CancellationPolicy; 10] = [
        CancellationPolicy::Flexible,
        CancellationPolicy::Moderate,
        CancellationPolicy::Limited,
        CancellationPolicy::Firm,
        CancellationPolicy::Strict,
        CancellationPolicy::SuperStrict30,
        CancellationPolicy::SuperStrict60,
        CancellationPolicy::NonRefundable,
        CancellationPolicy::LongTermFirm,
        CancellationPolicy::LongTermStrict,
    ];

    /// Whether the policy is for long stays, of at least `LONG_STAY_NIGHTS` nights.
    pub fn is_long_term(self) -> bool {
        matches!(self, CancellationPolicy::LongTermFirm | CancellationPolicy::LongTermStrict)
    }
}
