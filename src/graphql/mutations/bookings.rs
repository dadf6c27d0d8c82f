//! Booking, and every step of a stay.

use async_graphql::{Context, ID, InputObject, Object, Result};

use crate::domain::bookings::{self as domain, NewBooking};
use crate::domain::payments;
use crate::graphql::schema::payload::payloads;
use crate::graphql::support::context::{Ask, key};
use crate::graphql::support::errors::{split, split_money};
use crate::graphql::support::idempotency::call;
use crate::graphql::support::money::MoneyInput;
use crate::graphql::support::scalars::LocalTime;
use crate::graphql::types::bookings::Booking;
use crate::graphql::types::payments::{Refund, refund};
use crate::kernel::id::Kind;
use crate::platform::idempotency::Spent;

/// What a guest says who books.
#[derive(InputObject)]
pub struct BookingCreateInput {
    /// The card processor's token for the guest's card. The sandbox takes `ok`, `declined`, `insufficient_funds`, `3ds`,
    /// `3ds_fails`, `slow`, `unknown` and `lost`.
    payment_method_token: Option<String>,
    /// A word to the host.
    message: Option<String>,
    /// When the guest means to arrive.
    expected_arrival: Option<LocalTime>,
}

payloads! {
    /// The booking: CONFIRMED or REQUESTED when it is paid for, PENDING_PAYMENT while the payment needs the guest
    /// (`payment.state` is REQUIRES_ACTION) or has no answer yet (PROCESSING; look again).
    BookingCreatePayload {
        /// The booking.
        booking: Option<Booking>,
    }
    /// The booking after the payment went on.
    BookingPaymentConfirmPayload {
        /// The booking.
        booking: Option<Booking>,
    }
    /// The accepted booking.
    BookingAcceptPayload {
        /// The booking.
        booking: Option<Booking>,
    }
    /// The refused booking.
    BookingDeclinePayload {
        /// The booking.
        booking: Option<Booking>,
    }
    /// The withdrawn booking.
    BookingWithdrawPayload {
        /// The booking.
        booking: Option<Booking>,
    }
    /// The cancelled booking.
    BookingCancelPayload {
        /// The booking.
        booking: Option<Booking>,
        /// What goes back to the guest; null when nothing does.
        refund: Option<Refund>,
    }
    /// The booking whose guest never came.
    BookingNoShowReportPayload {
        /// The booking.
        booking: Option<Booking>,
    }
    /// The booking of which more went back.
    BookingRefundPayload {
        /// The booking.
        booking: Option<Booking>,
        /// What goes back to the guest.
        refund: Option<Refund>,
    }
    /// The refund that is sent again.
    RefundRetryPayload {
        /// The refund.
        refund: Option<Refund>,
    }
    /// The booking with its guest arrived.
    BookingCheckInPayload {
        /// The booking.
        booking: Option<Booking>,
    }
    /// The booking with its stay over.
    BookingCheckOutPayload {
        /// The booking.
        booking: Option<Booking>,
    }
}

/// Parses the id, makes the call and shapes the answer of a step that needs no more than the booking.
macro_rules! step {
    ($ctx:ident, $id:ident, $payload:ident, |$app:ident, $viewer:ident, $key:ident| $call:expr) => {
        step!($ctx, $id, $payload, |$app, $viewer, $key| $call, domain::stepped)
    };
    ($ctx:ident, $id:ident, $payload:ident, |$app:ident, $viewer:ident, $key:ident| $call:expr, $again:path) => {{
        let once = call($ctx);
        let ($app, $viewer) = (once.app(), $ctx.viewer());
        let run = async {
            let $key = key(Kind::Booking, &$id, &["id"])?;
            $call.await
        };
        let done = once.run(run, async |spent| $again($app, $viewer, spent.id(0)?).await).await;
        let (done, user_errors) = split($app, done)?;
        Ok($payload { booking: done.map(Booking::of), user_errors })
    }};
}

/// Booking, and every step of a stay.
#[derive(Default)]
pub struct BookingMutation;

