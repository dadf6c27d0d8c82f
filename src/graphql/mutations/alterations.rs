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
    }
    /// Result of the mutation `bookingAlterationRespond`.
    BookingAlterationRespondPayload {
        /// The booking after the response. Null if the mutation was refused.
        booking: Option<Booking>,
        /// The change after the response. Null if the mutation was refused.
        alteration: Option<BookingAlteration>,
    }
}

/// Mutations of changes of a booking's stay.
#[derive(Default)]
pub struct AlterationMutation;

#[Object]
impl AlterationMutation {
    /// Requests another stay in place of the booked one. The other side answers with `bookingAlterationRespond` within
    /// 24 hours. If the guest only shortens a stay of 28 nights or more that stays one, with 30 days of notice, the
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
        Ok(BookingAlterationRequestPayload { alteration: done.map(BookingAlteration::from), user_errors })
    }

    /// Accepts, declines or withdraws a requested change of a booking. The other side can accept or decline; the side
    /// that requested it can only withdraw. A higher price is authorized on the guest's card before the stay changes; a
    /// lower one is refunded. Refused with STATE_CONFLICT if the change is no longer pending, NIGHTS_UNAVAILABLE if
    /// nights were booked meanwhile, and PAYMENT_DECLINED. Requires an idempotency key, so that a retry does not charge
    /// the guest twice.
    async fn booking_alteration_respond(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the change, prefixed `alt_`.")] id: ID,
        #[graphql(
            desc = "`true` accepts the change. `false` declines it, or withdraws it if the viewer requested it."
        )]
        accept: bool,
        #[graphql(
            desc = "Token of the guest's card for a higher price, at most 200 characters. Ignored from the host. If \
                    absent, the card named in the request is used, or that of the booking."
        )]
        payment_method_token: Option<String>,
    ) -> Result<BookingAlterationRespondPayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::BookingAlteration, &id, &["id"])?;
            bookings::respond_to_alteration(app, viewer, id, accept, payment_method_token).await
        };
        let done = call
            .run(run, async |effect| bookings::replay::respond_to_alteration(app, viewer, effect.id(0)?).await)
            .await;
        let (done, user_errors) = into_payload(app, done)?;
        let (booking, alteration) = done.unzip();
        Ok(BookingAlterationRespondPayload {
            booking: booking.map(Booking::from),
            alteration: alteration.map(BookingAlteration::from),
            user_errors,
        })
    }
}
