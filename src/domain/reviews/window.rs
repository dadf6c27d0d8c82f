//! The period in which the two sides of a booking can review each other.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::Direction;
use crate::domain::bookings::state::{Actor, BookingState};
use crate::domain::bookings::{self, Booking};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::instant;
use crate::platform::App;

/// Days after check-out in which reviews can be written.
const WINDOW_DAYS: u64 = 14;

/// The period in which both sides can review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant of the period.
    pub opens_at: DateTime<Utc>,
    /// The first instant after the period.
    pub closes_at: DateTime<Utc>,
}

impl Window {
    /// Whether reviews can be written at `now`.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.opens_at <= now && now < self.closes_at
    }
}

/// The window of a booking that has ended: the stay is completed, the guest did not arrive, or the booking was
/// cancelled on the day of arrival or later. `None` for any other booking.
pub fn review_window(booking: &Booking) -> Result<Option<Window>, Error> {
    let zone: Tz = booking.time_zone.parse().map_err(|_| Error::failed("the booking's time zone is unknown"))?;
    let arrival_day = instant(booking.check_in, NaiveTime::MIN, zone);
    // Not `updated_at`: the booking can change after its end, for example by a refund.
    let Some(ended_at) = booking.ended_at else { return Ok(None) };
    let opens_at = match booking.state {
        BookingState::Completed | BookingState::NoShow => ended_at,
        BookingState::CancelledByGuest | BookingState::CancelledByHost | BookingState::CancelledByPlatform
            if ended_at >= arrival_day =>
        {
            ended_at
        }
        _ => return Ok(None),
    };
    Ok(Some(Window { opens_at, closes_at: window_closes_at(booking.check_out, &booking.time_zone)? }))
}

/// The first instant after the window of a stay with this check-out date.
pub(super) fn window_closes_at(check_out: NaiveDate, time_zone: &str) -> Result<DateTime<Utc>, Error> {
    let zone: Tz = time_zone.parse().map_err(|_| Error::failed("the booking's time zone is unknown"))?;
    let last_day = check_out.checked_add_days(Days::new(WINDOW_DAYS)).unwrap_or(check_out);
    let last_second = NaiveTime::from_hms_opt(23, 59, 59).unwrap_or_default();
    Ok(instant(last_day, last_second, zone) + TimeDelta::seconds(1))
}

/// Which review of the booking the viewer can submit now, not considering whether they have submitted it already.
pub fn may_review(app: &App, viewer: &Viewer, booking: &Booking) -> Result<Option<Direction>, Error> {
    let is_open = review_window(booking)?.is_some_and(|window| window.is_open(app.clock.now()));
    let direction = match bookings::viewer_role(viewer, booking) {
        Some(Actor::Guest) => Direction::GuestToListing,
        Some(Actor::Host) => Direction::HostToGuest,
        _ => return Ok(None),
    };
    Ok(is_open.then_some(direction))
}
