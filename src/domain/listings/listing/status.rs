//! Putting a listing on the market, taking it off, and deleting it.

use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::read::{find_own, forget};
use crate::domain::error::{Code, Error, Refusal};
use crate::domain::listings::enums::{ClaimKind, ListingStatus};
use crate::domain::listings::nights::subscription;
use crate::domain::listings::{Listing, table};
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Everything that a listing still lacks to be published.
pub(in crate::domain::listings) fn missing(listing: &Listing) -> Vec<Refusal> {
    [
        (!listing.title.is_empty(), &["title"] as &[&str], "say what the place is called"),
        (!listing.description.is_empty(), &["description"], "describe the place"),
        (!listing.city.is_empty(), &["address", "city"], "say which town it is in"),
        (!listing.country.is_empty(), &["address", "country"], "say which country it is in"),
        (listing.latitude.is_some(), &["latitude"], "say where on the map it is"),
        (listing.longitude.is_some(), &["longitude"], "say where on the map it is"),
        (listing.time_zone != chrono_tz::UTC.name(), &["timeZone"], "say which time zone its clocks keep"),
        (listing.beds > 0, &["beds"], "say how many beds there are"),
        (listing.base_minor > 0, &["pricing", "base"], "say what a night costs"),
    ]
    .into_iter()
    .filter(|(there, _, _)| !there)
    .map(|(_, field, message)| Refusal::at(Code::Required, field, message))
    .collect()
}

/// Puts a listing on the market, or says everything it lacks.
pub async fn publish(app: &App, viewer: &Viewer, id: Uuid) -> Result<Listing, Error> {
    viewer.require_user()?;
    let listing = find_own(app, viewer, id).await?;
    match listing.status {
        ListingStatus::Published => return as_it_is(app, listing).await,
        ListingStatus::Suspended if !viewer.is_staff() => {
            return Err(Error::refused(Code::Forbidden, &["id"], "the marketplace has suspended this listing"));
        }
        _ => Error::from_refusals(missing(&listing))?,
    }
    move_to(app, &listing, ListingStatus::Published).await
}

/// Takes a listing off the market; its bookings stand.
pub async fn unlist(app: &App, viewer: &Viewer, id: Uuid) -> Result<Listing, Error> {
    viewer.require_user()?;
    let listing = find_own(app, viewer, id).await?;
    match listing.status {
        ListingStatus::Unlisted => as_it_is(app, listing).await,
        ListingStatus::Published => move_to(app, &listing, ListingStatus::Unlisted).await,
        _ => Err(Error::refused(Code::StateConflict, &["id"], "only a published listing can be unlisted")),
    }
}

/// Deletes a listing that nobody is still to stay in. Its past stays with its guests.
pub async fn delete(app: &App, viewer: &Viewer, id: Uuid) -> Result<Uuid, Error> {
    viewer.require_user()?;
    let listing = find_own(app, viewer, id).await?;
    move_to(app, &listing, ListingStatus::Deleted).await?;
    Ok(id)
}

/// Answers for a listing that has the status already. The call has succeeded, so its key is spent.
async fn as_it_is(app: &App, listing: Listing) -> Result<Listing, Error> {
    app.once.spend(app.db.write(), &[listing.id]).await?;
    Ok(listing)
}

/// Moves from the status that was seen. Deleting holds the listing's row while it looks for stays to come; a booking
/// that claims nights at the same moment locks the same row (see `claims`), so one of the two sees the other.
async fn move_to(app: &App, seen: &Listing, status: ListingStatus) -> Result<Listing, Error> {
    let now = app.clock.now();
    let txn = app.db.begin_write().await?;
    let moved = table::listing::Entity::update_many()
        .col_expr(table::listing::Column::Status, Expr::value(status))
        .col_expr(table::listing::Column::Version, Expr::col(table::listing::Column::Version).add(1))
        .col_expr(table::listing::Column::UpdatedAt, Expr::value(now))
        .col_expr(
            table::listing::Column::PublishedAt,
            if status == ListingStatus::Published {
                Func::coalesce([Expr::col(table::listing::Column::PublishedAt), Expr::value(now)]).into()
            } else {
                Expr::col(table::listing::Column::PublishedAt)
            },
        )
        .filter(table::listing::Column::Id.eq(seen.id))
        .filter(table::listing::Column::Status.eq(seen.status))
        .filter(table::listing::Column::Version.eq(seen.version))
        .exec_with_returning(&txn)
        .await?;
    let Some(listing) = moved.into_iter().next() else {
        return Err(Error::refused(Code::VersionStale, &["id"], "the listing was changed in the meantime; try again"));
    };
    if status == ListingStatus::Deleted {
        let today = crate::kernel::local_time::date_in(now, crate::domain::listings::zone(&listing)?);
        let held = table::claim::Entity::find()
            .filter(table::claim::Column::ListingId.eq(listing.id))
            .filter(table::claim::Column::Night.gte(today))
            .filter(table::claim::Column::Kind.is_in([ClaimKind::Hold, ClaimKind::Stay]))
            .one(&txn)
            .await?;
        if held.is_some() {
            let message = "guests are still to stay; cancel or wait for their bookings first";
            return Err(Error::refused(Code::StateConflict, &["id"], message));
        }
    }
    subscription::whole(&txn, listing.id);
    app.once.spend(&txn, &[listing.id]).await?;
    forget(app, &txn, listing.id);
    txn.commit().await?;
    Ok(listing)
}
