//! What a payment gateway reports about payments, refunds and disputes at the processor.

use chrono::{DateTime, TimeDelta, Utc};

/// How long an authorization is assumed to be valid if the processor does not say. Card authorizations usually expire
/// after a week.
pub(super) const AUTHORIZATION_LIFETIME: TimeDelta = TimeDelta::days(7);

/// A payment at the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The processor's id of the payment.
    pub reference: String,
    /// The current state.
    pub state: IntentState,
    /// The amount captured so far, in minor units.
    pub captured_minor: i64,
    /// When the authorization expires. None if the processor does not say.
    pub capture_before: Option<DateTime<Utc>>,
}

/// The state of a payment at the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentState {
    /// Neither authorized nor declined yet.
    Processing,
    /// The guest must act first, for example complete 3-D Secure.
    RequiresAction {
        /// The secret with which the client's payment form continues the payment.
        client_secret: String,
    },
    /// The amount is authorized and not captured.
    RequiresCapture,
    /// The amount is captured.
    Succeeded,
    /// The authorization was voided.
    Cancelled,
    /// The card was declined.
    Failed {
        /// The processor's reason.
        decline_code: String,
    },
}

/// A refund at the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundReport {
    /// The processor's id of the refund.
    pub reference: String,
    /// The idempotency key of our request. None if the refund was not requested by Roost.
    pub key: Option<String>,
    /// The current state.
    pub progress: RefundProgress,
}

/// The state of a refund at the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundProgress {
    /// The processor has accepted the refund and not finished it. An event follows when it is finished.
    Pending,
    /// The guest's bank has received the refund.
    Succeeded,
    /// The refund was returned or cancelled, possibly long after it was accepted.
    Failed {
        /// The processor's reason.
        reason: String,
    },
}

/// A dispute at the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisputeReport {
    /// The amount that the guest's bank claims, in minor units.
    pub amount_minor: i64,
    /// The current state.
    pub progress: DisputeProgress,
}

/// The state of a dispute at the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeProgress {
    /// The bank asks a question. No money has moved.
    Inquiry,
    /// The bank has taken the amount back and has not decided yet.
    Open,
    /// The bank has returned the amount.
    Won,
    /// The bank keeps the amount.
    Lost,
}
