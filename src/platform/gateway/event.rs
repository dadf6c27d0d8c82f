//! Events that a processor sends: they name an object that has changed.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use serde_json::Value;

/// An event at the processor. It is only a hint: it names the object to read, and never an amount to add or subtract.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessorEvent {
    /// The processor's id of the event. An event that is sent twice has the same id.
    pub id: String,
    /// The processor's type of the event.
    pub kind: String,
    /// The type of the object that changed.
    pub about: EventObject,
    /// The processor's id of that object.
    pub reference: Option<String>,
    /// The processor's id of the payment that the object belongs to.
    pub payment_reference: Option<String>,
    /// The idempotency key of the request with which Roost created the object.
    pub key: Option<String>,
    /// State, amount, currency and reason as the event states them. Only for people to read.
    pub facts: Value,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// The type of the object that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventObject {
    /// A guest's payment.
    Payment,
    /// A refund to a guest.
    Refund,
    /// A transfer to a host's account at the processor.
    Transfer,
    /// A payout from a host's account at the processor to a bank.
    Payout,
    /// A dispute: a guest's bank claims a payment back.
    Dispute,
    /// Any other object. Roost ignores the event.
    Other,
}

/// Why a message is not accepted as an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The gateway has no events.
    #[error("this payment gateway receives no events")]
    NotSupported,
    /// The signature was made with another secret, over another body, or too long ago.
    #[error("the signature is not valid")]
    InvalidSignature,
    /// The signature is valid, but the body is not an event.
    #[error("the body is not an event")]
    Malformed,
}
