//! Events of a booking, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};
use futures_util::future::try_join;

use super::alterations::BookingAlteration;
use super::bookings::{Booking, BookingState};
use super::payments::Refund;
use super::stays::DateRange;
use super::users::User;
use crate::domain::bookings as domain;
use crate::domain::bookings::state;
use crate::domain::error::Error;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{AlterationKey, BookingKey, RefundKey, UserKey};
use crate::graphql::support::money::stored_currency;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;

/// Role in which a booking was changed.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "state::Actor")]
pub enum BookingActor {
    /// The guest of the booking.
    Guest,
    /// The host of the booking.
    Host,
    /// A member of the marketplace's staff.
    Platform,
    /// The service itself, for example when a deadline passes.
    System,
}

/// What happened to a booking.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::EventKind")]
pub enum BookingEventAction {
    /// The guest created the booking.
    Create,
    /// The card was authorized, and the request was sent to the host.
    Request,
    /// The card was authorized, and the booking was confirmed at once.
    Confirm,
    /// The host accepted the request.
    Accept,
    /// The host declined the request, or another stay for the same nights was confirmed.
    Decline,
    /// Another guest booked the nights before the payment was complete.
    NightsLost,
    /// The guest withdrew the request.
    Withdraw,
    /// The host did not respond to the request in time.
    RequestExpired,
    /// The authorization of the card ended before the host responded.
    AuthorizationLost,
    /// The card was declined.
    PaymentFailed,
    /// The guest did not complete the payment in time.
    PaymentExpired,
    /// The guest, the host or staff cancelled the booking.
    Cancel,
    /// The card was declined after the confirmation, and the service cancelled the booking.
    ChargeRefused,
    /// The host reported that the guest did not arrive.
    NoShow,
    /// The guest or the host reported the arrival, or the check-in time passed.
    CheckIn,
    /// The guest or the host reported the departure, or the check-out time passed.
    CheckOut,
    /// The host or staff refunded an amount in addition to the cancellation policy.
    Refund,
    /// The guest or the host requested a change of the stay.
    RequestAlteration,
    /// The other side accepted a change whose price difference has to be paid first.
    AgreeAlteration,
    /// The stay was changed.
    Alter,
    /// The other side declined a change of the stay.
    DeclineAlteration,
    /// The side that requested a change of the stay withdrew it.
    WithdrawAlteration,
    /// A change of the stay was not answered or paid in time, or had become impossible.
    AlterationExpired,
    /// The card was declined for the price difference of a change of the stay.
    AlterationUnpaid,
}

/// One recorded change of a booking. Visible to the guest, the host and staff.
#[derive(Clone, Description)]
pub struct BookingEvent(Arc<domain::Event>);

impl From<domain::Event> for BookingEvent {
    fn from(row: domain::Event) -> BookingEvent {
        BookingEvent(Arc::new(row))
    }
}

impl BookingEvent {
    async fn load_booking(&self, ctx: &Context<'_>) -> Result<Arc<domain::Booking>> {
        let booking = ctx.load(BookingKey(self.0.booking_id)).await?;
        let booking = booking.map(Arc::new);
        booking.ok_or_else(|| to_graphql_error(Error::failed("the booking of an event does not exist")))
    }

    fn details(&self) -> Option<&domain::EventDetails> {
        self.0.details.as_ref()
    }
}

#[Object(use_type_description)]
impl BookingEvent {
    /// Global ID of the event, prefixed `bev_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::BookingEvent, self.0.id)
    }

    /// The booking in its current state, not as it was at the event.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Booking> {
        self.load_booking(ctx).await.map(Booking)
    }

    /// What happened to the booking.
    async fn action(&self) -> BookingEventAction {
        self.0.kind.into()
    }

    /// When the event happened.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// Role in which the event was caused.
    async fn actor(&self) -> BookingActor {
        self.0.actor.into()
    }

    /// The user who caused the event. Null if the service itself caused it.
    async fn user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        let found = ctx.load(UserKey(self.0.user_id?)).await;
        found.map(|row| row.map(User::from)).transpose()
    }

    /// State of the booking before the event. Null for the first event of a booking.
    async fn from_state(&self) -> Option<BookingState> {
        self.0.from_state.map(Into::into)
    }

    /// State of the booking after the event. Equal to `fromState` if the event did not change the state.
    async fn to_state(&self) -> BookingState {
        self.0.to_state.into()
    }

    /// What the user who caused the event wrote for the other side, such as `reason` of `bookingDecline`. Null if they
    /// wrote nothing.
    async fn note(&self) -> Option<&str> {
        self.details()?.note.as_deref()
    }

    /// The refund that the event caused. If it is made from several payments, the largest part. Null if the event caused
    /// none.
    async fn refund(&self, ctx: &Context<'_>) -> Result<Option<Refund>> {
        let Some(id) = self.details().and_then(|details| details.refund_id) else { return Ok(None) };
        // Together, so that the booking is loaded in the batch of the field `booking`.
        let (row, booking) = try_join(ctx.load(RefundKey(id)), self.load_booking(ctx)).await?;
        let Some(row) = row else { return Ok(None) };
        let currency = stored_currency(&booking.currency).map_err(to_graphql_error)?;
        Ok(Some(Refund { row: Arc::new(row), booking_id: booking.id, currency }))
    }

    /// The requested change of the stay that the event concerns, in its current state. Null if it concerns none.
    async fn alteration(&self, ctx: &Context<'_>) -> Result<Option<BookingAlteration>> {
        let Some(id) = self.details().and_then(|details| details.alteration_id) else { return Ok(None) };
        Ok(ctx.load(AlterationKey(id)).await?.map(BookingAlteration::from))
    }

    /// The booked nights before the event. Null unless the event is ALTER.
    async fn stay_before(&self) -> Option<DateRange> {
        self.details()?.stay_before.map(DateRange::from)
    }

    /// The booked nights after the event. Null unless the event is ALTER.
    async fn stay_after(&self) -> Option<DateRange> {
        self.details()?.stay_after.map(DateRange::from)
    }
}
