//! Payments, the tries at moving them, and refunds.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use crate::domain::error::Error;
use crate::domain::payments as domain;
use crate::domain::payments::status;
use crate::graphql::support::context::{Ask, id};
use crate::graphql::support::errors::shown;
use crate::graphql::support::loaders::{AttemptsKey, DisputedKey, RefundsKey};
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// Where a payment stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "status::PaymentState")]
pub enum PaymentState {
    /// No card that works yet.
    RequiresPaymentMethod,
    /// The guest must act at their bank.
    RequiresAction,
    /// Asked of the processor, not answered yet.
    Processing,
    /// Set aside on the card, not taken.
    RequiresCapture,
    /// Taken.
    Succeeded,
    /// Given up before it was taken.
    Cancelled,
    /// Declined.
    Failed,
}

/// Where a refund stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "status::RefundState")]
pub enum RefundState {
    /// Owed, not confirmed by the processor yet.
    Pending,
    /// Paid back.
    Succeeded,
    /// Refused by the processor; a person looks at it.
    Failed,
}

/// What a guest pays for a booking and the changes of its stay, summed up.
#[derive(Clone)]
pub struct Payment {
    /// The booking's own payment.
    pub(in crate::graphql) row: Arc<domain::Payment>,
    /// Those of its changes.
    pub(in crate::graphql) more: Arc<Vec<domain::Payment>>,
    /// Whether the viewer is the one who pays, or staff; hosts do not see how.
    pub(in crate::graphql) for_guest: bool,
}

impl Payment {
    /// The payments of one booking, its own first.
    pub(in crate::graphql) fn of(rows: Vec<domain::Payment>, for_guest: bool) -> Option<Payment> {
        let mut rows = rows.into_iter();
        let row = Arc::new(rows.next()?);
        // What a card refused to pay for was never part of it.
        let over = [status::PaymentState::Cancelled, status::PaymentState::Failed];
        let more = rows.filter(|row| row.captured_minor > 0 || !over.contains(&row.state)).collect();
        Some(Payment { row, more: Arc::new(more), for_guest })
    }

    fn all(&self) -> impl Iterator<Item = &domain::Payment> {
        std::iter::once(&*self.row).chain(self.more.iter())
    }

    fn sum(&self, minor: impl Fn(&domain::Payment) -> i64) -> Result<Money> {
        self.money(self.all().map(minor).sum())
    }

    /// The payment that is under way, else the booking's own.
    fn current(&self) -> &domain::Payment {
        use status::PaymentState::{Processing, RequiresAction};
        self.all().find(|row| matches!(row.state, RequiresAction | Processing)).unwrap_or(&self.row)
    }

    fn currency(&self) -> Result<Currency> {
        self.row.currency.parse().map_err(|_| shown(Error::failed("unknown currency")))
    }

    fn money(&self, minor: i64) -> Result<Money> {
        Ok(Money::new(minor, self.currency()?))
    }
}

