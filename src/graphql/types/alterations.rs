//! Changes of a booking's stay, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};

use super::bookings::Booking;
use super::listings::CancellationPolicy;
use super::prices::PriceBreakdown;
use super::quotes::CancellationTier;
use super::stays::{DateRange, GuestCount, is_host_or_staff};
use super::users::User;
use crate::domain::bookings as domain;
use crate::domain::bookings::{allowed_actions, state};
use crate::domain::error::Error;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{BookingKey, UserKey};
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;

/// State of a change of a booking's stay.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum AlterationState {
    /// The change waits for the response of the other side, or for the payment of the price difference.
    Pending,
    /// The change was accepted and the booking has the new stay.
    Accepted,
    /// The other side declined the change, or the card for the price difference was declined.
    Declined,
    /// The side that requested the change withdrew it.
    Withdrawn,
    /// The change was not answered or paid in time, or the booking ended first.
    Expired,
}

/// Something that the viewer can do with a change of a booking's stay in its current state.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "allowed_actions::AlterationAction")]
pub enum AlterationAction {
    /// The side that did not request the change can call `bookingAlterationAccept`.
    Accept,
    /// The side that did not request the change can call `bookingAlterationDecline`.
    Decline,
    /// The side that requested the change can call `bookingAlterationWithdraw`.
    Withdraw,
}

/// A change of a booking's stay that the guest or the host requested. Visible to the guest, the host and staff.
#[derive(Clone, Description)]
pub struct BookingAlteration(pub(super) Arc<domain::Alteration>);

impl From<domain::Alteration> for BookingAlteration {
    fn from(row: domain::Alteration) -> BookingAlteration {
        BookingAlteration(Arc::new(row))
    }
}

impl BookingAlteration {
    async fn load_booking(&self, ctx: &Context<'_>) -> Result<Arc<domain::Booking>> {
        let booking = ctx.load(BookingKey(self.0.booking_id)).await?;
        booking
            .map(Arc::new)
            .ok_or_else(|| to_graphql_error(Error::failed("the booking of an alteration does not exist")))
    }
}

#[Object(use_type_description)]
impl BookingAlteration {
    /// Global ID of the change, prefixed `alt_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::BookingAlteration, self.0.id)
    }

    /// The booking whose stay is to change.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Booking> {
        Ok(Booking(self.load_booking(ctx).await?))
    }

    /// Current state of the change.
    async fn state(&self) -> AlterationState {
        match self.0.state {
            state::AlterationState::Pending | state::AlterationState::Paying => AlterationState::Pending,
            state::AlterationState::Accepted => AlterationState::Accepted,
            state::AlterationState::Declined => AlterationState::Declined,
            state::AlterationState::Withdrawn => AlterationState::Withdrawn,
            state::AlterationState::Expired => AlterationState::Expired,
        }
    }

    /// The actions that the viewer can take now. Empty if there are none.
    async fn available_actions(&self, ctx: &Context<'_>) -> Result<Vec<AlterationAction>> {
        let booking = self.load_booking(ctx).await?;
        let actions = domain::alterations::available_actions(ctx.app(), ctx.viewer(), &booking, &self.0);
        Ok(actions.map_err(to_graphql_error)?.into_iter().map(Into::into).collect())
    }

    /// Whether both sides agreed and the payment of the price difference is not complete. If the payment needs an
    /// action of the guest, `bookingPaymentConfirm` continues it.
    async fn is_being_paid(&self) -> bool {
        self.0.state == state::AlterationState::Paying
    }

    /// The guest or the host who requested the change.
    async fn requested_by(&self, ctx: &Context<'_>) -> Result<User> {
        let user = ctx.load(UserKey(self.0.requested_by)).await?;
        user.map(User::from)
            .ok_or_else(|| to_graphql_error(Error::failed("the user who requested a change does not exist")))
    }

    /// When the change was requested.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The requested nights, which replace those of the booking.
    async fn stay(&self) -> Result<DateRange> {
        Ok(DateRange::from(self.0.quote().map_err(to_graphql_error)?.stay))
    }

    /// The requested number of guests, by age group.
    async fn guests(&self) -> Result<GuestCount> {
        Ok(self.0.quote().map_err(to_graphql_error)?.price.guests.into())
    }

    /// Requested total minus the current total, in the currency of the booking. If positive, the guest pays it; if
    /// negative, it is refunded to the guest.
    async fn price_difference(&self) -> Result<Money> {
        let currency = self.0.quote().map_err(to_graphql_error)?.price.currency;
        Ok(Money::new(self.0.difference_minor, currency))
    }

    /// Price of the requested stay, line by line. It replaces the price of the booking.
    async fn price(&self, ctx: &Context<'_>) -> Result<PriceBreakdown> {
        let price = self.0.quote().map_err(to_graphql_error)?.price;
        let booking = self.load_booking(ctx).await?;
        Ok(PriceBreakdown { price, for_host: is_host_or_staff(ctx.viewer(), booking.host_id) })
    }

    /// Cancellation policy of the requested stay. It differs from that of the booking only if a stay of fewer than 28
    /// nights becomes one of 28 nights or more, or the reverse.
    async fn cancellation_policy(&self) -> Result<CancellationPolicy> {
        Ok(self.0.quote().map_err(to_graphql_error)?.policy.into())
    }

    /// Refund for a cancellation by the guest once the change is accepted, by deadline, earliest first.
    /// Deadlines in the past are left out.
    async fn cancellation_schedule(&self, ctx: &Context<'_>) -> Result<Vec<CancellationTier>> {
        let booking = self.load_booking(ctx).await?;
        let quote = self.0.quote().map_err(to_graphql_error)?;
        let tiers = booking.cancellation_tiers_of(ctx.app(), &quote);
        Ok(tiers.into_iter().map(|tier| CancellationTier::new(tier, quote.price.currency)).collect())
    }

    /// Explanation by the side that declined the change. Null if it gave none, or if the change was not declined.
    async fn decline_note(&self) -> Option<&str> {
        self.0.decline_note.as_deref()
    }

    /// When a pending change expires: 24 hours after the request, or at check-in (at check-out once the guest has
    /// arrived) if that is earlier, but at least 1 hour after the request. Once both sides have agreed, the end of the
    /// 15 minutes for the payment.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }
}
