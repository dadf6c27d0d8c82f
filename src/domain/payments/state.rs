//! The states a payment, a try at moving it, and a refund can be in.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Where a payment stands, in the words of the card world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentState {
    /// No card that works yet.
    RequiresPaymentMethod,
    /// The guest must act, for example by 3-D Secure.
    RequiresAction,
    /// Asked of the processor, not answered yet.
    Processing,
    /// Set aside on the card, not taken.
    RequiresCapture,
    /// Taken.
    Succeeded,
    /// Given up before it was taken.
    Cancelled,
    /// Declined for good.
    Failed,
}

/// What was tried at the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operation {
    /// Set money aside.
    Authorize,
    /// Go on after the guest acted.
    Confirm,
    /// Take the money.
    Capture,
    /// Give back what was set aside.
    Void,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It worked.
    Succeeded,
    /// The card was declined.
    Declined,
    /// The guest must act first.
    ActionRequired,
    /// No answer; it may or may not have worked.
    Unknown,
}

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundState {
    /// Written down, not confirmed by the processor yet.
    Pending,
    /// Paid back.
    Succeeded,
    /// Refused by the processor.
    Failed,
}
