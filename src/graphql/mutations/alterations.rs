//! Mutations that change the stay of a booking.

use async_graphql::{Context, ID, Object, Result};

use super::payload::payloads;
use crate::domain::bookings;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::idempotency::prepare_call;
use crate::graphql::types::alterations::BookingAlteration;
use crate::graphql::types::bookings::Booking;
use crate::graphql::types::stays::StayInput;
use crate::graphql::types::user_errors::into_payload;
use crate::kernel::id::Kind;

payloads! {
    /// Result of the mutation `bookingAlterationRequest`.
    BookingAlterationRequestPayload {
        /// The requested change. Null if the mutation was refused.
        alteration: Option<BookingAlteration>,
        /// The booking whose stay is to change. Null if the mutation was refused.
        booking: Option<Booking>,
    }
    /// Result of the mutation `bookingAlterationAccept`.
    BookingAlterationAcceptPayload {
        /// The booking after the answer. Null if the mutation was refused.
        booking: Option<Booking>,
        /// The change after the answer. Null if the mutation was refused.
        alteration: Option<BookingAlteration>,
    }
    /// Result of the mutation `bookingAlterationDecline`.
    BookingAlterationDeclinePayload {
        /// The booking after the answer. Null if the mutation was refused.
        booking: Option<Booking>,
        /// The change after the answer. Null if the mutation was refused.
        alteration: Option<BookingAlteration>,
    }
    /// Result of the mutation `bookingAlterationWithdraw`.
    BookingAlterationWithdrawPayload {
        /// The booking after the withdrawal. Null if the mutation was refused.
        booking: Option<Booking>,
        /// The change after the withdrawal. Null if the mutation was refused.
        alteration: Option<BookingAlteration>,
    }
}

/// Executes an answer to a change of a booking, or rebuilds the response of its idempotency key.
macro_rules! respond {
    ($ctx:ident, $id:ident, |$app:ident, $viewer:ident, $uuid:ident| $answer:expr) => {{
        let call = prepare_call($ctx);
        let ($app, $viewer) = (call.app(), $ctx.viewer());
        let run = async {
            let $uuid = parse_id(Kind::BookingAlteration, &$id, &["id"])?;
            $answer.await
        };
        let done = call
            .run(run, async |effect| bookings::replay::respond_to_alteration($app, $viewer, effect.id(0)?).await)
            .await;
        let (done, user_errors) = into_payload($app, done)?;
        let (booking, alteration) = done.unzip();
        (booking.map(Booking::from), alteration.map(BookingAlteration::from), user_errors)
    }};
}

/// Mutations of changes of a booking's stay.
#[derive(Default)]
pub struct AlterationMutation;

#[Object]
impl AlterationMutation {
    /// Requests another stay in place of the booked one. The other side answers within 24 hours with
    /// `bookingAlterationAccept` or `bookingAlterationDecline`. If the guest only shortens a stay of 28 nights or more that stays one, with 30 days of notice, the
    /// change is made at once. Refused with STATE_CONFLICT while another change is pending, and with NIGHTS_UNAVAILABLE
    /// or STAY_RULE_VIOLATED if the stay cannot be booked. Requires an idempotency key, so that a retry does not
    /// request the change twice.
    async fn booking_alteration_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] id: ID,
        #[graphql(desc = "Requested dates and guests.")] stay: StayInput,
        #[graphql(
            desc = "Token of the guest's card for a higher price, at most 200 characters. Ignored from the host. If \
                    absent, the card of the booking is used."
        )]
        payment_method_token: Option<String>,
    ) -> Result<BookingAlterationRequestPayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::Booking, &id, &["id"])?;
            let wanted = stay.to_request(&["stay"], "", false)?;
            bookings::request_alteration(app, viewer, id, wanted, payment_method_token).await
        };
        let done =
            call.run(run, async |effect| bookings::replay::request_alteration(app, viewer, effect.id(0)?).await).await;
        let (done, user_errors) = into_payload(app, done)?;
        let (booking, alteration) = done.unzip();
        let (booking, alteration) = (booking.map(Booking::from), alteration.map(BookingAlteration::from));
        Ok(BookingAlterationRequestPayload { alteration, booking, user_errors })
    }

    /// Accepts a requested change of a booking. Only the other side can call it; for the side that requested the change
    /// it is refused with FORBIDDEN. A higher price is authorized on the guest's card before the stay changes; a lower
    /// one is refunded. Refused with STATE_CONFLICT if the change does not wait for an answer, NIGHTS_UNAVAILABLE if
    /// nights were booked meanwhile, and PAYMENT_DECLINED. Requires an idempotency key, so that a retry does not charge
    /// the guest twice.
    async fn booking_alteration_accept(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the change, prefixed `alt_`.")] id: ID,
        #[graphql(
            desc = "Token of the guest's card for a higher price, at most 200 characters. Ignored from the host. If \
                    absent, the card named in the request is used, or that of the booking."
        )]
        payment_method_token: Option<String>,
    ) -> Result<BookingAlterationAcceptPayload> {
        let (booking, alteration, user_errors) =
            respond!(ctx, id, |app, viewer, id| { bookings::accept_alteration(app, viewer, id, payment_method_token) });
        Ok(BookingAlterationAcceptPayload { booking, alteration, user_errors })
    }

    /// Declines a requested change of a booking, whose stay remains as it is. Only the other side can call it; for the
    /// side that requested the change it is refused with FORBIDDEN. Refused with STATE_CONFLICT if the change does not
    /// wait for an answer.
    async fn booking_alteration_decline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the change, prefixed `alt_`.")] id: ID,
        #[graphql(
            desc = "Explanation for the side that requested the change, at most 1,000 characters. If absent, none is \
                    recorded."
        )]
        reason: Option<String>,
    ) -> Result<BookingAlterationDeclinePayload> {
        let (booking, alteration, user_errors) =
            respond!(ctx, id, |app, viewer, id| { bookings::decline_alteration(app, viewer, id, reason.as_deref()) });
        Ok(BookingAlterationDeclinePayload { booking, alteration, user_errors })
    }

    /// Withdraws a change of a booking that the viewer requested. Only the side that requested it can call it; for the
    /// other side it is refused with FORBIDDEN. Refused with STATE_CONFLICT if the change does not wait for an answer.
    async fn booking_alteration_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the change, prefixed `alt_`.")] id: ID,
    ) -> Result<BookingAlterationWithdrawPayload> {
        let (booking, alteration, user_errors) =
            respond!(ctx, id, |app, viewer, id| bookings::withdraw_alteration(app, viewer, id));
        Ok(BookingAlterationWithdrawPayload { booking, alteration, user_errors })
    }
}
