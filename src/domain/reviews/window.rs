//! When the two sides of a booking may review each other.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::Direction;
use crate::domain::bookings::lifecycle::state::{Actor, BookingState};
use crate::domain::bookings::{self, Booking};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::instant;
use crate::platform::App;

/// Days after check-out during which reviews may be written.
const DAYS: u64 = 14;

/// The time in which both sides may review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First instant.
    pub opens_at: DateTime<Utc>,
    /// First instant at which it is over.
    pub closes_at: DateTime<Utc>,
}

impl Window {
    /// Whether reviews may be written at `now`.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.opens_at <= now && now < self.closes_at
    }
}

/// The window of a booking, if it has or had one: the stay is over, the guest never came, or it was cancelled on the
/// day of arrival or later.
pub fn window(booking: &Booking) -> Result<Option<Window>, Error> {
    let zone: Tz = booking.time_zone.parse().map_err(|_| Error::failed("the booking's zone is unknown"))?;
    let arrival_day = instant(booking.check_in, NaiveTime::MIN, zone);
    // The booking itself may change later, as when more is given back.
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
    Ok(Some(Window { opens_at, closes_at: closes_at(booking.check_out, &booking.time_zone)? }))
}

/// The first instant at which the window of a stay is over.
pub(super) fn closes_at(check_out: NaiveDate, time_zone: &str) -> Result<DateTime<Utc>, Error> {
    let zone: Tz = time_zone.parse().map_err(|_| Error::failed("the booking's zone is unknown"))?;
    let last_day = check_out.checked_add_days(Days::new(DAYS)).unwrap_or(check_out);
    let last = NaiveTime::from_hms_opt(23, 59, 59).unwrap_or_default();
    Ok(instant(last_day, last, zone) + TimeDelta::seconds(1))
}

/// Which review the viewer may still write of the booking now, were there none yet.
pub fn may_review(app: &App, viewer: &Viewer, booking: &Booking) -> Result<Option<Direction>, Error> {
    let open = window(booking)?.is_some_and(|window| window.is_open(app.clock.now()));
    let direction = match bookings::role(viewer, booking) {
        Some(Actor::Guest) => Direction::GuestToListing,
        Some(Actor::Host) => Direction::HostToGuest,
        _ => return Ok(None),
    };
    Ok(open.then_some(direction))
}
