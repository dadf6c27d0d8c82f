//! Calendars that come with a data set: unavailable nights as blocks, prices and minimum stays as nights of their own.
//!
//! **Invariant:** an import replaces only what imports have written, and only within the dates the snapshot speaks of.
//! A claim of a booking, the host's own block and a night the host has priced stay as they are.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use uuid::Uuid;

use super::ImportedNights;
use super::store::Taken;
use crate::domain::error::Error;
use crate::domain::listings::enums::ClaimKind;
use crate::domain::listings::table;
use crate::platform::App;
use crate::platform::bulk::{self, Kind, Question, Row};

/// What became of the calendars of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nights {
    /// Nights that are blocked now.
    pub blocked: u64,
    /// Nights that have a price or a minimum stay of their own now.
    pub special: u64,
    /// Nights that the source has taken and so has a booking here, by the listing's key.
    pub booked: Vec<(String, u64)>,
    /// Nights that the host has blocked or priced, and an external calendar has blocked, which stay so.
    pub kept: u64,
}

#[derive(Serialize)]
struct BlockRow {
    #[serde(serialize_with = "bulk::key")]
    listing_id: Uuid,
    night: NaiveDate,
}

impl Row for BlockRow {
    const COLUMNS: &'static [(&'static str, Kind)] = &[("listing_id", Kind::Uuid), ("night", Kind::Date)];
}

#[derive(Serialize)]
struct NightRow {
    #[serde(serialize_with = "bulk::key")]
    listing_id: Uuid,
    night: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_nights: Option<i32>,
}

impl Row for NightRow {
    const COLUMNS: &'static [(&'static str, Kind)] =
        &[("listing_id", Kind::Uuid), ("night", Kind::Date), ("price_minor", Kind::Whole), ("min_nights", Kind::Whole)];
}

/// Replaces what earlier imports said of the same dates, in the caller's transaction.
pub(super) async fn write(app: &App, txn: &impl ConnectionTrait, taken: &[Taken<'_>]) -> Result<Nights, Error> {
    let (mut blocks, mut nights) = (Vec::new(), Vec::new());
    for Taken { id, is_new, imported } in taken {
        let Some(calendar) = &imported.nights else { continue };
        if !is_new {
            clear(app, txn, *id, calendar).await?;
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
    let special = bulk::insert_missing(txn, "night", &nights, &[("imported", "true")]).await?;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut kept = count(nights.len()).saturating_sub(special);
    let mut booked = Vec::new();
    if blocked < count(blocks.len()) {
        booked = booked_here(txn, &blocks, taken).await?;
        let of_bookings: u64 = booked.iter().map(|(_, nights)| nights).sum();
        kept += count(blocks.len()).saturating_sub(blocked + of_bookings);
    }
    Ok(Nights { blocked, special, booked, kept })
}

/// Takes back what earlier imports said, and sweeps holds that have expired: they stand for nobody.
async fn clear(app: &App, txn: &impl ConnectionTrait, id: Uuid, calendar: &ImportedNights) -> Result<(), Error> {
    use table::{claim, night};
    let nobodys = Condition::any()
        .add(claim::Column::Kind.eq(ClaimKind::ImportedBlock))
        .add(claim::Column::ExpiresAt.lte(app.clock.now()));
    claim::Entity::delete_many()
        .filter(claim::Column::ListingId.eq(id))
        .filter(claim::Column::Night.between(calendar.first, calendar.last))
        .filter(nobodys)
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

/// How many of these nights belong to bookings, by the listing's key in the source.
async fn booked_here(
    txn: &impl ConnectionTrait,
    blocks: &[BlockRow],
    taken: &[Taken<'_>],
) -> Result<Vec<(String, u64)>, Error> {
    let question = Question {
        columns: "claim.listing_id, count(*)",
        table: "claim",
        matching: "claim.listing_id = rows.listing_id AND claim.night = rows.night AND claim.booking_id IS NOT NULL \
                   GROUP BY claim.listing_id",
    };
    let found = bulk::select(txn, question, blocks, []).await?;
    let counts = found
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect::<Result<BTreeMap<Uuid, i64>, sea_orm::DbErr>>()?;
    let booked = taken.iter().filter_map(|taken| {
        let nights = u64::try_from(*counts.get(&taken.id)?).ok()?;
        Some((taken.imported.source_ref.clone(), nights))
    });
    Ok(booked.collect())
}
