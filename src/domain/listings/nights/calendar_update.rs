//! Changes the calendar of a listing: the host's blocks, prices, minimum stays and notes.

use chrono::{Days, NaiveDate};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::announce::announce_nights;
use super::calendar::{CalendarDay, calendar, check_range};
use super::claims::{active_at, delete_lapsed_claims, lock_listing_exclusive, night_state};
use crate::domain::error::{Code, Detail, Error, Refusal, Refusals};
use crate::domain::listings::enums::{ClaimKind, ListingStatus};
use crate::domain::listings::limits::{
    CALENDAR_DAYS, MAX_CALENDAR_CHANGES, MAX_NIGHT_NOTE_CHARS, MAX_NIGHTS, MAX_PRICE_MINOR,
};
use crate::domain::listings::read::{check_version, find_own};
use crate::domain::listings::{Listing, table};
use crate::domain::viewer::Viewer;
use crate::kernel::change::Change;
use crate::kernel::money::Money;
use crate::kernel::stay::Stay;
use crate::platform::App;

/// One change of the nights `[from, to)`. A value that is `None` stays as it is.
#[derive(Clone, Debug)]
pub struct CalendarChange {
    /// First night.
    pub from: NaiveDate,
    /// Day after the last night.
    pub to: NaiveDate,
    /// Blocks the nights, or removes the host's blocks and imported ones.
    pub blocked: Option<bool>,
    /// Price of each night. Without one, the listing's own prices apply.
    pub price: Change<Money>,
    /// Minimum number of nights of a stay that begins on these dates. Without one, the listing's own rule applies.
    pub min_nights: Change<i32>,
    /// A note that only the host and the staff see. An empty text removes it.
    pub note: Change<String>,
    /// Refusals of values that could not be read. They are returned together with those of all other values.
    pub unreadable: Refusals,
}

impl CalendarChange {
    /// What the nights have as their note after the change. `None` if it does not change.
    fn new_note(&self) -> Option<Option<String>> {
        self.note.clone().outcome().map(|note| note.filter(|note| !note.is_empty()))
    }
}

/// Applies changes to the calendar of the viewer's listing, either all of them or none. They do not raise the version of
/// the listing. Returns the listing and its days from the first changed date to the last.
pub async fn update_calendar(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    expected_version: Option<i32>,
    changes: Vec<CalendarChange>,
) -> Result<(Listing, Vec<CalendarDay>), Error> {
    viewer.require_user()?;
    find_own(app, viewer, id).await?;
    let txn = app.db.begin_write().await?;
    // Locked, so that the currency of the listing cannot change while prices in it are written.
    let locked = lock_listing_exclusive(&txn, id).await?;
    let listing = locked.filter(|listing| listing.status != ListingStatus::Deleted);
    let listing = listing.ok_or_else(|| Error::not_found(&["id"]))?;
    check_version(&listing, expected_version)?;
    check_changes(&changes, &listing.currency)?;
    for (index, change) in changes.iter().enumerate() {
        save_overrides(&txn, id, change).await?;
        match change.blocked {
            Some(true) => block_nights(app, &txn, id, index, change).await?,
            Some(false) => unblock_nights(&txn, id, change).await?,
            None => {}
        }
    }
    let changed = changes.iter().filter_map(|change| Stay::new(change.from, change.to));
    announce_nights(&txn, id, changed.flat_map(|range| range.dates().collect::<Vec<_>>()));
    app.idempotency_key.record(&txn, &[id]).await?;
    txn.commit().await?;
    let days = changed_days(app, viewer, &listing, &changes).await?;
    Ok((listing, days))
}

/// The current state of the days from the first of these changes to the last.
pub async fn changed_days(
    app: &App,
    viewer: &Viewer,
    listing: &Listing,
    changes: &[CalendarChange],
) -> Result<Vec<CalendarDay>, Error> {
    let from = changes.iter().map(|change| change.from).min().unwrap_or_default();
    let to = changes.iter().map(|change| change.to).max().unwrap_or_default();
    let to = to.min(from.checked_add_days(Days::new(CALENDAR_DAYS.into())).unwrap_or(to));
    let days = calendar(app, viewer, std::slice::from_ref(listing), from, to).await?;
    Ok(days.into_values().next().unwrap_or_default())
}

fn check_changes(changes: &[CalendarChange], currency: &str) -> Result<(), Error> {
    let mut refusals = Refusals::default();
    refusals.check(!changes.is_empty(), Code::Required, &["changes"], "must contain at least one change");
    let message = format!("must contain at most {MAX_CALENDAR_CHANGES} changes");
    refusals.check(changes.len() <= MAX_CALENDAR_CHANGES, Code::TooMany, &["changes"], &message);
    for (index, change) in changes.iter().enumerate() {
        check_change(&mut refusals, &index.to_string(), change, currency);
    }
    refusals.finish()
}

