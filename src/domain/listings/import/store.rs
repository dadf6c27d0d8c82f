//! Stores a batch of imported listings in one transaction: hosts, listings, amenities, ratings and calendars.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::Serialize;
use uuid::Uuid;

use super::batch::BatchListing;
use super::imported::{ImportedListing, ImportedRating};
use super::merge::{merged_listing, new_listing};
use super::nights::{StoredNights, write_nights};
use crate::domain::error::Error;
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::nights::announce::announce_calendar;
use crate::domain::listings::read::drop_cached;
use crate::domain::listings::{Listing, table};
use crate::domain::users::import::{ImportedUser, upsert};
use crate::platform::App;
use crate::platform::bulk::{self, Kind, Row};

/// The origin of imported ratings.
const IMPORTED: &str = "IMPORTED";

/// The result of storing a batch of listings.
#[derive(Clone, Debug, Default)]
pub struct StoredListings {
    /// Number of listings that were created.
    pub new: u64,
    /// Number of listings that were changed.
    pub changed: u64,
    /// Number of listings without a change.
    pub unchanged: u64,
    /// Keys of listings that were deleted here. They remain deleted.
    pub deleted: Vec<String>,
    /// Number of hosts that were created.
    pub new_users: u64,
    /// Number of hosts whose profile was changed.
    pub changed_users: u64,
    /// The result of storing the calendars.
    pub nights: StoredNights,
}

/// Creates or updates listings, each with its host and its whole calendar: either the whole batch or nothing of it.
pub async fn store_listings(
    app: &App,
    source: &str,
    hosts: &[&ImportedUser],
    listings: &[&ImportedListing],
) -> Result<StoredListings, Error> {
    let txn = app.db.begin_write().await?;
    let people = upsert(app, &txn, source, hosts.iter().copied()).await?;
    let existing = lock_existing(&txn, source, listings.iter().map(|listing| listing.source_ref.as_str())).await?;
    let mut stored =
        StoredListings { new_users: people.new, changed_users: people.changed, ..StoredListings::default() };
    let (mut written, mut batch, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    let amenities = amenities_of(&txn, existing.values()).await?;
    for imported in listings {
        let Some(&host_id) = people.ids.get(&imported.host_source_ref) else { continue };
        let Some(before) = existing.get(&imported.source_ref) else {
            let listing = new_listing(app, source, host_id, imported)?;
            batch.push(BatchListing { id: listing.id, is_new: true, imported });
            written.push(listing);
            continue;
        };
        if before.status == ListingStatus::Deleted {
            stored.deleted.push(imported.source_ref.clone());
            continue;
        }
        let mut listing = merged_listing(app, before, host_id, imported);
        if listing == *before && !has_same_amenities(imported, amenities.get(&before.id)) {
            listing.version += 1;
            listing.updated_at = app.clock.now();
        }
        batch.push(BatchListing { id: before.id, is_new: false, imported });
        if listing == *before {
            stored.unchanged += 1;
        } else {
            changed.push(before.id);
            written.push(listing);
        }
    }
    stored.changed = u64::try_from(changed.len()).unwrap_or(u64::MAX);
    stored.new = u64::try_from(written.len() - changed.len()).unwrap_or(u64::MAX);
    write_listings(&txn, written).await?;
    write_amenities(&txn, &batch, &amenities).await?;
    write_ratings(&txn, &batch).await?;
    stored.nights = write_nights(app, &txn, &batch).await?;
    let has_nights = |stored: &&BatchListing<'_>| !stored.is_new && stored.imported.nights.is_some();
    let calendars = batch.iter().filter(has_nights).map(|stored| stored.id).chain(changed.iter().copied());
    for id in calendars.collect::<BTreeSet<_>>() {
        announce_calendar(&txn, id);
    }
    for id in changed {
        drop_cached(app, &txn, id);
    }
    txn.commit().await?;
    Ok(stored)
}

/// Reads the existing listings of a source and locks them until the transaction ends, so that neither a change by the
/// host nor a booking happens in between. They are locked in the order of their IDs, so that two imports cannot
/// deadlock.
async fn lock_existing<'a>(
    txn: &impl ConnectionTrait,
    source: &str,
    wanted: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, Listing>, Error> {
    let rows = table::listing::Entity::find()
        .filter(table::listing::Column::Source.eq(source))
        .filter(table::listing::Column::SourceRef.is_in(wanted))
        .order_by_asc(table::listing::Column::Id)
        .lock_exclusive()
        .all(txn)
        .await?;
    Ok(rows.into_iter().filter_map(|listing| Some((listing.source_ref.clone()?, listing))).collect())
}

async fn write_listings(txn: &impl ConnectionTrait, listings: Vec<Listing>) -> Result<(), Error> {
    if listings.is_empty() {
        return Ok(());
    }
    // The columns of a model are marked as unchanged, but an insert needs all of them.
    let rows = listings.into_iter().map(|listing| listing.into_active_model().reset_all());
    let all = table::listing::Column::iter().filter(|column| !matches!(column, table::listing::Column::Id));
    table::listing::Entity::insert_many(rows)
        .on_conflict(OnConflict::column(table::listing::Column::Id).update_columns(all).to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

type Amenities = HashMap<Uuid, BTreeSet<String>>;

async fn amenities_of(
    txn: &impl ConnectionTrait,
    listings: impl Iterator<Item = &Listing>,
) -> Result<Amenities, Error> {
    let ids: Vec<Uuid> = listings.map(|listing| listing.id).collect();
    let rows = table::listing_amenity::Entity::find()
        .filter(table::listing_amenity::Column::ListingId.is_in(ids))
        .all(txn)
        .await?;
    let mut amenities = Amenities::new();
    for row in rows {
        amenities.entry(row.listing_id).or_default().insert(row.amenity);
    }
    Ok(amenities)
}

fn has_same_amenities(imported: &ImportedListing, existing: Option<&BTreeSet<String>>) -> bool {
    let Some(codes) = &imported.amenities else { return true };
    let existing = existing.into_iter().flatten().map(String::as_str).collect::<HashSet<_>>();
    existing == codes.iter().copied().collect()
}

#[derive(Serialize)]
struct AmenityRow<'a> {
    #[serde(serialize_with = "bulk::serialize_uuid")]
    listing_id: Uuid,
    amenity: &'a str,
}

impl Row for AmenityRow<'_> {
    const COLUMNS: &'static [(&'static str, Kind)] = &[("listing_id", Kind::Uuid), ("amenity", Kind::Text)];
}

