//! Seasons and taxes of a listing, set by the marketplace's staff.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;
use uuid::Uuid;

use super::read::forget;
use super::validation::MOST_NIGHTS;
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::nights::subscription;
use crate::domain::listings::pricing::{Season, TaxRule, TaxUnit};
use crate::domain::listings::{Listing, table};
use crate::domain::viewer::Viewer;
use crate::kernel::money::{MAX_MINOR, ONE_PPM};
use crate::platform::App;

const LONGEST_NAME: usize = 80;
const MOST_SEASONS: usize = 50;
const MOST_TAXES: usize = 20;

/// Replaces the seasons and the taxes of a listing; bookings that were made keep theirs.
pub async fn set_terms(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    seasons: &[Season],
    taxes: &[TaxRule],
) -> Result<Listing, Error> {
    if !viewer.is_staff() {
        return Err(Error::refused(Code::Forbidden, &["id"], "this is for the marketplace's staff"));
    }
    let mut refusals = Refusals::default();
    refusals.check(seasons.len() <= MOST_SEASONS, Code::TooMany, &["seasons"], "must hold at most 50 seasons");
    refusals.check(taxes.len() <= MOST_TAXES, Code::TooMany, &["taxes"], "must hold at most 20 taxes");
    for (place, season) in seasons.iter().enumerate() {
        check_season(&mut refusals, &place.to_string(), season);
    }
    for (place, tax) in taxes.iter().enumerate() {
        check_tax(&mut refusals, &place.to_string(), tax);
    }
    refusals.finish()?;

    use table::listing::Column;
    let txn = app.db.begin_write().await?;
    let changed = table::listing::Entity::update_many()
        .col_expr(Column::Seasons, Expr::value(json!(seasons)))
        .col_expr(Column::Taxes, Expr::value(json!(taxes)))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(id))
        .filter(Column::Status.ne(ListingStatus::Deleted))
        .exec_with_returning(&txn)
        .await?;
    let listing = changed.into_iter().next().ok_or_else(|| Error::not_found(&["id"]))?;
    subscription::whole(&txn, id);
    forget(app, &txn, id);
    txn.commit().await?;
    Ok(listing)
}

fn check_season(refusals: &mut Refusals, place: &str, season: &Season) {
    refusals.text(&["seasons", place, "name"], &season.name, LONGEST_NAME);
    refusals.check(season.from < season.to, Code::Invalid, &["seasons", place, "to"], "must be after `from`");
    if let Some(nightly) = season.nightly {
        refusals.range(&["seasons", place, "nightly"], nightly, 1, MAX_MINOR / 1_000);
    }
    if let Some(min_nights) = season.min_nights {
        refusals.range(&["seasons", place, "minNights"], min_nights.into(), 1, MOST_NIGHTS);
    }
}

fn check_tax(refusals: &mut Refusals, place: &str, tax: &TaxRule) {
    refusals.text(&["taxes", place, "name"], &tax.name, LONGEST_NAME);
    let percent = tax.unit == TaxUnit::Percent;
    let (needed, other) = if percent { ("rate", "amount") } else { ("amount", "rate") };
    let (value, spare) = if percent { (tax.rate, tax.amount) } else { (tax.amount, tax.rate) };
    match value {
        Some(value) => {
            let most = if percent { ONE_PPM } else { MAX_MINOR / 1_000 };
            refusals.range(&["taxes", place, needed], value, 0, most);
        }
        None => refusals.add(Code::Required, &["taxes", place, needed], "is what this unit is counted by"),
    }
    refusals.check(spare.is_none(), Code::Invalid, &["taxes", place, other], "does not go with this unit");
    let based = percent || tax.base.is_none();
    refusals.check(based, Code::Invalid, &["taxes", place, "base"], "is for percentages only");
    for (name, nights) in [("maxNights", tax.max_nights), ("exemptFromNights", tax.exempt_from_nights)] {
        if let Some(nights) = nights {
            refusals.range(&["taxes", place, name], nights.into(), 1, MOST_NIGHTS);
        }
    }
}

/// Whether there is any listing at all, drafts included.
pub async fn any_listing(app: &App) -> Result<bool, Error> {
    let found: Option<Uuid> = table::listing::Entity::find()
        .select_only()
        .column(table::listing::Column::Id)
        .into_tuple()
        .one(app.db.read())
        .await?;
    Ok(found.is_some())
}
