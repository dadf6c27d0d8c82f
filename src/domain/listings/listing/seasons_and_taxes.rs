//! Sets the seasons and taxes of a listing, which only the staff of the marketplace can do.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings::enums::ListingStatus;
use crate::domain::listings::limits::{MAX_NAME_CHARS, MAX_NIGHTS, MAX_PRICE_MINOR, MAX_SEASONS, MAX_TAXES};
use crate::domain::listings::nights::announce::announce_calendar;
use crate::domain::listings::pricing::{Season, TaxRule, TaxUnit};
use crate::domain::listings::read::drop_cached;
use crate::domain::listings::{Listing, table};
use crate::domain::viewer::Viewer;
use crate::kernel::money::ONE_PPM;
use crate::platform::App;

/// Replaces the seasons and the taxes of a listing. Existing bookings and quotes are not affected.
pub async fn set_seasons_and_taxes(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    seasons: &[Season],
    taxes: &[TaxRule],
) -> Result<Listing, Error> {
    if !viewer.is_staff() {
        return Err(Error::refused(Code::Forbidden, &["id"], "only the staff of the marketplace can do this"));
    }
    let mut refusals = Refusals::default();
    let message = format!("must contain at most {MAX_SEASONS} seasons");
    refusals.check(seasons.len() <= MAX_SEASONS, Code::TooMany, &["seasons"], &message);
    let message = format!("must contain at most {MAX_TAXES} taxes");
    refusals.check(taxes.len() <= MAX_TAXES, Code::TooMany, &["taxes"], &message);
    for (index, season) in seasons.iter().enumerate() {
        check_season(&mut refusals, &index.to_string(), season);
    }
    for (index, tax) in taxes.iter().enumerate() {
        check_tax(&mut refusals, &index.to_string(), tax);
    }
    refusals.finish()?;

    use table::listing::Column;
    let txn = app.db.begin_write().await?;
    let updated = table::listing::Entity::update_many()
        .col_expr(Column::Seasons, Expr::value(json!(seasons)))
        .col_expr(Column::Taxes, Expr::value(json!(taxes)))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(id))
        .filter(Column::Status.ne(ListingStatus::Deleted))
        .exec_with_returning(&txn)
        .await?;
    let listing = updated.into_iter().next().ok_or_else(|| Error::not_found(&["id"]))?;
    announce_calendar(&txn, id);
    drop_cached(app, &txn, id);
    txn.commit().await?;
    Ok(listing)
}

fn check_season(refusals: &mut Refusals, index: &str, season: &Season) {
    refusals.text(&["seasons", index, "name"], &season.name, MAX_NAME_CHARS);
    refusals.check(season.from < season.to, Code::Invalid, &["seasons", index, "to"], "must be after `from`");
    if let Some(nightly) = season.nightly {
        refusals.range(&["seasons", index, "nightly"], nightly, 1, MAX_PRICE_MINOR);
    }
    if let Some(min_nights) = season.min_nights {
        refusals.range(&["seasons", index, "minNights"], min_nights.into(), 1, MAX_NIGHTS.into());
    }
}

fn check_tax(refusals: &mut Refusals, index: &str, tax: &TaxRule) {
    refusals.text(&["taxes", index, "name"], &tax.name, MAX_NAME_CHARS);
    let percent = tax.unit == TaxUnit::Percent;
    let (needed, other) = if percent { ("rate", "amount") } else { ("amount", "rate") };
    let (value, spare) = if percent { (tax.rate, tax.amount) } else { (tax.amount, tax.rate) };
    match value {
        Some(value) => {
            let most = if percent { ONE_PPM } else { MAX_PRICE_MINOR };
            refusals.range(&["taxes", index, needed], value, 0, most);
        }
        None => refusals.add(Code::Required, &["taxes", index, needed], "is required for this unit"),
    }
    refusals.check(spare.is_none(), Code::Invalid, &["taxes", index, other], "must not be set for this unit");
    let based = percent || tax.base.is_none();
    refusals.check(based, Code::Invalid, &["taxes", index, "base"], "can only be set for percentages");
    for (name, nights) in [("maxNights", tax.max_nights), ("exemptFromNights", tax.exempt_from_nights)] {
        if let Some(nights) = nights {
            refusals.range(&["taxes", index, name], nights.into(), 1, MAX_NIGHTS.into());
        }
    }
}
