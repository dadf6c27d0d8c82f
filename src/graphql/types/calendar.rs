//! The calendar of a listing, night by night.

use async_graphql::{Context, Description, Object, Result};

use super::bookings::Booking;
use super::prices::PriceSource;
use super::stays::NightState;
use crate::domain::listings as domain;
use crate::graphql::support::context::RequestContext;
use crate::graphql::support::loaders::BookingKey;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::Date;
use crate::kernel::money::Currency;

/// One night of a listing's calendar, with its price and rules.
#[derive(Description)]
pub struct CalendarDay {
    pub(in crate::graphql) day: domain::CalendarDay,
    pub(in crate::graphql) currency: Currency,
}

#[Object(use_type_description)]
impl CalendarDay {
    /// Date in the listing's time zone on which the night begins.
    async fn date(&self) -> Date {
        Date(self.day.date)
    }

    /// Whether the night is available, and if not, why.
    async fn state(&self) -> NightState {
        self.day.state.into()
    }

    /// Price of the night before discounts, without extra guests, fees and taxes.
    async fn price(&self) -> Money {
        Money::new(self.day.price, self.currency)
    }

    /// Which rule of the listing sets the price of this night.
    async fn price_source(&self) -> PriceSource {
        self.day.price_source.into()
    }

    /// Whether a stay may begin on this date, by the listing's check-in days.
    async fn check_in_allowed(&self) -> bool {
        self.day.check_in_allowed
    }

    /// Whether a stay may end on this date, by the listing's check-out days.
    async fn check_out_allowed(&self) -> bool {
        self.day.check_out_allowed
    }

    /// Minimum number of nights of a stay that begins on this date.
    async fn min_nights(&self) -> i32 {
        self.day.min_nights
    }

    /// The host's private note on the night. Null if there is none, or the viewer is neither the host nor staff.
    async fn note(&self) -> Option<&str> {
        self.day.note.as_deref()
    }

    /// The booking that occupies or holds the night. Null if there is none, or the viewer is neither its guest, its
    /// host nor staff.
    async fn booking(&self, ctx: &Context<'_>) -> Option<Result<Booking>> {
        let booking = self.day.booking_id.filter(|_| ctx.viewer().user().is_some())?;
        ctx.load(BookingKey(booking)).await.map(|found| found.map(Booking::from)).transpose()
    }
}
