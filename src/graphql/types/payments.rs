//! Payments, their attempts and refunds, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};
use uuid::Uuid;

use super::bookings::Booking;
use crate::domain::error::Error;
use crate::domain::payments as domain;
use crate::domain::payments::status;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{AttemptsKey, BookingKey, DisputedKey, RefundsKey};
use crate::graphql::support::money::{Money, stored_currency};
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;
use crate::kernel::money::Currency;

/// State of a payment.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "status::PaymentState")]
pub enum PaymentState {
    /// Not used: no payment has this state.
    RequiresPaymentMethod,
    /// The guest must complete an action at their bank, such as 3-D Secure. After that, call `bookingPaymentConfirm`.
    RequiresAction,
    /// The request was sent to the processor and has no response yet.
    Processing,
    /// The amount is authorized on the card and not charged yet.
    RequiresCapture,
    /// The amount was captured: the guest was charged.
    Succeeded,
    /// The payment was cancelled before it was captured. Its authorization is released.
    Cancelled,
    /// The processor declined the card or refused the charge. A declined payment is not retried.
    Failed,
}

/// State of a refund.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "status::RefundState")]
pub enum RefundState {
    /// The refund is recorded and the processor has not confirmed it.
    Pending,
    /// The processor confirmed the refund.
    Succeeded,
    /// The processor refused the refund. Staff can send it once more with `refundRetry`.
    Failed,
}

/// The payments of a guest for one booking and the changes of its stay, added up. Visible to the guest, the host and
/// staff. All amounts are in the currency of the booking.
#[derive(Clone, Description)]
pub struct Payment {
    /// The booking's own payment.
    pub(in crate::graphql) row: Arc<domain::Payment>,
    /// The payments for changes of its stay.
    pub(in crate::graphql) more: Arc<Vec<domain::Payment>>,
    /// Whether the viewer is the guest or staff. Hosts do not see card details.
    pub(in crate::graphql) for_guest: bool,
}

impl Payment {
    /// Combines the payments of one booking; the booking's own payment is the first row.
    pub(in crate::graphql) fn combine(rows: Vec<domain::Payment>, for_guest: bool) -> Option<Payment> {
        let mut rows = rows.into_iter();
        let row = Arc::new(rows.next()?);
        // A payment for a change that failed before anything was captured is not part of the total.
        let ended = [status::PaymentState::Cancelled, status::PaymentState::Failed];
        let more = rows.filter(|row| row.captured_minor > 0 || !ended.contains(&row.state)).collect();
        Some(Payment { row, more: Arc::new(more), for_guest })
    }

    fn all(&self) -> impl Iterator<Item = &domain::Payment> {
        std::iter::once(&*self.row).chain(self.more.iter())
    }

    fn sum(&self, minor: impl Fn(&domain::Payment) -> i64) -> Result<Money> {
        self.money(self.all().map(minor).sum())
    }

    /// The payment that is in progress. If none is, the booking's own.
    fn current(&self) -> &domain::Payment {
        use status::PaymentState::{Processing, RequiresAction};
        self.all().find(|row| matches!(row.state, RequiresAction | Processing)).unwrap_or(&self.row)
    }

    fn currency(&self) -> Result<Currency> {
        stored_currency(&self.row.currency).map_err(to_graphql_error)
    }

    fn money(&self, minor: i64) -> Result<Money> {
        Ok(Money::new(minor, self.currency()?))
    }
}

