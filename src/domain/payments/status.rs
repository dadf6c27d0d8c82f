//! The states a payment, a try at moving it, a refund and a payout can be in, and the words of the ledger.

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

/// Where a payout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayoutState {
    /// Waits for its day.
    Scheduled,
    /// Kept back until staff let it go, or the host has an account.
    OnHold,
    /// Asked of the processor, not answered yet.
    Processing,
    /// Sent, or settled against what the host owed.
    Paid,
    /// Refused by the processor; tried again later.
    Failed,
    /// Nothing is left to pay.
    Cancelled,
}

/// Where a dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisputeState {
    /// The bank has taken the money back and has not decided.
    Open,
    /// The bank has given it back.
    Won,
    /// The bank keeps it.
    Lost,
}

/// An account of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Account {
    /// Money at the card processor.
    PspClearing,
    /// What guests have paid for stays to come.
    GuestEscrow,
    /// What hosts are owed.
    HostPayable,
    /// Service fees and penalties.
    PlatformRevenue,
    /// Taxes to be remitted.
    TaxPayable,
    /// What cardholders have taken back, while it is disputed.
    DisputeSuspense,
    /// What the card processor charges.
    PlatformCost,
}

/// What happened, for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransactionKind {
    /// A guest was charged.
    Capture,
    /// A stay's money was divided among host, platform and taxes.
    Release,
    /// Money goes back to a guest.
    Refund,
    /// A host was paid.
    Payout,
    /// A host owes a penalty.
    Penalty,
    /// A cardholder took money back.
    Chargeback,
    /// A dispute was won.
    ChargebackReversal,
    /// The card processor kept its fee.
    ProviderFee,
}

impl Account {
    /// The word that the API and the database use.
    pub fn word(self) -> String {
        self.to_value()
    }
}

impl TransactionKind {
    /// The word that the API and the database use.
    pub fn word(self) -> String {
        self.to_value()
    }
}
