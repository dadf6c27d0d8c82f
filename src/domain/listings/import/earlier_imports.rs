//! Listings that earlier imports have stored.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::table::listing::{Column, Entity};
use crate::platform::App;
use crate::platform::bulk::{self, Lookup, SourceRef};

/// A listing that an earlier import has stored.
#[derive(Clone, Copy, Debug)]
pub struct ExistingListing {
    /// ID of the listing here.
    pub id: Uuid,
    /// ID of its host here.
    pub host_id: Uuid,
}

/// Reads the listings of a source that earlier imports have stored, by their keys in the source.
pub async fn existing_listings<'a>(
    txn: &impl ConnectionTrait,
    source: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, ExistingListing>, Error> {
    let keys: BTreeSet<&str> = keys.into_iter().collect();
    let rows: Vec<SourceRef<'_>> = keys.into_iter().map(|source_ref| SourceRef { source_ref }).collect();
    let lookup = Lookup {
        columns: "listing.source_ref, listing.id, listing.host_id",
        table: "listing",
        condition: "listing.source = $2 AND listing.source_ref = rows.source_ref",
    };
    let found = bulk::select(txn, lookup, &rows, [source.into()]).await?;
    found
        .iter()
        .map(|row| {
            let listing = ExistingListing { id: row.try_get_by_index(1)?, host_id: row.try_get_by_index(2)? };
            Ok((row.try_get_by_index(0)?, listing))
        })
        .collect()
}

/// The currencies of the listings that earlier imports of this source have stored in `city`.
pub async fn imported_currencies(app: &App, source: &str, city: &str) -> Result<Vec<String>, Error> {
    let rows = Entity::find()
        .select_only()
        .column(Column::Currency)
        .distinct()
        .filter(Column::Source.eq(source))
        .filter(Column::City.eq(city));
    Ok(rows.into_tuple().all(app.db.read()).await?)
}

/// Counts the listings that earlier imports of this source have stored in `city` and that are not in `present`. They
/// are not changed: a listing that is missing from the source can still have bookings here.
pub async fn count_absent_listings(
    app: &App,
    source: &str,
    city: &str,
    present: &HashSet<String>,
) -> Result<usize, Error> {
    let rows: Vec<Option<String>> = Entity::find()
        .select_only()
        .column(Column::SourceRef)
        .filter(Column::Source.eq(source))
        .filter(Column::City.eq(city))
        .filter(Column::Status.ne(ListingStatus::Deleted))
        .into_tuple()
        .all(app.db.read())
        .await?;
    Ok(rows.into_iter().flatten().filter(|key| !present.contains(key)).count())
}
