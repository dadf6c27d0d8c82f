//! Events of a booking, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result};

use super::bookings::{Booking, BookingState};
use super::users::User;
use crate::domain::bookings as domain;
use crate::domain::bookings::state;
use crate::domain::error::Error;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{BookingKey, UserKey};
use crate::graphql::support::scalars::{DateTime, Json};
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

/// One recorded change of a booking. Visible to the guest, the host and staff.
#[derive(Clone, Description)]
pub struct BookingEvent(Arc<domain::Event>);

impl From<domain::Event> for BookingEvent {
    fn from(row: domain::Event) -> BookingEvent {
        BookingEvent(Arc::new(row))
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
        let booking = ctx.load(BookingKey(self.0.booking_id)).await?;
        booking
            .map(Booking::from)
            .ok_or_else(|| to_graphql_error(Error::failed("the booking of an event does not exist")))
    }

    /// When the event happened.
    async fn at(&self) -> DateTime {
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
    async fn from(&self) -> Option<BookingState> {
        self.0.from_state.map(Into::into)
    }

    /// State of the booking after the event. Equal to `from` if the event did not change the state.
    async fn to(&self) -> BookingState {
        self.0.to_state.into()
    }

    /// Name of the event in snake case, such as `create`, `confirm`, `cancel` or `refund`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// Details of the event, such as the `reason` that a person gave. Their keys depend on `action`. Null if the event
    /// has none.
    async fn data(&self) -> Option<Json> {
        self.0.data.clone().map(Json)
    }
}
