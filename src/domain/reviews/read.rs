//! Queries for reviews. Everyone sees published reviews; only the author sees a hidden one.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::table::review as table;
use super::{Direction, Review};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::kernel::page::{BadPage, Cursor, Page, PageRequest};
use crate::platform::top_n_per_group::{Grouping, first_of_each, pages};
use crate::platform::{App, keyset};

/// Whether the viewer may see the review.
pub fn may_see(viewer: &Viewer, review: &Review) -> bool {
    review.published_at.is_some() || viewer.is(review.author_id)
}

/// Finds a review by its id. `None` if it does not exist or the viewer may not see it.
pub async fn by_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<Review>, Error> {
    Ok(by_ids(app, viewer, &[id]).await?.remove(&id))
}

/// Finds reviews by their ids, leaving out those that the viewer may not see.
pub async fn by_ids(app: &App, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Review>, Error> {
    let rows = table::Entity::find().filter(table::Column::Id.is_in(ids.iter().copied())).all(app.db.read()).await?;
    let visible = rows.into_iter().filter(|review| may_see(viewer, review));
    Ok(visible.map(|review| (review.id, review)).collect())
}

/// Finds the reviews of the bookings that the viewer may see, by booking and direction.
pub async fn by_bookings(
    app: &App,
    viewer: &Viewer,
    bookings: &[Uuid],
) -> Result<HashMap<(Uuid, Direction), Review>, Error> {
    let rows = table::Entity::find()
        .filter(table::Column::BookingId.is_in(bookings.iter().copied()))
        .all(app.db.read())
        .await?;
    let visible = rows.into_iter().filter(|review| may_see(viewer, review));
    Ok(visible.filter_map(|review| Some(((review.booking_id?, review.direction), review))).collect())
}

/// What a list of published reviews is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListOf {
    /// Guests' reviews of a listing.
    Listing,
    /// Hosts' reviews of a guest.
    Guest,
}

impl ListOf {
    fn filter(self, owners: &[Uuid]) -> Condition {
        let (column, direction) = match self {
            ListOf::Listing => (table::Column::ListingId, Direction::GuestToListing),
            ListOf::Guest => (table::Column::SubjectId, Direction::HostToGuest),
        };
        Condition::all()
            .add(column.is_in(owners.iter().copied()))
            .add(table::Column::Direction.eq(direction))
            .add(table::Column::PublishedAt.is_not_null())
    }

    fn column(self) -> &'static str {
        match self {
            ListOf::Listing => "listing_id",
            ListOf::Guest => "subject_id",
        }
    }

    fn owner(self, review: &Review) -> Uuid {
        match self {
            ListOf::Listing => review.listing_id,
            ListOf::Guest => review.subject_id.unwrap_or_default(),
        }
    }
}

/// Returns a page of published reviews for each owner, latest first, in one statement.
pub async fn pages_by_owner(
    app: &App,
    list: ListOf,
    owners: &[Uuid],
    request: &PageRequest,
) -> Result<HashMap<Uuid, Page<Review>>, Error> {
    type Key = (DateTime<Utc>, Uuid);
    let mut filter = list.filter(owners);
    let (at, id) = (|| Expr::col(table::Column::PublishedAt), || Expr::col(table::Column::Id));
    let parse_cursor = |cursor: Option<&Cursor>, field| match keyset::parse_cursor::<Key>(cursor, field)? {
        // Years that no review can have and that Postgres cannot represent.
        Some((published, _)) if !(0..=9999).contains(&published.year()) => Err(BadPage::foreign_cursor(field)),
        key => Ok(key),
    };
    if let Some((published, review)) = parse_cursor(request.after.as_ref(), "after")? {
        let older = at().eq(published).and(id().lt(review));
        filter = filter.add(at().lt(published).or(older));
    }
    if let Some((published, review)) = parse_cursor(request.before.as_ref(), "before")? {
        let newer = at().eq(published).and(id().gt(review));
        filter = filter.add(at().gt(published).or(newer));
    }
    let select = table::Entity::find().filter(filter);
    let keys = Grouping::OwnerAndInstant(list.column(), "published_at");
    let rows: Vec<Review> = first_of_each(app.db.read(), select, keys, request).await?;
    Ok(pages(rows, request, |review| list.owner(review), |review| (review.published_at.unwrap_or_default(), review.id)))
}

/// Counts the published reviews of each owner, in one statement.
pub async fn counts_by_owner(app: &App, list: ListOf, owners: &[Uuid]) -> Result<HashMap<Uuid, i64>, Error> {
    let rows: Vec<(Uuid, i64)> = table::Entity::find()
        .select_only()
        .column_as(Expr::col(Alias::new(list.column())), "owner")
        .column_as(Expr::expr(Func::count(Expr::col(table::Column::Id))), "reviews")
        .filter(list.filter(owners))
        .group_by(Expr::col(Alias::new(list.column())))
        .into_tuple()
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().collect())
}
