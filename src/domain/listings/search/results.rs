//! The results of a search: sorted, one page at a time, with the facets of all results.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::evaluate::find_hits;
use super::facets::{Facets, facets_of};
use super::filter::{SearchSort, SearchWhere};
use super::hit::{Hit, HitPosition};
use crate::domain::error::Error;
use crate::domain::listings::Listing;
use crate::domain::listings::availability::evaluate::evaluate_stays;
use crate::domain::listings::availability::request::StayRequest;
use crate::domain::listings::pricing::Price;
use crate::domain::listings::read::by_ids;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{BadPage, Cursor, Direction, Page, PageRequest};
use crate::platform::{App, keyset};

/// One listing on a page of results.
#[derive(Clone, Debug)]
pub struct Match {
    /// The listing that matches.
    pub listing: Listing,
    /// Distance from the centre of the search in metres, measured from the listing's public location. `None` if the
    /// search has no centre.
    pub distance_m: Option<i32>,
    /// Price of the stay. `None` if the search has no stay.
    pub price: Option<Price>,
}

/// A page of results, and the number and facets of all results.
#[derive(Clone, Debug)]
pub struct Matches {
    /// The requested page.
    pub page: Page<Match>,
    /// Number of all results.
    pub total: u64,
    hits: Arc<Vec<Hit>>,
}

impl Matches {
    /// Counts amenities, room types and prices over all results.
    pub async fn facets(&self, app: &App) -> Result<Facets, Error> {
        facets_of(app, &self.hits).await
    }
}

/// Finds published listings that match.
pub async fn search(
    app: &App,
    viewer: &Viewer,
    filters: SearchWhere,
    sort: SearchSort,
    request: PageRequest,
) -> Result<Matches, Error> {
    filters.validate(sort)?;
    let after = keyset::parse_cursor::<HitPosition>(request.after.as_ref(), "after")?;
    let before = keyset::parse_cursor::<HitPosition>(request.before.as_ref(), "before")?;
    for (field, cursor) in [("after", after), ("before", before)] {
        if cursor.is_some_and(|cursor| cursor.0 != sort) {
            return Err(BadPage::foreign_cursor(field).into());
        }
    }
    let mut hits = find_hits(app, viewer, &filters, sort).await?;
    hits.sort_unstable_by_key(|hit| hit.position(sort));

    let start = after.map_or(0, |after| hits.partition_point(|hit| hit.position(sort) <= after));
    let end = before.map_or(hits.len(), |before| hits.partition_point(|hit| hit.position(sort) < before)).max(start);
    let size = request.size as usize;
    let (start, end) = match request.direction {
        Direction::Forward => (start, end.min(start.saturating_add(size))),
        Direction::Backward => (start.max(end.saturating_sub(size)), end),
    };
    let page_hits = hits.get(start..end).unwrap_or_default();
    let edges =
        read_page(app, viewer, page_hits, filters.stay.as_ref(), |hit| Cursor::new(request.list, &hit.position(sort)));
    let edges = edges.await?;
    let (has_next, has_previous) = (end < hits.len(), start > 0);
    let total = hits.len() as u64;
    Ok(Matches { page: Page { edges, has_next, has_previous }, total, hits: Arc::new(hits) })
}

/// Reads the listings of one page. If the search has a stay, it is evaluated again for their prices.
async fn read_page(
    app: &App,
    viewer: &Viewer,
    hits: &[Hit],
    stay: Option<&StayRequest>,
    cursor: impl Fn(&Hit) -> Cursor,
) -> Result<Vec<(Cursor, Match)>, Error> {
    let ids: Vec<Uuid> = hits.iter().map(|hit| hit.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut listings = by_ids(app, &ids).await?;
    let mut evaluations = match stay {
        Some(stay) => {
            let rows: Vec<Listing> = listings.values().cloned().collect();
            evaluate_stays(app, viewer, &rows, stay).await?
        }
        None => HashMap::new(),
    };
    let matches = hits.iter().filter_map(|hit| {
        let listing = listings.remove(&hit.id)?;
        let price = evaluations.remove(&hit.id).and_then(|evaluation| evaluation.price);
        Some((cursor(hit), Match { listing, distance_m: hit.distance_m, price }))
    });
    Ok(matches.collect())
}
