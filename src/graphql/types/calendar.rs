//! The calendar of a place, night by night.

use async_graphql::{Context, Object, Result};

use super::bookings::Booking;
use super::prices::PriceSource;
use super::stays::NightState;
use crate::domain::listings as domain;
use crate::graphql::support::context::Ask;
use crate::graphql::support::loaders::BookingKey;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::Date;
use crate::kernel::money::Currency;

/// One night of a calendar.
pub struct CalendarDay {
    pub(in crate::graphql) day: domain::CalendarDay,
    pub(in crate::graphql) currency: Currency,
}

/// One night of a calendar.
#[Object]
impl CalendarDay {
    /// The local date on which the night begins.
    async fn date(&self) -> Date {
        Date(self.day.date)
    }

    /// Whether and why it is taken.
    async fn state(&self) -> NightState {
        self.day.state.into()
    }

    /// What the night costs before discounts.
    async fn price(&self) -> Money {
        Money::new(self.day.price, self.currency)
    }

    /// Where the price comes from.
    async fn price_source(&self) -> PriceSource {
        self.day.price_source.into()
    }

    /// Whether a stay may begin on this date.
    async fn check_in_allowed(&self) -> bool {
        self.day.check_in_allowed
    }

    /// Whether a stay may end on this date.
    async fn check_out_allowed(&self) -> bool {
        self.day.check_out_allowed
    }

    /// The shortest stay that may begin on this date.
    async fn min_nights(&self) -> i32 {
        self.day.min_nights
    }

    /// The host's note; null for everybody but the host, and where there is none.
    async fn note(&self) -> Option<&str> {
        self.day.note.as_deref()
    }

    /// The booking that took the night; null for everybody but its parties, and when none did.
    async fn booking(&self, ctx: &Context<'_>) -> Option<Result<Booking>> {
        let booking = self.day.booking_id.filter(|_| ctx.viewer().user().is_some())?;
        ctx.load(BookingKey(booking)).await.map(|found| found.map(Booking::of)).transpose()
    }
}
