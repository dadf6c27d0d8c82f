//! Stores the calendars of imported listings: unavailable nights as blocks, prices and minimum stays as overrides.
//!
//! **Invariant:** an import replaces only rows that imports have written, and only within the dates of the snapshot. It
//! never changes the claim of a booking, a block by the host, or a night for which the host has set a price.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use uuid::Uuid;

use super::batch::BatchListing;
use super::imported::ImportedNights;
use crate::domain::error::Error;
use crate::domain::listings::enums::ClaimKind;
use crate::domain::listings::table;
use crate::platform::App;
use crate::platform::bulk::{self, Kind, Lookup, Row};

/// The result of storing the calendars of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredNights {
    /// Number of nights that were blocked.
    pub blocked: u64,
    /// Number of nights for which a price or a minimum stay was set.
    pub overridden: u64,
    /// Number of nights that are unavailable at the source and claimed by a booking here, by the listing's key.
    pub booked: Vec<(String, u64)>,
    /// Number of nights that were not changed, because the host has blocked or priced them or an external calendar has
    /// blocked them.
    pub unchanged: u64,
}

#[derive(Serialize)]
struct BlockRow {
    #[serde(serialize_with = "bulk::serialize_uuid")]
    listing_id: Uuid,
    night: NaiveDate,
}

impl Row for BlockRow {
    const COLUMNS: &'static [(&'static str, Kind)] = &[("listing_id", Kind::Uuid), ("night", Kind::Date)];
}

#[derive(Serialize)]
struct NightRow {
    #[serde(serialize_with = "bulk::serialize_uuid")]
    listing_id: Uuid,
    night: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_nights: Option<i32>,
}

impl Row for NightRow {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("listing_id", Kind::Uuid),
        ("night", Kind::Date),
        ("price_minor", Kind::Integer),
        ("min_nights", Kind::Integer),
    ];
}

/// Replaces the calendars of earlier imports for the same dates, in the caller's transaction.
pub(super) async fn write_nights(
    app: &App,
    txn: &impl ConnectionTrait,
    batch: &[BatchListing<'_>],
) -> Result<StoredNights, Error> {
    let (mut blocks, mut nights) = (Vec::new(), Vec::new());
    for BatchListing { id, is_new, imported } in batch {
        let Some(calendar) = &imported.nights else { continue };
        if !is_new {
            delete_imported_nights(app, txn, *id, calendar).await?;
        }
        for night in &calendar.nights {
            if night.blocked {
                blocks.push(BlockRow { listing_id: *id, night: night.date });
            }
            if night.price_minor.is_some() || night.min_nights.is_some() {
                let (price_minor, min_nights) = (night.price_minor, night.min_nights);
                nights.push(NightRow { listing_id: *id, night: night.date, price_minor, min_nights });
            }
        }
    }
    let blocked = bulk::insert_missing(txn, "claim", &blocks, &[("kind", "'IMPORTED_BLOCK'")]).await?;
    let overridden = bulk::insert_missing(txn, "night", &nights, &[("imported", "true")]).await?;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut unchanged = count(nights.len()).saturating_sub(overridden);
    let mut booked = Vec::new();
    if blocked < count(blocks.len()) {
        booked = booked_nights(txn, &blocks, batch).await?;
        let of_bookings: u64 = booked.iter().map(|(_, nights)| nights).sum();
        unchanged += count(blocks.len()).saturating_sub(blocked + of_bookings);
    }
    Ok(StoredNights { blocked, overridden, booked, unchanged })
}

/// Deletes the blocks and overrides of earlier imports, and holds that have expired, for the dates of this calendar.
async fn delete_imported_nights(
    app: &App,
    txn: &impl ConnectionTrait,
    id: Uuid,
    calendar: &ImportedNights,
) -> Result<(), Error> {
    use table::{claim, night};
    let imported_or_lapsed = Condition::any()
        .add(claim::Column::Kind.eq(ClaimKind::ImportedBlock))
        .add(claim::Column::ExpiresAt.lte(app.clock.now()));
    claim::Entity::delete_many()
        .filter(claim::Column::ListingId.eq(id))
        .filter(claim::Column::Night.between(calendar.first, calendar.last))
        .filter(imported_or_lapsed)
        .exec(txn)
        .await?;
    night::Entity::delete_many()
        .filter(night::Column::ListingId.eq(id))
        .filter(night::Column::Night.between(calendar.first, calendar.last))
        .filter(night::Column::Imported.eq(true))
        .exec(txn)
        .await?;
    Ok(())
}

/// Counts how many of these nights bookings have claimed, by the listing's key in the source.
async fn booked_nights(
    txn: &impl ConnectionTrait,
    blocks: &[BlockRow],
    batch: &[BatchListing<'_>],
) -> Result<Vec<(String, u64)>, Error> {
    let lookup = Lookup {
        columns: "claim.listing_id, count(*)",
        table: "claim",
        condition: "claim.listing_id = rows.listing_id AND claim.night = rows.night AND claim.booking_id IS NOT NULL \
                   GROUP BY claim.listing_id",
    };
    let found = bulk::select(txn, lookup, blocks, []).await?;
    let counts = found
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect::<Result<BTreeMap<Uuid, i64>, sea_orm::DbErr>>()?;
    let booked = batch.iter().filter_map(|listing| {
        let nights = u64::try_from(*counts.get(&listing.id)?).ok()?;
        Some((listing.imported.source_ref.clone(), nights))
    });
    Ok(booked.collect())
}
