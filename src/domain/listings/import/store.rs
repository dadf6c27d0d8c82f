//! Writing a batch of imported listings down: hosts, listings, amenities, scores and calendars in one transaction.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::Serialize;
use uuid::Uuid;

use super::merge::{known_listing, new_listing};
use super::nights::{self, Nights};
use super::{ImportedListing, ImportedRating};
use crate::domain::error::Error;
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::listing::read::forget;
use crate::domain::listings::nights::subscription;
use crate::domain::listings::{Listing, table};
use crate::domain::users::import::{ImportedUser, upsert};
use crate::platform::App;
use crate::platform::bulk::{self, Kind, Question, Row, SourceRef};

/// Where the sums of imported scores are kept.
const IMPORTED: &str = "IMPORTED";

/// What became of a batch of listings.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Listings that were not there before.
    pub new: u64,
    /// Listings of which something else is true now.
    pub changed: u64,
    /// Listings that are as they were.
    pub unchanged: u64,
    /// Keys of listings that somebody has deleted here, which they stay.
    pub deleted: Vec<String>,
    /// Hosts that were not there before.
    pub new_people: u64,
    /// Hosts with another name or more to say.
    pub changed_people: u64,
    /// What became of the calendars.
    pub nights: Nights,
}

/// A listing that has come before.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its id.
    pub id: Uuid,
    /// Its host's id.
    pub host_id: Uuid,
}

/// Writes listings down or brings them up to date, each with its host and its whole calendar: all of the batch or
/// nothing of it.
pub async fn store(
    app: &App,
    source: &str,
    hosts: &[&ImportedUser],
    listings: &[&ImportedListing],
) -> Result<Stored, Error> {
    let txn = app.db.begin_write().await?;
    let people = upsert(app, &txn, source, hosts.iter().copied()).await?;
    let known = lock_known(&txn, source, listings.iter().map(|listing| listing.source_ref.as_str())).await?;
    let mut stored = Stored { new_people: people.new, changed_people: people.changed, ..Stored::default() };
    let (mut written, mut taken, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    let amenities = amenities_of(&txn, known.values()).await?;
    for imported in listings {
        let Some(&host_id) = people.ids.get(&imported.host_source_ref) else { continue };
        let Some(before) = known.get(&imported.source_ref) else {
            let listing = new_listing(app, source, host_id, imported)?;
            taken.push(Taken { id: listing.id, is_new: true, imported });
            written.push(listing);
            continue;
        };
        if before.status == ListingStatus::Deleted {
            stored.deleted.push(imported.source_ref.clone());
            continue;
        }
        let mut listing = known_listing(app, before, host_id, imported);
        if listing == *before && !offers_the_same(imported, amenities.get(&before.id)) {
            listing.version += 1;
            listing.updated_at = app.clock.now();
        }
        taken.push(Taken { id: before.id, is_new: false, imported });
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
    write_amenities(&txn, &taken, &amenities).await?;
    write_ratings(&txn, &taken).await?;
    stored.nights = nights::write(app, &txn, &taken).await?;
    let has_nights = |taken: &&Taken<'_>| !taken.is_new && taken.imported.nights.is_some();
    let calendars = taken.iter().filter(has_nights).map(|taken| taken.id).chain(changed.iter().copied());
    for id in calendars.collect::<BTreeSet<_>>() {
        subscription::whole(&txn, id);
    }
    for id in changed {
        forget(app, &txn, id);
    }
    txn.commit().await?;
    Ok(stored)
}

/// A listing of a batch, with its id here.
pub(super) struct Taken<'a> {
    pub id: Uuid,
    pub is_new: bool,
    pub imported: &'a ImportedListing,
}

/// The listings of a source that have come before, by their keys there.
pub async fn known<'a>(
    txn: &impl ConnectionTrait,
    source: &str,
    wanted: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, Known>, Error> {
    let wanted: BTreeSet<&str> = wanted.into_iter().collect();
    let rows: Vec<SourceRef<'_>> = wanted.into_iter().map(|source_ref| SourceRef { source_ref }).collect();
    let question = Question {
        columns: "listing.source_ref, listing.id, listing.host_id",
        table: "listing",
        matching: "listing.source = $2 AND listing.source_ref = rows.source_ref",
    };
    let found = bulk::select(txn, question, &rows, [source.into()]).await?;
    found
        .iter()
        .map(|row| {
            let known = Known { id: row.try_get_by_index(1)?, host_id: row.try_get_by_index(2)? };
            Ok((row.try_get_by_index(0)?, known))
        })
        .collect()
}

/// The listings that have come before as they are, kept so until the transaction ends: neither a host's change nor a
/// booking passes unseen. In the order of their ids, so that two imports cannot wait for each other in a circle.
async fn lock_known<'a>(
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
    // A model's columns are marked as unchanged, and an insert needs every one of them.
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

fn offers_the_same(imported: &ImportedListing, known: Option<&BTreeSet<String>>) -> bool {
    let Some(codes) = &imported.amenities else { return true };
    let known = known.into_iter().flatten().map(String::as_str).collect::<HashSet<_>>();
    known == codes.iter().copied().collect()
}

#[derive(Serialize)]
struct AmenityRow<'a> {
    #[serde(serialize_with = "bulk::key")]
    listing_id: Uuid,
    amenity: &'a str,
}

impl Row for AmenityRow<'_> {
    const COLUMNS: &'static [(&'static str, Kind)] = &[("listing_id", Kind::Uuid), ("amenity", Kind::Text)];
}

async fn write_amenities(txn: &impl ConnectionTrait, taken: &[Taken<'_>], known: &Amenities) -> Result<(), Error> {
    let differ = |taken: &&Taken<'_>| !offers_the_same(taken.imported, known.get(&taken.id));
    let (mut rows, mut replaced) = (Vec::new(), Vec::new());
    for &Taken { id, is_new, imported } in taken.iter().filter(differ) {
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

/// Scores that a source does not speak of stay as they are.
async fn write_ratings(txn: &impl ConnectionTrait, taken: &[Taken<'_>]) -> Result<(), Error> {
    use table::listing_rating::{Column, Entity};
    let rows: Vec<_> =
        taken.iter().filter_map(|taken| Some(rating(taken.id, taken.imported.rating.as_ref()?))).collect();
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

fn rating(listing_id: Uuid, rating: &ImportedRating) -> table::listing_rating::ActiveModel {
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