#[Object]
impl BookingMutation {
    /// Claims the nights of a quote and pays for them. All of it happens or nothing does.
    async fn booking_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token of a quote that was made for you.")] quote_token: String,
        #[graphql(desc = "How you pay, and what you say to the host.")] booking: BookingCreateInput,
    ) -> Result<BookingCreatePayload> {
        let request = NewBooking {
            quote_token,
            method: booking.payment_method_token.unwrap_or_default(),
            message: booking.message,
            expected_arrival: booking.expected_arrival.map(|time| time.0),
        };
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = domain::create(app, viewer, request);
        let done = once.run(run, async |spent| domain::created(app, viewer, spent.id(0)?).await).await;
        let (done, user_errors) = split(app, done)?;
        Ok(BookingCreatePayload { booking: done.map(Booking::of), user_errors })
    }

    /// Goes on with a payment after the guest did what their bank asked for.
    async fn booking_payment_confirm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
    ) -> Result<BookingPaymentConfirmPayload> {
        step!(
            ctx,
            id,
            BookingPaymentConfirmPayload,
            |app, viewer, key| domain::confirm_payment(app, viewer, key),
            domain::payment_confirmed
        )
    }

    /// The host accepts a request; the guest is charged.
    async fn booking_accept(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
    ) -> Result<BookingAcceptPayload> {
        step!(ctx, id, BookingAcceptPayload, |app, viewer, key| domain::accept(app, viewer, key))
    }

    /// The host refuses a request; nothing is charged.
    async fn booking_decline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
        #[graphql(desc = "Why; the guest reads it.")] reason: String,
    ) -> Result<BookingDeclinePayload> {
        step!(ctx, id, BookingDeclinePayload, |app, viewer, key| domain::decline(app, viewer, key, &reason))
    }

    /// The guest takes a request back; nothing is charged.
    async fn booking_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
    ) -> Result<BookingWithdrawPayload> {
        step!(ctx, id, BookingWithdrawPayload, |app, viewer, key| domain::withdraw(app, viewer, key))
    }

    /// Cancels a booking. Fails with RefundChangedError unless the refund is still the one that was shown.
    async fn booking_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
        #[graphql(desc = "`cancellation.refund` as it was shown.")] expected_refund: MoneyInput,
        #[graphql(desc = "Why; the other side reads it.")] reason: Option<String>,
    ) -> Result<BookingCancelPayload> {
        let expected = expected_refund.read(&["expectedRefund"]);
        let currency = expected.as_ref().ok().map(|money| money.currency);
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let id = key(Kind::Booking, &id, &["id"])?;
            domain::cancel(app, viewer, id, expected?, reason.as_deref()).await
        };
        let again = async |spent: Spent| domain::cancelled(app, viewer, spent.id(0)?, spent.id(1).ok()).await;
        let (done, user_errors) = split_money(app, once.run(run, again).await, currency)?;
        let (booking, refund) = done.map_or((None, None), |(booking, refund)| {
            let refund = refund.zip(currency).map(|(row, currency)| Refund { row: row.into(), currency });
            (Some(Booking::of(booking)), refund)
        });
        Ok(BookingCancelPayload { booking, refund, user_errors })
    }

    /// Guest or host say that the guest has arrived.
    async fn booking_check_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
    ) -> Result<BookingCheckInPayload> {
        step!(ctx, id, BookingCheckInPayload, |app, viewer, key| domain::check_in(app, viewer, key))
    }

    /// Guest or host say that the guest has left.
    async fn booking_check_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
    ) -> Result<BookingCheckOutPayload> {
        step!(ctx, id, BookingCheckOutPayload, |app, viewer, key| domain::check_out(app, viewer, key))
    }

    /// The host reports that the guest never came, six hours after check-in at the earliest and only when nobody saw
    /// them arrive. The money is settled as if the guest had cancelled at that moment.
    async fn booking_no_show_report(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
    ) -> Result<BookingNoShowReportPayload> {
        step!(ctx, id, BookingNoShowReportPayload, |app, viewer, key| domain::report_no_show(app, viewer, key))
    }

    /// Gives the guest back more than the policy says: the host from their own earnings, staff from all that is left.
    async fn booking_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
        #[graphql(desc = "How much.")] amount: MoneyInput,
        #[graphql(desc = "Why; the guest reads it.")] reason: String,
    ) -> Result<BookingRefundPayload> {
        let amount = amount.read(&["amount"]);
        let currency = amount.as_ref().ok().map(|money| money.currency);
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let id = key(Kind::Booking, &id, &["id"])?;
            domain::refund(app, viewer, id, amount?, &reason).await
        };
        let replay = async |spent: Spent| domain::cancelled(app, viewer, spent.id(0)?, spent.id(1).ok()).await;
        let (done, user_errors) = split_money(app, once.run(run, replay).await, currency)?;
        let (booking, refund) = done.map_or((None, None), |(booking, refund)| {
            let refund = refund.zip(currency).map(|(row, currency)| Refund { row: row.into(), currency });
            (Some(Booking::of(booking)), refund)
        });
        Ok(BookingRefundPayload { booking, refund, user_errors })
    }

    /// Staff have a refund sent again that the processor refused or that came back.
    async fn refund_retry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refund.")] id: ID,
    ) -> Result<RefundRetryPayload> {
        let once = call(ctx);
        let app = once.app();
        let run = async {
            let id = key(Kind::Refund, &id, &["id"])?;
            payments::retry_refund(app, ctx.viewer(), id).await
        };
        let done = once.run(run, async |spent| payments::retried(app, spent.id(0)?).await).await;
        let (done, user_errors) = split(app, done)?;
        let refund = match done {
            Some(row) => refund(ctx, row).await?,
            None => None,
        };
        Ok(RefundRetryPayload { refund, user_errors })
    }
}
