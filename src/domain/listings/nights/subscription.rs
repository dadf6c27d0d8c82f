//! Hearing of changes of a listing's calendar as they are made.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::calendar::{CalendarDay, calendar, check_range};
use crate::domain::error::Error;
use crate::domain::listings::listing::read;
use crate::domain::listings::{Listing, price_rules, stay_rules, table};
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::database::Transaction;
use crate::platform::messaging::publisher::{Event, Listener, Topic};

/// How many ranges of nights one event names; of more, it says that all may have been touched.
const MOST_RANGES: usize = 100;

/// What was touched: ranges of nights `[from, to)`, or the whole calendar.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Touched {
    Nights(Vec<(NaiveDate, NaiveDate)>),
    All,
}

fn topic(listing_id: Uuid) -> Topic {
    Topic::new("calendar", listing_id)
}

fn announce(txn: &Transaction, listing_id: Uuid, touched: &Touched) {
    txn.announce(Event { topic: topic(listing_id), body: json!(touched) });
}

/// Tells that these nights of a listing's calendar have changed, once it is committed.
pub(in crate::domain::listings) fn nights(
    txn: &Transaction,
    listing_id: Uuid,
    nights: impl IntoIterator<Item = NaiveDate>,
) {
    let mut ranges: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for night in nights.into_iter().collect::<BTreeSet<_>>() {
        let Some(next) = night.succ_opt() else { continue };
        match ranges.last_mut() {
            Some((_, to)) if *to == night => *to = next,
            _ => ranges.push((night, next)),
        }
    }
    if ranges.len() > MOST_RANGES {
        whole(txn, listing_id);
    } else if !ranges.is_empty() {
        announce(txn, listing_id, &Touched::Nights(ranges));
    }
}

/// The same for the nights of claims that were changed or have gone.
pub(in crate::domain::listings) fn claims(txn: &Transaction, claims: &[table::claim::Model]) {
    let mut touched: BTreeMap<Uuid, Vec<NaiveDate>> = BTreeMap::new();
    for claim in claims {
        touched.entry(claim.listing_id).or_default().push(claim.night);
    }
    for (listing_id, dates) in touched {
        nights(txn, listing_id, dates);
    }
}

/// Tells that any night of a listing's calendar may have changed.
pub(in crate::domain::listings) fn whole(txn: &Transaction, listing_id: Uuid) {
    announce(txn, listing_id, &Touched::All);
}

/// Tells the same if the listing differs in something that its calendar is computed from.
pub(in crate::domain::listings) fn changed(txn: &Transaction, before: &Listing, after: &Listing) -> Result<(), Error> {
    let same = before.status == after.status
        && before.time_zone == after.time_zone
        && price_rules(before)? == price_rules(after)?
        && stay_rules(before)? == stay_rules(after)?;
    if !same {
        whole(txn, after.id);
    }
    Ok(())
}

/// Hears every change of the calendar of a listing that the viewer may see, from before it is looked at.
pub async fn watch(app: &App, viewer: &Viewer, id: Uuid, from: NaiveDate, to: NaiveDate) -> Result<Listener, Error> {
    check_range(from, to, &["from"], &["to"])?;
    let listener = app.db.events().listen(topic(id));
    as_it_is(app, viewer, id).await?;
    Ok(listener)
}

/// The days of `[from, to)` that were touched, as they are now; nothing when they all lie outside. Refused when the
/// viewer may not see the listing any more.
pub async fn days_told(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    (from, to): (NaiveDate, NaiveDate),
    told: &Event,
) -> Result<Option<(Listing, Vec<CalendarDay>)>, Error> {
    let ranges = match Touched::deserialize(&told.body).map_err(Error::failed)? {
        Touched::Nights(ranges) => ranges,
        Touched::All => vec![(from, to)],
    };
    let inside = ranges.into_iter().map(|(first, last)| (first.max(from), last.min(to)));
    let inside: Vec<_> = inside.filter(|(first, last)| first < last).collect();
    let (Some(first), Some(last)) =
        (inside.iter().map(|range| range.0).min(), inside.iter().map(|range| range.1).max())
    else {
        return Ok(None);
    };
    let listing = as_it_is(app, viewer, id).await?;
    let days = calendar(app, viewer, slice::from_ref(&listing), first, last).await?.remove(&id).unwrap_or_default();
    let is_inside = |date: NaiveDate| inside.iter().any(|&(first, last)| first <= date && date < last);
    Ok(Some((listing, days.into_iter().filter(|day| is_inside(day.date)).collect())))
}

/// The listing, not from the cache: a change is told before other nodes have forgotten their copies.
async fn as_it_is(app: &App, viewer: &Viewer, id: Uuid) -> Result<Listing, Error> {
    let listing = read::by_ids(app, &[id]).await?.remove(&id);
    listing.filter(|listing| read::may_see(viewer, listing)).ok_or_else(|| Error::not_found(&["id"]))
}
