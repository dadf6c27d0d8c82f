//! Publishes, unlists and deletes listings.

use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::domain::error::{Code, Error, Refusal};
use crate::domain::listings::enums::{ClaimKind, ListingStatus};
use crate::domain::listings::nights::announce::announce_calendar;
use crate::domain::listings::read::{check_version, drop_cached, find_own};
use crate::domain::listings::row_values::zone;
use crate::domain::listings::{Listing, table};
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::date_in;
use crate::platform::App;

/// Everything that a listing still needs before it can be published. The fields are paths into the arguments of
/// `listingUpdate`, which sets the values.
pub(in crate::domain::listings) fn missing_for_publication(listing: &Listing) -> Vec<Refusal> {
    let has_location = listing.latitude.is_some() && listing.longitude.is_some();
    let has_zone = listing.time_zone != chrono_tz::UTC.name();
    [
        (!listing.title.is_empty(), &["listing", "title"] as &[&str], "is required to publish a listing"),
        (!listing.description.is_empty(), &["listing", "description"], "is required to publish a listing"),
        (!listing.city.is_empty(), &["listing", "address", "city"], "is required to publish a listing"),
        (!listing.country.is_empty(), &["listing", "address", "country"], "is required to publish a listing"),
        (has_location, &["listing", "location"], "is required to publish a listing"),
        (has_zone, &["listing", "timeZone"], "must be the local time zone to publish a listing"),
        (listing.beds > 0, &["listing", "beds"], "must be at least 1 to publish a listing"),
        (listing.base_minor > 0, &["listing", "pricing", "base"], "is required to publish a listing"),
    ]
    .into_iter()
    .filter(|(is_set, _, _)| !is_set)
    .map(|(_, field, message)| Refusal::at(Code::Required, field, message))
    .collect()
}

/// Publishes a listing, or refuses with everything that is missing.
pub async fn publish(app: &App, viewer: &Viewer, id: Uuid, expected_version: Option<i32>) -> Result<Listing, Error> {
    viewer.require_user()?;
    let listing = find_own(app, viewer, id).await?;
    check_version(&listing, expected_version)?;
    match listing.status {
        ListingStatus::Published => return unchanged(app, listing).await,
        ListingStatus::Suspended if !viewer.is_staff() => {
            return Err(Error::refused(Code::Forbidden, &["id"], "the marketplace has suspended this listing"));
        }
        _ => Error::from_refusals(missing_for_publication(&listing))?,
    }
    set_status(app, &listing, ListingStatus::Published).await
}

/// Takes a listing off the market. Its bookings remain valid.
pub async fn unlist(app: &App, viewer: &Viewer, id: Uuid) -> Result<Listing, Error> {
    viewer.require_user()?;
    let listing = find_own(app, viewer, id).await?;
    match listing.status {
        ListingStatus::Unlisted => unchanged(app, listing).await,
        ListingStatus::Published => set_status(app, &listing, ListingStatus::Unlisted).await,
        _ => Err(Error::refused(Code::StateConflict, &["id"], "only a published listing can be unlisted")),
    }
}

/// Deletes a listing without current or future stays. Past bookings keep it, and their guests can still see it there.
pub async fn delete(app: &App, viewer: &Viewer, id: Uuid) -> Result<Uuid, Error> {
    viewer.require_user()?;
    let listing = find_own(app, viewer, id).await?;
    set_status(app, &listing, ListingStatus::Deleted).await?;
    Ok(id)
}

/// Returns a listing that already has the requested status. The mutation has succeeded, so its idempotency key is
/// recorded.
async fn unchanged(app: &App, listing: Listing) -> Result<Listing, Error> {
    app.idempotency_key.record(app.db.write(), &[listing.id]).await?;
    Ok(listing)
}

/// Changes the status by compare-and-set: it must still be the one that was read. The update locks the listing's row,
/// and a booking that claims nights at the same time locks the same row (see `claims`). So a deletion and a booking
/// always see each other.
async fn set_status(app: &App, before: &Listing, status: ListingStatus) -> Result<Listing, Error> {
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
        .filter(table::listing::Column::Id.eq(before.id))
        .filter(table::listing::Column::Status.eq(before.status))
        .filter(table::listing::Column::Version.eq(before.version))
        .exec_with_returning(&txn)
        .await?;
    let Some(listing) = moved.into_iter().next() else {
        return Err(Error::refused(Code::VersionStale, &["id"], "the listing was changed in the meantime; try again"));
    };
    if status == ListingStatus::Deleted {
        let today = date_in(now, zone(&listing)?);
        let claim = table::claim::Entity::find()
            .filter(table::claim::Column::ListingId.eq(listing.id))
            .filter(table::claim::Column::Night.gte(today))
            .filter(table::claim::Column::Kind.is_in([ClaimKind::Hold, ClaimKind::Stay]))
            .one(&txn)
            .await?;
        if claim.is_some() {
            let message = "there are current or future bookings; cancel them or wait until they have ended";
            return Err(Error::refused(Code::StateConflict, &["id"], message));
        }
    }
    announce_calendar(&txn, listing.id);
    app.idempotency_key.record(&txn, &[listing.id]).await?;
    drop_cached(app, &txn, listing.id);
    txn.commit().await?;
    Ok(listing)
}