async fn write_amenities(
    txn: &impl ConnectionTrait,
    batch: &[BatchListing<'_>],
    existing: &Amenities,
) -> Result<(), Error> {
    let differs = |listing: &&BatchListing<'_>| !has_same_amenities(listing.imported, existing.get(&listing.id));
    let (mut rows, mut replaced) = (Vec::new(), Vec::new());
    for &BatchListing { id, is_new, imported } in batch.iter().filter(differs) {
        if !is_new {
            replaced.push(id);
        }
        let codes = imported.amenities.iter().flatten();
        rows.extend(codes.map(|amenity| AmenityRow { listing_id: id, amenity }));
    }
    if !replaced.is_empty() {
        table::listing_amenity::Entity::delete_many()
            .filter(table::listing_amenity::Column::ListingId.is_in(replaced))
            .exec(txn)
            .await?;
    }
    bulk::insert_missing(txn, "listing_amenity", &rows, &[]).await?;
    Ok(())
}

/// Writes the ratings of the batch. A listing without ratings in the source keeps those that it has.
async fn write_ratings(txn: &impl ConnectionTrait, batch: &[BatchListing<'_>]) -> Result<(), Error> {
    use table::listing_rating::{Column, Entity};
    let rows: Vec<_> =
        batch.iter().filter_map(|listing| Some(rating_row(listing.id, listing.imported.rating.as_ref()?))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sums = Column::iter().filter(|column| !matches!(column, Column::ListingId | Column::Origin));
    Entity::insert_many(rows)
        .on_conflict(OnConflict::columns([Column::ListingId, Column::Origin]).update_columns(sums).to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

fn rating_row(listing_id: Uuid, rating: &ImportedRating) -> table::listing_rating::ActiveModel {
    let sum = |score: Option<i64>| Set(score.map_or(0, |score| score.saturating_mul(rating.count)));
    let count = |score: Option<i64>| Set(score.map_or(0, |_| rating.count));
    table::listing_rating::ActiveModel {
        listing_id: Set(listing_id),
        origin: Set(IMPORTED.to_owned()),
        overall_sum: sum(rating.overall),
        overall_count: count(rating.overall),
        cleanliness_sum: sum(rating.cleanliness),
        cleanliness_count: count(rating.cleanliness),
        accuracy_sum: sum(rating.accuracy),
        accuracy_count: count(rating.accuracy),
        check_in_sum: sum(rating.check_in),
        check_in_count: count(rating.check_in),
        communication_sum: sum(rating.communication),
        communication_count: count(rating.communication),
        location_sum: sum(rating.location),
        location_count: count(rating.location),
        value_sum: sum(rating.value),
        value_count: count(rating.value),
    }
}
