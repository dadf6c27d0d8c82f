//! Reads listings by ID and by host, through the cache or from the database, and decides who may see which.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::domain::error::{Code, Error};
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::{Listing, table};
use crate::domain::viewer::Viewer;
use crate::kernel::page::{Page, PageRequest};
use crate::platform::database::Transaction;
use crate::platform::keyset::newest_first;
use crate::platform::top_n_per_group::{self, count_of_each, first_of_each};
use crate::platform::{App, keyset};

/// Whether the viewer may see the listing by itself. The parties of a booking also see its listing, through the
/// booking.
pub fn may_see(viewer: &Viewer, listing: &Listing) -> bool {
    match listing.status {
        ListingStatus::Published => true,
        ListingStatus::Deleted => viewer.is_staff(),
        _ => viewer.is(listing.host_id) || viewer.is_staff(),
    }
}

/// The listing with this ID for display, read through the cache. `None` if it does not exist or the viewer may not see
/// it.
pub async fn find_visible(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<Listing>, Error> {
    Ok(read_cached(app, id).await?.filter(|listing| may_see(viewer, listing)))
}

/// The listing with this ID, without a check of who may see it, from the cache if it is there. The copy can be stale, so
/// it is only for display, and no change of data may depend on it.
async fn read_cached(app: &App, id: Uuid) -> Result<Option<Listing>, Error> {
    let key = cache_key(id);
    if let Some(listing) = app.cache.get::<Listing>(&key).await {
        return Ok(Some(listing));
    }
    let listing = table::listing::Entity::find_by_id(id).one(app.db.read()).await?;
    if let Some(listing) = &listing {
        app.cache.put(&key, listing).await;
    }
    Ok(listing)
}

/// Drops the cached copies of the listing on every node once the transaction that changes it is committed.
pub(super) fn drop_cached(app: &App, txn: &Transaction, id: Uuid) {
    let cache = app.cache.clone();
    txn.after_commit(async move { cache.remove(&cache_key(id)).await });
}

fn cache_key(id: Uuid) -> String {
    format!("listing:{id}")
}

/// The listings with these IDs from the database, without a check of who may see them.
pub async fn by_ids(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Listing>, Error> {
    let rows = table::listing::Entity::find()
        .filter(table::listing::Column::Id.is_in(ids.iter().copied()))
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().map(|listing| (listing.id, listing)).collect())
}

/// Refuses a change that is based on another version of the listing than the current one. Without an expected version,
/// the change is accepted.
pub(super) fn check_version(listing: &Listing, expected: Option<i32>) -> Result<(), Error> {
    if expected.is_none_or(|expected| expected == listing.version) {
        return Ok(());
    }
    let message = "the listing has changed since this version; read it again and repeat the change";
    Err(Error::refused(Code::VersionStale, &["expectedVersion"], message))
}

/// The listing with this ID from the database, for a change of it. NOT_FOUND unless the viewer is its host or staff.
pub async fn find_own(app: &App, viewer: &Viewer, id: Uuid) -> Result<Listing, Error> {
    let listing = table::listing::Entity::find_by_id(id).one(app.db.read()).await?;
    listing
        .filter(|listing| listing.status != ListingStatus::Deleted)
        .filter(|listing| viewer.is(listing.host_id) || viewer.is_staff())
        .ok_or_else(|| Error::not_found(&["id"]))
}

fn select_by_host(
    viewer: &Viewer,
    host_id: Uuid,
    statuses: Option<&[ListingStatus]>,
) -> Select<table::listing::Entity> {
    let mut filter = Condition::all().add(table::listing::Column::HostId.eq(host_id));
    if viewer.is(host_id) || viewer.is_staff() {
        filter = filter.add(table::listing::Column::Status.ne(ListingStatus::Deleted));
    } else {
        filter = filter.add(table::listing::Column::Status.eq(ListingStatus::Published));
    }
    if let Some(statuses) = statuses {
        filter = filter.add(table::listing::Column::Status.is_in(statuses.iter().copied()));
    }
    table::listing::Entity::find().filter(filter)
}

/// The listings of a host that the viewer may see, newest first.
pub async fn by_host(
    app: &App,
    viewer: &Viewer,
    host_id: Uuid,
    statuses: Option<&[ListingStatus]>,
    request: PageRequest,
) -> Result<Page<Listing>, Error> {
    let select = newest_first(select_by_host(viewer, host_id, statuses), table::listing::Column::Id, &request)?;
    Ok(Page::from_rows(&request, select.all(app.db.read()).await?, |listing| listing.id))
}

/// Number of the listings of a host that the viewer may see.
pub async fn by_host_count(
    app: &App,
    viewer: &Viewer,
    host_id: Uuid,
    statuses: Option<&[ListingStatus]>,
) -> Result<u64, Error> {
    Ok(select_by_host(viewer, host_id, statuses).count(app.db.read()).await?)
}

/// One page of published listings for each of many hosts, in one statement.
pub async fn by_hosts(app: &App, hosts: &[Uuid], request: &PageRequest) -> Result<HashMap<Uuid, Page<Listing>>, Error> {
    let select = keyset::between_cursors(select_published(hosts), table::listing::Column::Id, request)?;
    let rows: Vec<Listing> =
        first_of_each(app.db.read(), select, top_n_per_group::Grouping::Owner("host_id"), request).await?;
    Ok(top_n_per_group::pages(rows, request, |listing| listing.host_id, |listing| listing.id))
}

/// Number of published listings of each of many hosts, in one statement.
pub async fn counts_by_host(app: &App, hosts: &[Uuid]) -> Result<HashMap<Uuid, i64>, Error> {
    let counts = count_of_each(app.db.read(), select_published(hosts), table::listing::Column::HostId);
    Ok(counts.await?)
}

fn select_published(hosts: &[Uuid]) -> Select<table::listing::Entity> {
    table::listing::Entity::find()
        .filter(table::listing::Column::HostId.is_in(hosts.iter().copied()))
        .filter(table::listing::Column::Status.eq(ListingStatus::Published))
}

/// The amenity codes of many listings, each in alphabetical order.
pub async fn amenities_of(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<String>>, Error> {
    let rows = table::listing_amenity::Entity::find()
        .filter(table::listing_amenity::Column::ListingId.is_in(ids.iter().copied()))
        .order_by_asc(table::listing_amenity::Column::Amenity)
        .all(app.db.read())
        .await?;
    let mut amenities: HashMap<Uuid, Vec<String>> = HashMap::new();
    for row in rows {
        amenities.entry(row.listing_id).or_default().push(row.amenity);
    }
    Ok(amenities)
}

/// Whether any listing exists, including drafts and deleted ones.
pub async fn any_listing(app: &App) -> Result<bool, Error> {
    let found: Option<Uuid> = table::listing::Entity::find()
        .select_only()
        .column(table::listing::Column::Id)
        .into_tuple()
        .one(app.db.read())
        .await?;
    Ok(found.is_some())
}
