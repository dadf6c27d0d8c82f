//! The steps in the life of a booking.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use super::bookings::{Booking, BookingState};
use super::users::User;
use crate::domain::bookings as domain;
use crate::domain::bookings::lifecycle::state;
use crate::domain::error::Error;
use crate::graphql::support::context::{Ask, id};
use crate::graphql::support::errors::shown;
use crate::graphql::support::loaders::{BookingKey, UserKey};
use crate::graphql::support::scalars::{DateTime, Json};
use crate::kernel::id::Kind;

/// Who took a step.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "state::Actor")]
pub enum BookingActor {
    /// The guest.
    Guest,
    /// The host.
    Host,
    /// The marketplace's staff.
    Platform,
    /// The service itself.
    System,
}

/// One step in the life of a booking.
#[derive(Clone)]
pub struct BookingEvent(pub Arc<domain::Event>);

/// One step in the life of a booking.
#[Object]
impl BookingEvent {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::BookingEvent, self.0.id)
    }

    /// The booking that took it, as it stands now.
    async fn booking(&self, ctx: &Context<'_>) -> Result<Booking> {
        let booking = ctx.load(BookingKey(self.0.booking_id)).await?;
        booking.map(Booking::of).ok_or_else(|| shown(Error::failed("a step has no booking")))
    }

    /// When it was taken.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// As what it was taken.
    async fn actor(&self) -> BookingActor {
        self.0.actor.into()
    }

    /// Who took it; null for the service itself.
    async fn user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        let found = ctx.load(UserKey(self.0.user_id?)).await;
        found.map(|row| row.map(User::of)).transpose()
    }

    /// Where the booking stood before; null at its beginning.
    async fn from(&self) -> Option<BookingState> {
        self.0.from_state.map(Into::into)
    }

    /// Where it stood after.
    async fn to(&self) -> BookingState {
        self.0.to_state.into()
    }

    /// What was done, as one word.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// What was said with it; null when nothing was.
    async fn data(&self) -> Option<Json> {
        self.0.data.clone().map(Json)
    }
}
