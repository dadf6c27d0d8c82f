//! What a processor tells on its own account: that something has changed, and where to look.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use serde_json::Value;

/// Something that happened at the processor. It says what to look at again, never what to add or take away.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The processor's name for the event; one that is sent again keeps it.
    pub id: String,
    /// The processor's word for what happened.
    pub kind: String,
    /// What sort of thing it happened to.
    pub about: About,
    /// The processor's name for that thing.
    pub reference: Option<String>,
    /// The processor's name for the payment behind it.
    pub payment_reference: Option<String>,
    /// The key that we asked for the thing with.
    pub key: Option<String>,
    /// State, amount, currency and reason as they were told; for people to read.
    pub facts: Value,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum About {
    /// A guest's payment.
    Payment,
    /// Money on its way back to a guest.
    Refund,
    /// Money on its way to a host's account at the processor.
    Transfer,
    /// Money on its way from there to a bank.
    Payout,
    /// A guest's bank wants money back.
    Dispute,
    /// Nothing that anybody here waits for.
    Other,
}

/// Why a message is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// This processor sends none.
    #[error("this processor sends no events")]
    NotExpected,
    /// Whoever sent it does not know the secret, or sent it long ago.
    #[error("the signature is not right")]
    Signature,
    /// The signature is right, but the body is not an event.
    #[error("the body is not an event")]
    Unreadable,
}
