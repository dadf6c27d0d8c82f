//! The values that a host has set for single nights: price, minimum stay and note.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::listings::table;

/// The values set for one night. A value that is `None` is not overridden.
#[derive(Clone, Debug, Default)]
pub(in crate::domain::listings) struct NightOverride {
    pub price: Option<i64>,
    pub min_nights: Option<i32>,
    pub note: Option<String>,
}

/// Reads the overrides of many listings in `[from, to)`, by listing and night.
pub(in crate::domain::listings) async fn night_overrides(
    db: &impl ConnectionTrait,
    listings: &[Uuid],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<HashMap<Uuid, BTreeMap<NaiveDate, NightOverride>>, Error> {
    let rows = table::night::Entity::find()
        .filter(table::night::Column::ListingId.is_in(listings.iter().copied()))
        .filter(table::night::Column::Night.gte(from))
        .filter(table::night::Column::Night.lt(to))
        .order_by_asc(table::night::Column::Night)
        .all(db)
        .await?;
    let mut overrides: HashMap<Uuid, BTreeMap<NaiveDate, NightOverride>> = HashMap::new();
    for row in rows {
        let values = NightOverride { price: row.price_minor, min_nights: row.min_nights, note: row.note };
        overrides.entry(row.listing_id).or_default().insert(row.night, values);
    }
    Ok(overrides)
}