/// What a guest pays for a booking and the changes of its stay, summed up.
#[Object]
impl Payment {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Payment, self.row.id)
    }

    /// Where it stands.
    async fn state(&self) -> PaymentState {
        self.current().state.into()
    }

    /// What is to be paid.
    async fn amount(&self) -> Result<Money> {
        self.sum(|row| row.amount_minor)
    }

    /// What was set aside on the card.
    async fn authorized(&self) -> Result<Money> {
        self.sum(|row| row.authorized_minor)
    }

    /// What was taken.
    async fn captured(&self) -> Result<Money> {
        self.sum(|row| row.captured_minor)
    }

    /// What was given back, or is owed back.
    async fn refunded(&self) -> Result<Money> {
        self.sum(|row| row.refunded_minor)
    }

    /// What could still be given back.
    async fn refundable(&self) -> Result<Money> {
        self.sum(|row| row.captured_minor - row.refunded_minor)
    }

    /// What the guest's bank holds or has taken back.
    async fn disputed(&self, ctx: &Context<'_>) -> Result<Money> {
        let found = self.all().map(|row| ctx.load(DisputedKey(row.id)));
        let found = futures_util::future::try_join_all(found).await?;
        self.money(found.into_iter().flatten().sum())
    }

    /// The card processor.
    async fn provider(&self) -> &str {
        &self.row.provider
    }

    /// The processor's name for it; null until it gave one, and for the host.
    async fn provider_reference(&self) -> Option<&str> {
        self.row.provider_reference.as_deref().filter(|_| self.for_guest)
    }

    /// What the client's payment form needs while the guest must act; null at any other time, and for the host.
    async fn client_secret(&self) -> Option<&str> {
        let current = self.current();
        let acting = self.for_guest && current.state == status::PaymentState::RequiresAction;
        current.client_secret.as_deref().filter(|_| acting)
    }

    /// Every try, oldest first; for the guest alone.
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<PaymentAttempt>> {
        if !self.for_guest {
            return Ok(Vec::new());
        }
        let found = self.all().map(|row| ctx.load(AttemptsKey(row.id)));
        let found = futures_util::future::try_join_all(found).await?.into_iter().flatten().flatten();
        Ok(found.map(|row| PaymentAttempt(Arc::new(row))).collect())
    }

    /// Every refund, oldest first.
    async fn refunds(&self, ctx: &Context<'_>) -> Result<Vec<Refund>> {
        let currency = self.currency()?;
        let found = self.all().map(|row| ctx.load(RefundsKey(row.id)));
        let found = futures_util::future::try_join_all(found).await?.into_iter().flatten().flatten();
        Ok(found.map(|row| Refund { row: Arc::new(row), currency }).collect())
    }

    /// When what was set aside lapses; null when the processor names no such time.
    async fn capture_before(&self) -> Option<DateTime> {
        self.row.capture_before.map(DateTime)
    }
}

/// One try at moving a payment.
#[derive(Clone)]
pub struct PaymentAttempt(pub(in crate::graphql) Arc<domain::Attempt>);

/// One try at moving a payment.
#[Object]
impl PaymentAttempt {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::PaymentAttempt, self.0.id)
    }

    /// When it was.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// What was tried, and how it ended: AUTHORIZE, CONFIRM, CAPTURE or VOID; SUCCEEDED, DECLINED, ACTION_REQUIRED or
    /// UNKNOWN.
    async fn outcome(&self) -> String {
        use status::{Operation, Outcome};
        let operation = match self.0.operation {
            Operation::Authorize => "AUTHORIZE",
            Operation::Confirm => "CONFIRM",
            Operation::Capture => "CAPTURE",
            Operation::Void => "VOID",
        };
        let outcome = match self.0.outcome {
            Outcome::Succeeded => "SUCCEEDED",
            Outcome::Declined => "DECLINED",
            Outcome::ActionRequired => "ACTION_REQUIRED",
            Outcome::Unknown => "UNKNOWN",
        };
        format!("{operation} {outcome}")
    }

    /// The processor's reason for declining; null when it did not.
    async fn decline_code(&self) -> Option<&str> {
        self.0.decline_code.as_deref()
    }
}

/// Money given back.
#[derive(Clone)]
pub struct Refund {
    pub(in crate::graphql) row: Arc<domain::Refund>,
    pub(in crate::graphql) currency: Currency,
}

/// Money given back.
#[Object]
impl Refund {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Refund, self.row.id)
    }

    /// How much.
    async fn amount(&self) -> Money {
        Money::new(self.row.amount_minor, self.currency)
    }

    /// Where it stands.
    async fn state(&self) -> RefundState {
        self.row.state.into()
    }

    /// Why.
    async fn reason(&self) -> &str {
        &self.row.reason
    }

    /// When it was decided.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// The processor's name for it; null until it gave one.
    async fn provider_reference(&self) -> Option<&str> {
        self.row.provider_reference.as_deref()
    }
}

/// A refund in the currency of its payment.
pub(in crate::graphql) async fn refund(ctx: &Context<'_>, row: domain::Refund) -> Result<Option<Refund>> {
    let Some(payment) = domain::by_id(ctx.app(), row.payment_id).await.map_err(shown)? else { return Ok(None) };
    let currency = payment.currency.parse().map_err(|_| shown(Error::failed("unknown currency")))?;
    Ok(Some(Refund { row: Arc::new(row), currency }))
}