#[Object(use_type_description)]
impl Payment {
    /// Global ID of the first payment of the booking, prefixed `pay_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Payment, self.row.id)
    }

    /// The booking that is paid.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Booking> {
        load_booking(ctx, self.row.booking_id).await
    }

    /// State of the payment that is in progress. If none is, the state of the first payment.
    async fn state(&self) -> PaymentState {
        self.current().state.into()
    }

    /// Total amount to be paid.
    async fn amount(&self) -> Result<Money> {
        self.sum(|row| row.amount_minor)
    }

    /// Amount authorized on the card, whether or not it was captured later.
    async fn authorized(&self) -> Result<Money> {
        self.sum(|row| row.authorized_minor)
    }

    /// Amount charged to the card.
    async fn captured(&self) -> Result<Money> {
        self.sum(|row| row.captured_minor)
    }

    /// Amount refunded to the guest, including refunds that the processor has not confirmed.
    async fn refunded(&self) -> Result<Money> {
        self.sum(|row| row.refunded_minor)
    }

    /// Amount that can still be refunded: `captured` minus `refunded`.
    async fn refundable(&self) -> Result<Money> {
        self.sum(|row| row.captured_minor - row.refunded_minor)
    }

    /// Amount that the guest's bank has taken back, or withholds during a dispute.
    async fn disputed(&self, ctx: &Context<'_>) -> Result<Money> {
        let found = self.all().map(|row| ctx.load(DisputedKey(row.id)));
        let found = futures_util::future::try_join_all(found).await?;
        self.money(found.into_iter().flatten().sum())
    }

    /// Name of the payment processor, such as `stripe` or `sandbox`.
    async fn provider(&self) -> &str {
        &self.row.provider
    }

    /// ID of the payment at the processor. Null until the processor assigned one, and for the host.
    async fn provider_reference(&self) -> Option<&str> {
        self.row.provider_reference.as_deref().filter(|_| self.for_guest)
    }

    /// Secret that the payment form needs to let the guest complete an action at the bank. Null for the host, and
    /// unless the state is REQUIRES_ACTION.
    async fn client_secret(&self) -> Option<&str> {
        let current = self.current();
        let acting = self.for_guest && current.state == status::PaymentState::RequiresAction;
        current.client_secret.as_deref().filter(|_| acting)
    }

    /// Requests to the processor, oldest first. Empty for the host.
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<PaymentAttempt>> {
        if !self.for_guest {
            return Ok(Vec::new());
        }
        let found = self.all().map(|row| ctx.load(AttemptsKey(row.id)));
        let found = futures_util::future::try_join_all(found).await?.into_iter().flatten().flatten();
        Ok(found.map(|row| PaymentAttempt(Arc::new(row))).collect())
    }

    /// Refunds to the guest, oldest first.
    async fn refunds(&self, ctx: &Context<'_>) -> Result<Vec<Refund>> {
        let currency = self.currency()?;
        let found = self.all().map(|row| ctx.load(RefundsKey(row.id)));
        let found = futures_util::future::try_join_all(found).await?.into_iter().flatten().flatten();
        let booking_id = self.row.booking_id;
        Ok(found.map(|row| Refund { row: Arc::new(row), booking_id, currency }).collect())
    }

    /// When the authorization expires if it is not captured. Null if the processor gives no such time.
    async fn capture_before(&self) -> Option<DateTime> {
        self.row.capture_before.map(DateTime)
    }
}

/// One request to the processor for a payment. Visible to the guest and staff.
#[derive(Clone, Description)]
pub struct PaymentAttempt(pub(in crate::graphql) Arc<domain::Attempt>);

#[Object(use_type_description)]
impl PaymentAttempt {
    /// When the outcome of the request was recorded.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// Operation and outcome, separated by a space. Operations: AUTHORIZE, CONFIRM, CAPTURE, VOID. Outcomes: SUCCEEDED,
    /// DECLINED, ACTION_REQUIRED, UNKNOWN.
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

    /// Decline code of the processor, such as `insufficient_funds`. Null if the request was not declined.
    async fn decline_code(&self) -> Option<&str> {
        self.0.decline_code.as_deref()
    }
}

/// An amount paid back to the guest of a booking. Visible to the guest, the host and staff.
#[derive(Clone, Description)]
pub struct Refund {
    pub(in crate::graphql) row: Arc<domain::Refund>,
    /// The booking of the payment from which the refund is made.
    pub(in crate::graphql) booking_id: Uuid,
    pub(in crate::graphql) currency: Currency,
}

impl Refund {
    /// The booking whose guest is paid back.
    pub(in crate::graphql) async fn load_booking(&self, ctx: &Context<'_>) -> Result<Booking> {
        load_booking(ctx, self.booking_id).await
    }
}

#[Object(use_type_description)]
impl Refund {
    /// Global ID of the refund, prefixed `rfd_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Refund, self.row.id)
    }

    /// The booking whose guest is paid back.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Booking> {
        self.load_booking(ctx).await
    }

    /// Refunded amount, in the currency of the payment.
    async fn amount(&self) -> Money {
        Money::new(self.row.amount_minor, self.currency)
    }

    /// Current state of the refund.
    async fn state(&self) -> RefundState {
        self.row.state.into()
    }

    /// What the person who caused the refund wrote: `reason` of `bookingRefund` or `bookingCancel`. Null if they wrote
    /// nothing, or if the service caused it.
    async fn note(&self) -> Option<&str> {
        self.row.note.as_deref()
    }

    /// Explanation of the refund for people, in English, such as the rule of the cancellation.
    async fn explanation(&self) -> &str {
        &self.row.reason
    }

    /// When the refund was decided. The processor may confirm it later.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// ID of the refund at the processor. Null until the processor assigned one.
    async fn provider_reference(&self) -> Option<&str> {
        self.row.provider_reference.as_deref()
    }
}

/// Converts a refund. Its currency is that of its payment.
pub(in crate::graphql) async fn refund_in_currency(ctx: &Context<'_>, row: domain::Refund) -> Result<Option<Refund>> {
    let Some(payment) = domain::by_id(ctx.app(), row.payment_id).await.map_err(to_graphql_error)? else {
        return Ok(None);
    };
    let currency = stored_currency(&payment.currency).map_err(to_graphql_error)?;
    Ok(Some(Refund { row: Arc::new(row), booking_id: payment.booking_id, currency }))
}

/// Loads the booking of a payment or refund. Who sees one of these may see the booking.
async fn load_booking(ctx: &Context<'_>, id: Uuid) -> Result<Booking> {
    let booking = ctx.load(BookingKey(id)).await?;
    booking.map(Booking::from).ok_or_else(|| to_graphql_error(Error::failed("the booking of a payment does not exist")))
}