fn check_change(refusals: &mut Refusals, index: &str, change: &CalendarChange, currency: &str) {
    refusals.extend(change.unreadable.clone());
    let (from_field, to_field) = (["changes", index, "from"], ["changes", index, "to"]);
    if let Err(Error::Refused(found)) = check_range(change.from, change.to, &from_field, &to_field) {
        refusals.extend(found);
    }
    if let Change::Set(price) = change.price {
        refusals.range(&["changes", index, "price", "amount"], price.minor, 1, MAX_PRICE_MINOR);
        let is_same = price.currency.code() == currency;
        let message = format!("must be in {currency}, the currency of the listing");
        refusals.check(is_same, Code::CurrencyMismatch, &["changes", index, "price", "currency"], &message);
    }
    if let Change::Set(min_nights) = change.min_nights {
        refusals.range(&["changes", index, "minNights"], min_nights.into(), 1, MAX_NIGHTS.into());
    }
    if let Change::Set(note) = &change.note {
        refusals.text_or_empty(&["changes", index, "note"], note, MAX_NIGHT_NOTE_CHARS);
    }
}

async fn save_overrides(txn: &impl ConnectionTrait, id: Uuid, change: &CalendarChange) -> Result<(), Error> {
    let note = change.new_note();
    let columns = [
        (!change.price.is_keep()).then_some(table::night::Column::PriceMinor),
        (!change.min_nights.is_keep()).then_some(table::night::Column::MinNights),
        note.is_some().then_some(table::night::Column::Note),
    ];
    let mut columns: Vec<table::night::Column> = columns.into_iter().flatten().collect();
    let Some(range) = Stay::new(change.from, change.to).filter(|_| !columns.is_empty()) else { return Ok(()) };
    columns.push(table::night::Column::Imported);
    let (price, min_nights) = (change.price.value().map(|price| price.minor), change.min_nights.value());
    let rows = range.dates().map(|night| table::night::ActiveModel {
        listing_id: Set(id),
        night: Set(night),
        price_minor: Set(price),
        min_nights: Set(min_nights),
        note: Set(note.clone().flatten()),
        imported: Set(false),
    });
    table::night::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([table::night::Column::ListingId, table::night::Column::Night])
                .update_columns(columns)
                .to_owned(),
        )
        .exec_without_returning(txn)
        .await?;
    match note {
        Some(note) => rename_blocks(txn, id, change, note).await,
        None => Ok(()),
    }
}

/// Sets the note of the host's blocks. It is stored with the block, and shown instead of the note of the night.
async fn rename_blocks(
    txn: &impl ConnectionTrait,
    id: Uuid,
    change: &CalendarChange,
    note: Option<String>,
) -> Result<(), Error> {
    table::claim::Entity::update_many()
        .col_expr(table::claim::Column::Note, Expr::value(note))
        .filter(table::claim::Column::ListingId.eq(id))
        .filter(table::claim::Column::Night.gte(change.from))
        .filter(table::claim::Column::Night.lt(change.to))
        .filter(table::claim::Column::Kind.is_in([ClaimKind::Block, ClaimKind::ImportedBlock]))
        .exec(txn)
        .await?;
    Ok(())
}

async fn block_nights(
    app: &App,
    txn: &impl ConnectionTrait,
    id: Uuid,
    index: usize,
    change: &CalendarChange,
) -> Result<(), Error> {
    let Some(range) = Stay::new(change.from, change.to) else { return Ok(()) };
    let now = app.clock.now();
    let booked = table::claim::Entity::find()
        .filter(table::claim::Column::ListingId.eq(id))
        .filter(table::claim::Column::Night.gte(change.from))
        .filter(table::claim::Column::Night.lt(change.to))
        .filter(table::claim::Column::Kind.is_in([ClaimKind::Hold, ClaimKind::Stay]))
        .filter(active_at(now))
        .order_by_asc(table::claim::Column::Night)
        .all(txn)
        .await?;
    if !booked.is_empty() {
        let field = ["changes", &index.to_string(), "blocked"];
        let nights =
            booked.into_iter().map(|claim| (claim.night, night_state(claim.kind).as_str().to_owned())).collect();
        let refusal = Refusal::at(Code::NightsUnavailable, &field, "guests have booked some of these nights");
        return Err(refusal.with(Detail::Nights(nights)).into());
    }
    delete_lapsed_claims(txn, id, range.dates(), now).await?;
    let rows = range.dates().map(|night| table::claim::ActiveModel {
        listing_id: Set(id),
        night: Set(night),
        kind: Set(ClaimKind::Block),
        booking_id: Set(None),
        expires_at: Set(None),
        note: Set(change.new_note().flatten()),
    });
    // A night that is already closed keeps its claim: preparation time, or an imported or external block.
    let inserted = table::claim::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([table::claim::Column::ListingId, table::claim::Column::Night]).do_nothing().to_owned(),
        )
        .exec_without_returning(txn)
        .await;
    match inserted {
        Ok(_) | Err(sea_orm::DbErr::RecordNotInserted) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn unblock_nights(txn: &impl ConnectionTrait, id: Uuid, change: &CalendarChange) -> Result<(), Error> {
    table::claim::Entity::delete_many()
        .filter(table::claim::Column::ListingId.eq(id))
        .filter(table::claim::Column::Night.gte(change.from))
        .filter(table::claim::Column::Night.lt(change.to))
        .filter(table::claim::Column::Kind.is_in([ClaimKind::Block, ClaimKind::ImportedBlock]))
        .exec(txn)
        .await?;
    Ok(())
}
