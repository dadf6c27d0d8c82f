//! Changes of a booking's stay, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};

use super::quotes::Quote;
use super::stays::{DateRange, GuestCount};
use super::users::User;
use crate::domain::bookings as domain;
use crate::domain::bookings::state;
use crate::domain::error::Error;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::UserKey;
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

/// A change of a booking's stay that the guest or the host requested. Visible to the guest, the host and staff.
#[derive(Clone, Description)]
pub struct BookingAlteration(pub(super) Arc<domain::Alteration>);

impl From<domain::Alteration> for BookingAlteration {
    fn from(row: domain::Alteration) -> BookingAlteration {
        BookingAlteration(Arc::new(row))
    }
}

#[Object(use_type_description)]
impl BookingAlteration {
    /// Global ID of the change, prefixed `alt_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::BookingAlteration, self.0.id)
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

    /// The price and conditions of the requested stay. This quote cannot be used in `bookingCreate`.
    async fn quote(&self, ctx: &Context<'_>) -> Result<Quote> {
        let quote = self.0.quote().map_err(to_graphql_error)?;
        let token = domain::sign_quote(ctx.app(), &quote).map_err(to_graphql_error)?;
        Ok(Quote { quote, token })
    }

    /// When a pending change expires: 24 hours after the request, or at check-in (at check-out once the guest has
    /// arrived) if that is earlier, but at least 1 hour after the request. Once both sides have agreed, the end of the
    /// 15 minutes for the payment.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }
}
