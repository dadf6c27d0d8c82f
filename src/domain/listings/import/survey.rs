//! What earlier imports of the same place have left.

use std::collections::HashSet;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::domain::error::Error;
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::table::listing::{Column, Entity};
use crate::platform::App;

/// The currencies of the listings that earlier imports of this source brought to `city`.
pub async fn currencies(app: &App, source: &str, city: &str) -> Result<Vec<String>, Error> {
    let rows = Entity::find()
        .select_only()
        .column(Column::Currency)
        .distinct()
        .filter(Column::Source.eq(source))
        .filter(Column::City.eq(city));
    Ok(rows.into_tuple().all(app.db.read()).await?)
}

/// How many listings that earlier imports of this source brought to `city` are none of `present`. They stay as they
/// are: that a source does not show a listing any more does not mean that nobody is to stay there.
pub async fn gone(app: &App, source: &str, city: &str, present: &HashSet<String>) -> Result<usize, Error> {
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
