//! The states of payments, attempts, refunds, payouts and disputes, and the enums of the ledger.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentState {
    /// Not used: no payment has this state.
    RequiresPaymentMethod,
    /// The guest has to act, for example by 3-D Secure.
    RequiresAction,
    /// Requested from the processor, without a final answer yet.
    Processing,
    /// Authorized on the card, not captured yet.
    RequiresCapture,
    /// Captured.
    Succeeded,
    /// Voided before it was captured.
    Cancelled,
    /// The processor declined the card or refused the charge.
    Failed,
}

/// The operation that an attempt requested from the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operation {
    /// Authorize the amount.
    Authorize,
    /// Continue after the guest acted.
    Confirm,
    /// Capture the authorized amount.
    Capture,
    /// Void the authorization.
    Void,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// The operation succeeded.
    Succeeded,
    /// The card was declined.
    Declined,
    /// The guest has to act first.
    ActionRequired,
    /// There was no answer. The operation may or may not have taken effect.
    Unknown,
}

/// The state of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundState {
    /// Recorded, but not confirmed by the processor yet.
    Pending,
    /// Paid back to the guest.
    Succeeded,
    /// Refused by the processor, or accepted and returned later.
    Failed,
}

/// The state of a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayoutState {
    /// Not due yet, or due and not released yet.
    Scheduled,
    /// Not sent until staff release it, the host sets an account, or a dispute is won.
    OnHold,
    /// Released from escrow and being sent to the processor.
    Processing,
    /// Sent, or used to pay what the host owed.
    Paid,
    /// Refused by the processor. It is sent again later; after the fifth refusal it is on hold.
    Failed,
    /// Nothing is left to pay out.
    Cancelled,
}

/// The state of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisputeState {
    /// The bank has taken the money back and has not decided yet.
    Open,
    /// The bank has returned the money.
    Won,
    /// The bank keeps the money.
    Lost,
}

/// An account of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Account {
    /// The balance at the card processor.
    PspClearing,
    /// What guests have paid and what was neither released nor refunded.
    GuestEscrow,
    /// What the platform owes hosts.
    HostPayable,
    /// Service fees and penalties that were earned.
    PlatformRevenue,
    /// Taxes that the platform has to remit.
    TaxPayable,
    /// What banks have taken back for disputes that were not won.
    DisputeSuspense,
    /// Fees of the card processor.
    PlatformCost,
}

/// The business event that a ledger transaction records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransactionKind {
    /// A payment was captured.
    Capture,
    /// A payout was released from escrow, with its part of the fees and taxes.
    Release,
    /// A refund is owed to a guest.
    Refund,
    /// A payout was sent.
    Payout,
    /// A host was charged a penalty.
    Penalty,
    /// A cardholder's bank took money back.
    Chargeback,
    /// A dispute was won.
    ChargebackReversal,
    /// The card processor deducted its fee.
    ProviderFee,
}

impl Account {
    /// The name that the API and the database use.
    pub fn name(self) -> String {
        self.to_value()
    }
}

impl TransactionKind {
    /// The name that the API and the database use.
    pub fn name(self) -> String {
        self.to_value()
    }
}
