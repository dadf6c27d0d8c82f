//! Other dates for a stay that cannot be booked.

use std::collections::HashMap;

use chrono::Days;
use uuid::Uuid;

use super::evaluate::KnownNights;
use super::request::StayRequest;
use super::stay_check::{StayFacts, check_stay};
use crate::domain::error::Error;
use crate::domain::listings::Listing;
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::limits::MAX_PREPARATION_NIGHTS;
use crate::domain::listings::nights::claims::claimed_nights;
use crate::domain::listings::nights::overrides::night_overrides;
use crate::domain::listings::row_values::{price_rules, stay_rules, zone};
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::date_in;
use crate::kernel::stay::Stay;
use crate::platform::App;

/// Number of days after the requested check-in date that are tried.
const SEARCHED_DAYS: u32 = 90;

/// Finds the next stays of the same length that can be booked at each listing, after the requested one and at most
/// `limit` of them, in two statements.
pub async fn alternatives(
    app: &App,
    viewer: &Viewer,
    listings: &[Listing],
    request: &StayRequest,
    limit: usize,
) -> Result<HashMap<Uuid, Vec<Stay>>, Error> {
    let (Some(stay), true) = (request.stay(), limit > 0) else { return Ok(HashMap::new()) };
    let now = app.clock.now();
    // It is another day in other time zones, so the stays are searched from another date on.
    let first_days = listings.iter().map(|listing| Ok((listing, stay.check_in().max(date_in(now, zone(listing)?)))));
    let first_days = first_days.collect::<Result<Vec<_>, Error>>()?;
    let (earliest, latest) =
        (first_days.iter().map(|(_, day)| *day).min(), first_days.iter().map(|(_, day)| *day).max());
    let length = Days::new(stay.nights().unsigned_abs());
    let beyond = Days::new(u64::from(SEARCHED_DAYS + MAX_PREPARATION_NIGHTS));
    let end = latest.and_then(|latest| latest.checked_add_days(length)?.checked_add_days(beyond));
    let (Some(earliest), Some(end)) = (earliest, end) else { return Ok(HashMap::new()) };
    let ids: Vec<Uuid> = listings.iter().map(|listing| listing.id).collect();
    let claimed = claimed_nights(app.db.read(), &ids, earliest, end, now).await?;
    let overrides = night_overrides(app.db.read(), &ids, earliest, end).await?;
    let mut found = HashMap::with_capacity(listings.len());
    for (listing, first) in first_days {
        let nights = KnownNights { claimed: claimed.get(&listing.id), overrides: overrides.get(&listing.id) };
        // What does not depend on the dates is read from the row once, not for each of the days.
        let facts = StayFacts {
            published: listing.status == ListingStatus::Published,
            own_listing: viewer.is(listing.host_id),
            capacity: listing.capacity,
            rules: &stay_rules(listing)?,
            seasons: &price_rules(listing)?.seasons,
            claimed: &nights.claimed_states(),
            min_nights_on: &nights.overridden(|values| values.min_nights),
            zone: zone(listing)?,
            now,
        };
        let days = first.iter_days().skip(1).take(SEARCHED_DAYS as usize);
        let stays = days.filter_map(|check_in| Stay::new(check_in, check_in.checked_add_days(length)?));
        let is_bookable =
            |stay: &Stay| check_stay(&facts, stay.check_in(), stay.check_out(), request.guests).is_empty();
        found.insert(listing.id, stays.filter(is_bookable).take(limit).collect());
    }
    Ok(found)
}
