//! Reads the calendar of a listing night by night: availability, price and minimum stay.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use uuid::Uuid;

use super::claims::{ClaimedNight, claimed_nights};
use super::overrides::{NightOverride, night_overrides};
use crate::domain::error::{Code, Error};
use crate::domain::listings::Listing;
use crate::domain::listings::enums::NightState;
use crate::domain::listings::limits::{CALENDAR_DAYS, FIRST_YEAR, LAST_YEAR};
use crate::domain::listings::pricing::{PriceSource, nightly_price};
use crate::domain::listings::row_values::{price_rules, stay_rules, zone};
use crate::domain::listings::stay_rules::min_nights_from;
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::date_in;
use crate::kernel::stay::Stay;
use crate::platform::App;

/// One night of a listing's calendar.
#[derive(Clone, Debug)]
pub struct CalendarDay {
    /// Local date on which the night begins.
    pub date: NaiveDate,
    /// Whether the night can be booked, and why not.
    pub state: NightState,
    /// Price of the night before discounts, in minor units.
    pub price: i64,
    /// Where the price comes from.
    pub price_source: PriceSource,
    /// Whether a stay may begin on this date.
    pub check_in_allowed: bool,
    /// Whether a stay may end on this date.
    pub check_out_allowed: bool,
    /// Minimum number of nights of a stay that begins on this date.
    pub min_nights: i32,
    /// The host's note. `None` for everyone but the host and the staff.
    pub note: Option<String>,
    /// The booking that has claimed the night. The API shows it only to the parties of the booking.
    pub booking_id: Option<Uuid>,
}

/// Reads the calendars of many listings in `[from, to)`, in two statements.
pub async fn calendar(
    app: &App,
    viewer: &Viewer,
    listings: &[Listing],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<HashMap<Uuid, Vec<CalendarDay>>, Error> {
    let range = check_range(from, to, &["from"], &["to"])?;
    let now = app.clock.now();
    let ids: Vec<Uuid> = listings.iter().map(|listing| listing.id).collect();
    let claimed = claimed_nights(app.db.read(), &ids, from, to, now).await?;
    let overrides = night_overrides(app.db.read(), &ids, from, to).await?;
    let mut calendars = HashMap::new();
    for listing in listings {
        let is_own = viewer.is(listing.host_id) || viewer.is_staff();
        let days = calendar_days(listing, range, claimed.get(&listing.id), overrides.get(&listing.id), is_own, now)?;
        calendars.insert(listing.id, days);
    }
    Ok(calendars)
}

fn calendar_days(
    listing: &Listing,
    range: Stay,
    claimed: Option<&BTreeMap<NaiveDate, ClaimedNight>>,
    overrides: Option<&BTreeMap<NaiveDate, NightOverride>>,
    is_own: bool,
    now: DateTime<Utc>,
) -> Result<Vec<CalendarDay>, Error> {
    let (price_rules, stay_rules) = (price_rules(listing)?, stay_rules(listing)?);
    let today = date_in(now, zone(listing)?);
    let window_end = today.checked_add_days(Days::new(u64::try_from(stay_rules.booking_window_days).unwrap_or(0)));
    let prices: BTreeMap<NaiveDate, i64> =
        overrides.into_iter().flatten().filter_map(|(&date, values)| values.price.map(|price| (date, price))).collect();
    let days = range.dates().map(|date| {
        let values = overrides.and_then(|nights| nights.get(&date));
        let claim = claimed.and_then(|nights| nights.get(&date));
        let (price, price_source) = nightly_price(&price_rules, &prices, date);
        let outside = date < today || window_end.is_some_and(|end| date >= end);
        let note = claim.and_then(|claim| claim.note.clone()).or_else(|| values.and_then(|v| v.note.clone()));
        let min_nights = values.and_then(|values| values.min_nights);
        CalendarDay {
            date,
            state: match claim {
                Some(claim) => claim.state,
                None if outside => NightState::OutsideWindow,
                None => NightState::Free,
            },
            price,
            price_source,
            check_in_allowed: stay_rules.check_in_days.contains_date(date),
            check_out_allowed: stay_rules.check_out_days.contains_date(date),
            min_nights: min_nights_from(&stay_rules, &price_rules.seasons, min_nights, date),
            note: note.filter(|_| is_own),
            booking_id: claim.and_then(|claim| claim.booking_id),
        }
    });
    Ok(days.collect())
}

/// Checks that `[from, to)` is a range of at most [`CALENDAR_DAYS`] days between the years that are accepted.
pub(super) fn check_range(
    from: NaiveDate,
    to: NaiveDate,
    from_field: &[&str],
    to_field: &[&str],
) -> Result<Stay, Error> {
    let range = Stay::new(from, to).ok_or_else(|| Error::refused(Code::Invalid, to_field, "must be after `from`"))?;
    for (date, field) in [(from, from_field), (to, to_field)] {
        if !(FIRST_YEAR..=LAST_YEAR).contains(&date.year()) {
            let message = format!("must be between the years {FIRST_YEAR} and {LAST_YEAR}");
            return Err(Error::refused(Code::Invalid, field, message));
        }
    }
    if range.nights() > i64::from(CALENDAR_DAYS) {
        let message = format!("must be at most {CALENDAR_DAYS} days after `from`");
        return Err(Error::refused(Code::TooMany, to_field, message));
    }
    Ok(range)
}
