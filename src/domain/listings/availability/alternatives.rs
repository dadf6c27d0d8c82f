//! Other dates for a stay that cannot be booked.

use chrono::Days;

use super::evaluate::{KnownNights, evaluate_listing};
use super::request::StayRequest;
use crate::domain::error::Error;
use crate::domain::listings::Listing;
use crate::domain::listings::limits::MAX_PREPARATION_NIGHTS;
use crate::domain::listings::nights::claims::claimed_nights;
use crate::domain::listings::nights::overrides::night_overrides;
use crate::domain::listings::row_values::{fees, zone};
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::date_in;
use crate::kernel::stay::Stay;
use crate::platform::App;

/// Number of days after the requested check-in date that are tried.
const SEARCHED_DAYS: u16 = 90;

/// Finds the next stays of the same length that can be booked, after the requested one and at most `limit` of them.
pub async fn alternatives(
    app: &App,
    viewer: &Viewer,
    listing: &Listing,
    request: &StayRequest,
    limit: usize,
) -> Result<Vec<Stay>, Error> {
    let Some(stay) = request.stay() else { return Ok(Vec::new()) };
    let now = app.clock.now();
    let first = stay.check_in().max(date_in(now, zone(listing)?));
    let length = Days::new(stay.nights().unsigned_abs());
    let end = first.checked_add_days(Days::new(SEARCHED_DAYS.into())).and_then(|date| date.checked_add_days(length));
    let Some(end) = end.and_then(|end| end.checked_add_days(Days::new(MAX_PREPARATION_NIGHTS.into()))) else {
        return Ok(Vec::new());
    };
    let claimed = claimed_nights(app.db.read(), &[listing.id], first, end, now).await?;
    let overrides = night_overrides(app.db.read(), &[listing.id], first, end).await?;
    let nights = KnownNights { claimed: claimed.get(&listing.id), overrides: overrides.get(&listing.id) };
    let mut found = Vec::new();
    for check_in in first.iter_days().skip(1).take(SEARCHED_DAYS.into()) {
        let Some(check_out) = check_in.checked_add_days(length).filter(|_| found.len() < limit) else { break };
        let other = StayRequest { check_in, check_out, ..*request };
        if evaluate_listing(listing, viewer, &other, nights, fees(app), now)?.is_bookable() {
            found.extend(other.stay());
        }
    }
    Ok(found)
}
