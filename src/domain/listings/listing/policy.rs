//! The cancellation policies a host can choose from.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// What a guest gets back, by how early they cancel; the arithmetic is in `bookings::cancellation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancellationPolicy {
    /// Everything back until a day before.
    Flexible,
    /// Everything back until five days before.
    Moderate,
    /// Everything back until 14 days before.
    Limited,
    /// Everything back until 30 days before.
    Firm,
    /// Half back until a week before.
    Strict,
    /// Half back until 30 days before.
    #[serde(rename = "SUPER_STRICT_30")]
    #[sea_orm(string_value = "SUPER_STRICT_30")]
    SuperStrict30,
    /// Half back until 60 days before.
    #[serde(rename = "SUPER_STRICT_60")]
    #[sea_orm(string_value = "SUPER_STRICT_60")]
    SuperStrict60,
    /// Nothing back, at a lower price.
    NonRefundable,
    /// For 28 nights and more: everything back until 30 days before.
    LongTermFirm,
    /// For 28 nights and more: everything back only shortly after booking.
    LongTermStrict,
}

impl CancellationPolicy {
    /// Every policy.
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

    /// Whether the policy is made for stays of 28 nights and more.
    pub fn is_long_term(self) -> bool {
        matches!(self, CancellationPolicy::LongTermFirm | CancellationPolicy::LongTermStrict)
    }
}
