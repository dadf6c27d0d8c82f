//! Mutations of bookings: creating them, and every later change of their state.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::payload::payloads;
use crate::domain::bookings::{self as domain, NewBooking};
use crate::domain::payments;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::idempotency::prepare_call;
use crate::graphql::support::money::MoneyInput;
use crate::graphql::support::scalars::LocalTime;
use crate::graphql::types::bookings::Booking;
use crate::graphql::types::payments::{Refund, refund_in_currency};
use crate::graphql::types::user_errors::{into_payload, into_payload_in};
use crate::kernel::id::Kind;
use crate::platform::idempotency::RecordedEffect;

/// Payment and message of a new booking.
#[derive(InputObject)]
pub struct BookingCreateInput {
    /// Token of the processor for the guest's card, at most 200 characters. If absent, the booking is refused with
    /// REQUIRED. The sandbox accepts `ok`, `declined`, `insufficient_funds`, `3ds`, `3ds_fails`, `slow`, `unknown` and
    /// `lost`.
    payment_method_token: Option<String>,
    /// Message to the host, at most 2,000 characters. If absent, there is none.
    message: Option<String>,
    /// Local time at which the guest expects to arrive. If absent, none is recorded.
    expected_arrival: Option<LocalTime>,
}

payloads! {
    /// Result of the mutation `bookingCreate`. The booking is CONFIRMED or REQUESTED if the payment is authorized. It
    /// is PENDING_PAYMENT if the payment needs an action of the guest (REQUIRES_ACTION) or has no response yet
    /// (PROCESSING); in the second case, fetch the booking once more later.
    BookingCreatePayload {
        /// The new booking. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingPaymentConfirm`.
    BookingPaymentConfirmPayload {
        /// The booking after the payment was continued. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingAccept`.
    BookingAcceptPayload {
        /// The accepted booking. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingDecline`.
    BookingDeclinePayload {
        /// The declined booking. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingWithdraw`.
    BookingWithdrawPayload {
        /// The withdrawn booking. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingCancel`.
    BookingCancelPayload {
        /// The cancelled booking. Null if the mutation was refused.
        booking: Option<Booking>,
        /// The refund to the guest. Null if nothing is refunded or the mutation was refused.
        refund: Option<Refund>,
    }
    /// Result of the mutation `bookingNoShowReport`.
    BookingNoShowReportPayload {
        /// The booking in the state NO_SHOW. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingRefund`.
    BookingRefundPayload {
        /// The booking after the refund was recorded. Null if the mutation was refused.
        booking: Option<Booking>,
        /// The recorded refund. Null if the mutation was refused.
        refund: Option<Refund>,
    }
    /// Result of the mutation `refundRetry`.
    RefundRetryPayload {
        /// The refund, which is PENDING until the processor responds. Null if the mutation was refused.
        refund: Option<Refund>,
        /// The booking whose guest is paid back. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingCheckIn`.
    BookingCheckInPayload {
        /// The booking in the state CHECKED_IN. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingCheckOut`.
    BookingCheckOutPayload {
        /// The booking in the state COMPLETED. Null if the mutation was refused.
        booking: Option<Booking>,
    }
}

/// Implements a mutation whose only input is the booking: parses the ID, calls the domain and builds the payload.
macro_rules! change_booking {
    ($ctx:ident, $id:ident, $payload:ident, |$app:ident, $viewer:ident, $key:ident| $call:expr) => {
        change_booking!($ctx, $id, $payload, |$app, $viewer, $key| $call, domain::replay::transition)
    };
    ($ctx:ident, $id:ident, $payload:ident, |$app:ident, $viewer:ident, $key:ident| $call:expr, $replay:path) => {{
        let call = prepare_call($ctx);
        let ($app, $viewer) = (call.app(), $ctx.viewer());
        let run = async {
            let $key = parse_id(Kind::Booking, &$id, &["id"])?;
            $call.await
        };
        let done = call.run(run, async |effect| $replay($app, $viewer, effect.id(0)?).await).await;
        let (done, user_errors) = into_payload($app, done)?;
        Ok($payload { booking: done.map(Booking::from), user_errors })
    }};
}

/// Mutations of bookings.
#[derive(Default)]
pub struct BookingMutation;

#[Object]
impl BookingMutation {
    /// Books the stay of a quote: reserves the nights and authorizes the total on the guest's card, or does neither.
    /// With the mode INSTANT the booking is confirmed and the card is charged; with REQUEST the host has up to 24 hours
    /// to respond. Refused with QUOTE_EXPIRED and a new quote, QUOTE_CONSUMED, NIGHTS_UNAVAILABLE, STAY_RULE_VIOLATED
    /// or PAYMENT_DECLINED. After a declined card, the same quote can be tried with another card and a new idempotency
    /// key. Requires an idempotency key, so that a retry does not book and charge twice.
    async fn booking_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "`token` of a quote that was made for the viewer.")] quote_token: String,
        #[graphql(desc = "Payment and message to the host.")] booking: BookingCreateInput,
    ) -> Result<BookingCreatePayload> {
        let request = NewBooking {
            quote_token,
            method: booking.payment_method_token.unwrap_or_default(),
            message: booking.message,
            expected_arrival: booking.expected_arrival.map(|time| time.0),
        };
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = domain::create(app, viewer, request);
        let done = call.run(run, async |effect| domain::replay::create(app, viewer, effect.id(0)?).await).await;
        let (done, user_errors) = into_payload(app, done)?;
        Ok(BookingCreatePayload { booking: done.map(Booking::from), user_errors })
    }

    /// Continues a payment after the guest completed the action at the bank. Only the guest can call it. Refused with
    /// PAYMENT_ACTION_REQUIRED if the action is not complete, and with PAYMENT_DECLINED. An idempotency key is
    /// optional.
    async fn booking_payment_confirm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
    ) -> Result<BookingPaymentConfirmPayload> {
        change_booking!(
            ctx,
            id,
            BookingPaymentConfirmPayload,
            |app, viewer, key| domain::confirm_payment(app, viewer, key),
            domain::replay::confirm_payment
        )
    }

    /// Accepts a requested booking and charges the guest. Only the host can call it. Other requests for the same nights
    /// are declined. Refused with STATE_CONFLICT if the request has ended, and with NIGHTS_UNAVAILABLE if the nights
    /// are not free.
    async fn booking_accept(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
    ) -> Result<BookingAcceptPayload> {
        change_booking!(ctx, id, BookingAcceptPayload, |app, viewer, key| domain::accept(app, viewer, key))
    }

    /// Declines a requested booking and releases the authorization of the card. Only the host can call it. Refused with
    /// STATE_CONFLICT if the request has ended.
    async fn booking_decline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
        #[graphql(desc = "Explanation for the guest, at most 1,000 characters.")] reason: String,
    ) -> Result<BookingDeclinePayload> {
        change_booking!(ctx, id, BookingDeclinePayload, |app, viewer, key| domain::decline(app, viewer, key, &reason))
    }

    /// Withdraws a requested booking and releases the authorization of the card. Only the guest can call it. Refused
    /// with STATE_CONFLICT if the host has responded or the request has expired.
    async fn booking_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
    ) -> Result<BookingWithdrawPayload> {
        change_booking!(ctx, id, BookingWithdrawPayload, |app, viewer, key| domain::withdraw(app, viewer, key))
    }

    /// Cancels a confirmed booking and sends the refund. The guest, the host and staff can call it. Staff choose the
    /// refund with `expectedRefund`; for all others the refund follows from the cancellation policy. Refused with
    /// REFUND_CHANGED and the current preview if the refund differs from `expectedRefund`, and with STATE_CONFLICT.
    /// Requires an idempotency key, so that a retry returns the same refund.
    async fn booking_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
        #[graphql(desc = "The refund that was shown to the person, as `Booking.cancellationPreview.refund`.")]
        expected_refund: MoneyInput,
        #[graphql(desc = "Explanation for the other side, at most 1,000 characters. If absent, none is recorded.")]
        reason: Option<String>,
    ) -> Result<BookingCancelPayload> {
        let expected = expected_refund.to_money(&["expectedRefund"]);
        let currency = expected.as_ref().ok().map(|money| money.currency);
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::Booking, &id, &["id"])?;
            domain::cancel(app, viewer, id, expected?, reason.as_deref()).await
        };
        let replay =
            async |effect: RecordedEffect| domain::replay::cancel(app, viewer, effect.id(0)?, effect.id(1).ok()).await;
        let (done, user_errors) = into_payload_in(app, call.run(run, replay).await, currency)?;
        let (booking, refund) = done.map_or((None, None), |(booking, refund)| {
            let refund = refund.zip(currency);
            let booking_id = booking.id;
            let refund = refund.map(|(row, currency)| Refund { row: row.into(), booking_id, currency });
            (Some(Booking::from(booking)), refund)
        });
        Ok(BookingCancelPayload { booking, refund, user_errors })
    }

    /// Reports that the guest has arrived. The guest and the host can call it from the date of check-in on. Refused
    /// with STATE_CONFLICT in any state but CONFIRMED.
    async fn booking_check_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
    ) -> Result<BookingCheckInPayload> {
        change_booking!(ctx, id, BookingCheckInPayload, |app, viewer, key| domain::check_in(app, viewer, key))
    }

    /// Reports that the guest has left, which completes the stay. The guest and the host can call it. Refused with
    /// STATE_CONFLICT in any state but CHECKED_IN.
    async fn booking_check_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
    ) -> Result<BookingCheckOutPayload> {
        change_booking!(ctx, id, BookingCheckOutPayload, |app, viewer, key| domain::check_out(app, viewer, key))
    }

    /// Reports that the guest did not arrive. Only the host can call it, from 6 hours after check-in on, and only if
    /// nobody reported the arrival. The money is settled as if the guest had cancelled at this moment. Refused with
    /// STATE_CONFLICT before that.
    async fn booking_no_show_report(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
    ) -> Result<BookingNoShowReportPayload> {
        change_booking!(ctx, id, BookingNoShowReportPayload, |app, viewer, key| domain::report_no_show(
            app, viewer, key
        ))
    }

    /// Refunds an amount in addition to the cancellation policy. The host can refund up to their own earnings, staff up
    /// to all that is left of the payment. The guest cannot call it. Refused with INVALID if the amount is too high,
    /// and with STATE_CONFLICT while a charge is in progress. Requires an idempotency key, so that a retry does not
    /// refund twice.
    async fn booking_refund(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
        #[graphql(desc = "Refunded amount, greater than zero, in the currency of the booking.")] amount: MoneyInput,
        #[graphql(desc = "Explanation for the guest, at most 1,000 characters.")] reason: String,
    ) -> Result<BookingRefundPayload> {
        let amount = amount.to_money(&["amount"]);
        let currency = amount.as_ref().ok().map(|money| money.currency);
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::Booking, &id, &["id"])?;
            domain::refund(app, viewer, id, amount?, &reason).await
        };
        let replay =
            async |effect: RecordedEffect| domain::replay::cancel(app, viewer, effect.id(0)?, effect.id(1).ok()).await;
        let (done, user_errors) = into_payload_in(app, call.run(run, replay).await, currency)?;
        let (booking, refund) = done.map_or((None, None), |(booking, refund)| {
            let refund = refund.zip(currency);
            let booking_id = booking.id;
            let refund = refund.map(|(row, currency)| Refund { row: row.into(), booking_id, currency });
            (Some(Booking::from(booking)), refund)
        });
        Ok(BookingRefundPayload { booking, refund, user_errors })
    }

    /// Sends a refund to the processor once more after it failed. Only staff can call it; for others it is refused with
    /// NOT_FOUND. Refused with STATE_CONFLICT in any state but FAILED.
    async fn refund_retry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the refund, prefixed `rfd_`.")] id: ID,
    ) -> Result<RefundRetryPayload> {
        let call = prepare_call(ctx);
        let app = call.app();
        let run = async {
            let id = parse_id(Kind::Refund, &id, &["id"])?;
            payments::retry_refund(app, ctx.viewer(), id).await
        };
        let done = call.run(run, async |effect| payments::load_refund(app, effect.id(0)?).await).await;
        let (done, user_errors) = into_payload(app, done)?;
        let refund = match done {
            Some(row) => refund_in_currency(ctx, row).await?,
            None => None,
        };
        let booking = match &refund {
            Some(refund) => Some(refund.load_booking(ctx).await?),
            None => None,
        };
        Ok(RefundRetryPayload { refund, booking, user_errors })
    }
}
