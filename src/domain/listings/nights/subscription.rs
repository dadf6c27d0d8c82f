//! Subscriptions to the changes of a listing's calendar.

use std::slice;

use chrono::NaiveDate;
use serde::Deserialize;
use uuid::Uuid;

use super::announce::{ChangedNights, calendar_topic};
use super::calendar::{CalendarDay, calendar, check_range};
use crate::domain::error::Error;
use crate::domain::listings::Listing;
use crate::domain::listings::read::{by_ids, may_see};
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::messaging::{Event, Listener};

/// Subscribes to every change of the calendar of a listing that the viewer may see. It listens before it reads the
/// listing, so no change in between is missed.
pub async fn subscribe_to_calendar(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Listener, Error> {
    check_range(from, to, &["from"], &["to"])?;
    let listener = app.db.events().listen(calendar_topic(id));
    visible_uncached(app, viewer, id).await?;
    Ok(listener)
}

/// The current state of the days of `[from, to)` that an event says have changed. `None` if the event is only about
/// other days. NOT_FOUND if the viewer may no longer see the listing.
pub async fn days_in_event(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    (from, to): (NaiveDate, NaiveDate),
    event: &Event,
) -> Result<Option<(Listing, Vec<CalendarDay>)>, Error> {
    let ranges = match ChangedNights::deserialize(&event.body).map_err(Error::failed)? {
        ChangedNights::Nights(ranges) => ranges,
        ChangedNights::All => vec![(from, to)],
    };
    let inside = ranges.into_iter().map(|(first, last)| (first.max(from), last.min(to)));
    let inside: Vec<_> = inside.filter(|(first, last)| first < last).collect();
    let (Some(first), Some(last)) =
        (inside.iter().map(|range| range.0).min(), inside.iter().map(|range| range.1).max())
    else {
        return Ok(None);
    };
    let listing = visible_uncached(app, viewer, id).await?;
    let days = calendar(app, viewer, slice::from_ref(&listing), first, last).await?.remove(&id).unwrap_or_default();
    let is_inside = |date: NaiveDate| inside.iter().any(|&(first, last)| first <= date && date < last);
    Ok(Some((listing, days.into_iter().filter(|day| is_inside(day.date)).collect())))
}

/// The listing as the database has it. The cache is not used: an event can arrive before this node has dropped its
/// cached copy.
async fn visible_uncached(app: &App, viewer: &Viewer, id: Uuid) -> Result<Listing, Error> {
    let listing = by_ids(app, &[id]).await?.remove(&id);
    listing.filter(|listing| may_see(viewer, listing)).ok_or_else(|| Error::not_found(&["id"]))
}
