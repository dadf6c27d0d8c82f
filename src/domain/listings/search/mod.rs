//! Finding listings: filters in SQL, stays and prices by the same rules as booking, keyset pages in either direction.
//!
//! The database narrows the listings by everything it can express. What depends on the calendar or on a price is then
//! decided here, by the very functions that checkout uses, over exactly the rows that are left; so the total count is
//! the number of listings that can truly be booked, not an estimate.

mod evaluate;
mod facets;
mod filter;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::enums::RoomType;
use super::pricing::Price;
use super::{Listing, StayRequest, by_ids};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::money::Money;
use crate::kernel::page::{Direction, Page, PageRequest};
use crate::platform::{App, keyset};

pub use facets::Facets;
pub use filter::{SearchSort, SearchWhere};

pub(super) use filter::text_of;

/// One listing that matches, as cheaply as it can be kept.
#[derive(Clone, Debug)]
struct Hit {
    id: Uuid,
    /// What the list is ordered by; smaller comes first.
    key: i64,
    distance_m: Option<i32>,
    room_type: RoomType,
    /// The price of the whole stay, or of a night when no stay is asked for.
    price: Money,
}

/// A position in a search.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key(SearchSort, i64, Uuid);

impl Hit {
    fn key(&self, sort: SearchSort) -> Key {
        Key(sort, self.key, self.id)
    }
}

/// One listing on a page of results.
#[derive(Clone, Debug)]
pub struct Match {
    /// The listing.
    pub listing: Listing,
    /// Metres from the centre of the search, measured from the place shown to the public.
    pub distance_m: Option<i32>,
    /// What the stay costs, when one is asked for.
    pub price: Option<Price>,
}

/// A page of results, and what all results together are.
#[derive(Clone, Debug)]
pub struct Matches {
    /// The page.
    pub page: Page<Match>,
    /// How many match in all.
    pub total: u64,
    hits: std::sync::Arc<Vec<Hit>>,
}

impl Matches {
    /// What all results together offer.
    pub async fn facets(&self, app: &App) -> Result<Facets, Error> {
        facets::of(app, &self.hits).await
    }
}

/// Finds published listings.
pub async fn search(
    app: &App,
    viewer: &Viewer,
    wanted: SearchWhere,
    sort: SearchSort,
    request: PageRequest,
) -> Result<Matches, Error> {
    wanted.validate(sort)?;
    let after = keyset::key::<Key>(request.after.as_ref(), "after")?;
    let before = keyset::key::<Key>(request.before.as_ref(), "before")?;
    for (field, cursor) in [("after", after), ("before", before)] {
        if cursor.is_some_and(|cursor| cursor.0 != sort) {
            return Err(keyset::foreign_cursor(field).into());
        }
    }
    let mut hits = evaluate::hits(app, viewer, &wanted, sort).await?;
    hits.sort_unstable_by_key(|hit| hit.key(sort));

    let start = after.map_or(0, |after| hits.partition_point(|hit| hit.key(sort) <= after));
    let end = before.map_or(hits.len(), |before| hits.partition_point(|hit| hit.key(sort) < before)).max(start);
    let size = request.size as usize;
    let (start, end) = match request.direction {
        Direction::Forward => (start, end.min(start.saturating_add(size))),
        Direction::Backward => (start.max(end.saturating_sub(size)), end),
    };
    let shown = hits.get(start..end).unwrap_or_default();
    let edges = show(app, viewer, shown, wanted.stay.as_ref(), sort).await?;
    let (has_next, has_previous) = (end < hits.len(), start > 0);
    let total = hits.len() as u64;
    Ok(Matches { page: Page { edges, has_next, has_previous }, total, hits: std::sync::Arc::new(hits) })
}

/// Reads the listings of one page, and their prices anew when a stay is asked for.
async fn show(
    app: &App,
    viewer: &Viewer,
    hits: &[Hit],
    stay: Option<&StayRequest>,
    sort: SearchSort,
) -> Result<Vec<(crate::kernel::page::Cursor, Match)>, Error> {
    let ids: Vec<Uuid> = hits.iter().map(|hit| hit.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut listings = by_ids(app, &ids).await?;
    let mut answers = match stay {
        Some(stay) => {
            let rows: Vec<Listing> = listings.values().cloned().collect();
            super::stays(app, viewer, &rows, stay).await?
        }
        None => Default::default(),
    };
    let matches = hits.iter().filter_map(|hit| {
        let listing = listings.remove(&hit.id)?;
        let price = answers.remove(&hit.id).and_then(|answer| answer.price);
        let cursor = crate::kernel::page::Cursor::of(&hit.key(sort));
        Some((cursor, Match { listing, distance_m: hit.distance_m, price }))
    });
    Ok(matches.collect())
}
