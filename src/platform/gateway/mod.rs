//! The card processor behind a trait: authorise, capture, void, refund, pay out.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

pub mod event;
pub mod sandbox;
pub mod stripe;

use event::{BadEvent, Event};

/// A request to set money aside on a guest's card.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// The same key with the same amount is the same request, however often it is sent.
    pub idempotency_key: String,
    /// Minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// The processor's token for the card.
    pub method: String,
}

/// A request to send money to a host.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The same key is the same transfer, however often it is sent.
    pub idempotency_key: String,
    /// Minor units.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// The processor's name for the host's account.
    pub destination: String,
}

/// What the processor knows of one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The processor's name for it.
    pub reference: String,
    /// Where it stands.
    pub state: IntentState,
    /// Minor units taken so far.
    pub captured_minor: i64,
    /// When the authorisation lapses.
    pub capture_before: Option<DateTime<Utc>>,
}

/// Where a payment stands at the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentState {
    /// Neither set aside nor declined yet.
    Processing,
    /// The guest must do something first, such as 3-D Secure.
    RequiresAction {
        /// What the client's payment form needs to continue.
        client_secret: String,
    },
    /// The money is set aside.
    RequiresCapture,
    /// The money is taken.
    Succeeded,
    /// The authorisation was given back.
    Cancelled,
    /// The card was declined.
    Failed {
        /// The processor's reason.
        decline_code: String,
    },
}

/// What the processor knows of one refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundReport {
    /// The processor's name for it.
    pub reference: String,
    /// The key it was asked for with, unless it was asked for elsewhere.
    pub key: Option<String>,
    /// Where it stands.
    pub progress: RefundProgress,
}

/// Where a refund stands at the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundProgress {
    /// On its way; an event will tell how it ended.
    Pending,
    /// Paid back.
    Succeeded,
    /// It came back or was called off, perhaps long after it was accepted.
    Failed {
        /// The processor's reason.
        reason: String,
    },
}

/// What the processor knows of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisputeReport {
    /// Minor units that the guest's bank wants back.
    pub amount_minor: i64,
    /// Where it stands.
    pub progress: DisputeProgress,
}

/// Where a dispute stands at the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeProgress {
    /// The bank asks; no money has moved.
    Inquiry,
    /// The bank has taken the money back and has not decided.
    Open,
    /// The bank has given it back.
    Won,
    /// The bank keeps it.
    Lost,
}

/// Why the processor gave no intent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// No answer: the request may or may not have taken effect.
    #[error("the processor's answer is unknown: {0}")]
    Unknown(String),
    /// The processor refused the request; it had no effect.
    #[error("the processor refused: {0}")]
    Refused(String),
}

/// An answer in the making.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, GatewayError>>;

/// A card processor.
pub trait PaymentGateway: Send + Sync {
    /// Its name, as stored with every payment.
    fn provider(&self) -> &'static str;
    /// Sets money aside.
    fn authorize(&self, request: Authorization) -> Answer<'_, Intent>;
    /// Looks up what became of a request that may have been sent before. It never sets money aside.
    fn find<'a>(&'a self, request: &'a Authorization) -> Answer<'a, Option<Intent>>;
    /// Looks at a payment that the processor has named. It changes nothing.
    fn read<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent>;
    /// Goes on after the guest has done what was required.
    fn confirm<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent>;
    /// Takes money that was set aside; taking it again changes nothing.
    fn capture<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent>;
    /// Gives back what was set aside; doing it again changes nothing.
    fn void<'a>(&'a self, reference: &'a str) -> Answer<'a, Intent>;
    /// Pays back part of what was taken; the same key is the same refund.
    fn refund<'a>(
        &'a self,
        reference: &'a str,
        idempotency_key: &'a str,
        amount_minor: i64,
    ) -> Answer<'a, RefundReport>;
    /// Every refund of a payment.
    fn refunds<'a>(&'a self, reference: &'a str) -> Answer<'a, Vec<RefundReport>>;
    /// Sends money to a host; the same key is the same transfer. Answers with the transfer's reference.
    fn transfer(&self, request: Transfer) -> Answer<'_, String>;
    /// Looks at a dispute that the processor has named.
    fn dispute<'a>(&'a self, reference: &'a str) -> Answer<'a, DisputeReport>;
    /// Whether it keeps something of each charge.
    fn has_fees(&self) -> bool;
    /// What it kept of a payment, in minor units of `currency`; nothing while it cannot say, or charges in another.
    fn fee<'a>(&'a self, reference: &'a str, currency: &'a str) -> Answer<'a, Option<i64>>;
    /// Reads an event that the processor sends, once its signature over the raw body is proven.
    fn event(&self, signature: &str, body: &[u8]) -> Result<Event, BadEvent>;
}
