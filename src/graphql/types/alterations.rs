//! Changes of a booking's stay.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use super::bookings::Booking;
use super::quotes::Quote;
use super::stays::{DateRange, GuestCount, StayInput};
use super::users::User;
use crate::domain::bookings as domain;
use crate::domain::bookings::alterations;
use crate::domain::bookings::lifecycle::state;
use crate::domain::error::Error;
use crate::graphql::schema::payload::payloads;
use crate::graphql::support::context::{Ask, id, key};
use crate::graphql::support::errors::{shown, split};
use crate::graphql::support::idempotency::call;
use crate::graphql::support::loaders::UserKey;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;

/// Where a change of a booking stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum AlterationState {
    /// Waits for the other side, or for the payment of the difference.
    Pending,
    /// The booking is changed.
    Accepted,
    /// Refused by the other side, or by the card.
    Declined,
    /// Taken back by who asked.
    Withdrawn,
    /// Nobody answered in time, or the booking ended first.
    Expired,
}

/// A change of a booking's stay that one side asked for.
#[derive(Clone)]
pub struct BookingAlteration(pub(super) Arc<domain::Alteration>);

impl BookingAlteration {
    pub(in crate::graphql) fn of(row: domain::Alteration) -> BookingAlteration {
        BookingAlteration(Arc::new(row))
    }
}

/// A change of a booking's stay that one side asked for.
#[Object]
impl BookingAlteration {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::BookingAlteration, self.0.id)
    }

    /// Where it stands.
    async fn state(&self) -> AlterationState {
        match self.0.state {
            state::AlterationState::Pending | state::AlterationState::Paying => AlterationState::Pending,
            state::AlterationState::Accepted => AlterationState::Accepted,
            state::AlterationState::Declined => AlterationState::Declined,
            state::AlterationState::Withdrawn => AlterationState::Withdrawn,
            state::AlterationState::Expired => AlterationState::Expired,
        }
    }

    /// Whether both sides agreed and the difference is being paid; `bookingPaymentConfirm` goes on with a payment that
    /// needs the guest.
    async fn is_being_paid(&self) -> bool {
        self.0.state == state::AlterationState::Paying
    }

    /// Who asked.
    async fn requested_by(&self, ctx: &Context<'_>) -> Result<User> {
        let user = ctx.load(UserKey(self.0.requested_by)).await?;
        user.map(User::of).ok_or_else(|| shown(Error::failed("a change has nobody who asked")))
    }

    /// The stay that was asked for.
    async fn stay(&self) -> Result<DateRange> {
        Ok(DateRange::of(self.0.quote().map_err(shown)?.stay))
    }

    /// Who would come.
    async fn guests(&self) -> Result<GuestCount> {
        Ok(self.0.quote().map_err(shown)?.price.guests.into())
    }

    /// What the guest pays more; below zero, what they get back.
    async fn price_difference(&self) -> Result<Money> {
        let currency = self.0.quote().map_err(shown)?.price.currency;
        Ok(Money::new(self.0.difference_minor, currency))
    }

    /// The price promise of the other stay.
    async fn quote(&self, ctx: &Context<'_>) -> Result<Quote> {
        let quote = self.0.quote().map_err(shown)?;
        let token = domain::sign(ctx.app(), &quote).map_err(shown)?;
        Ok(Quote { quote, token })
    }

    /// When it ends by itself.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }
}

payloads! {
    /// The change that was asked for.
    BookingAlterationRequestPayload {
        /// The change.
        alteration: Option<BookingAlteration>,
    }
    /// The booking after the answer to a change.
    BookingAlterationRespondPayload {
        /// The booking.
        booking: Option<Booking>,
        /// The change.
        alteration: Option<BookingAlteration>,
    }
}

/// Changes of a booking's stay.
#[derive(Default)]
pub struct AlterationMutation;

#[Object]
impl AlterationMutation {
    /// Asks the other side for another stay in place of the one that is booked. A long stay that its guest only
    /// shortens, with a month's notice, is changed at once.
    async fn booking_alteration_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking.")] id: ID,
        #[graphql(desc = "Which nights, and who comes.")] stay: StayInput,
        #[graphql(desc = "The card that pays a higher price, from the guest; else that of the booking.")]
        payment_method_token: Option<String>,
    ) -> Result<BookingAlterationRequestPayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let id = key(Kind::Booking, &id, &["id"])?;
            let wanted = stay.read(&["stay"], "", false)?;
            alterations::request(app, viewer, id, wanted, payment_method_token).await
        };
        let done = once.run(run, async |spent| alterations::requested(app, viewer, spent.id(0)?).await).await;
        let (done, user_errors) = split(app, done)?;
        Ok(BookingAlterationRequestPayload { alteration: done.map(BookingAlteration::of), user_errors })
    }

    /// Answers to a change that the other side asked for; who asked may take it back by `accept: false`. The stay is
    /// changed once a difference is set aside on the guest's card; one that is lower is paid back.
    async fn booking_alteration_respond(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] id: ID,
        #[graphql(desc = "Whether you agree.")] accept: bool,
        #[graphql(desc = "The card that pays a higher price, from the guest; else that of the booking.")]
        payment_method_token: Option<String>,
    ) -> Result<BookingAlterationRespondPayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let id = key(Kind::BookingAlteration, &id, &["id"])?;
            alterations::respond(app, viewer, id, accept, payment_method_token).await
        };
        let done = once.run(run, async |spent| alterations::responded(app, viewer, spent.id(0)?).await).await;
        let (done, user_errors) = split(app, done)?;
        let (booking, alteration) = done.unzip();
        Ok(BookingAlterationRespondPayload {
            booking: booking.map(Booking::of),
            alteration: alteration.map(BookingAlteration::of),
            user_errors,
        })
    }
}
