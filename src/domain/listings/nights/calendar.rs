//! The calendar of a listing: reading it night by night, and the host's blocks, prices and minimums.

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, Days, NaiveDate};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::claims::{alive, lock_listing, state, taken};
use super::subscription;
use crate::domain::error::{Code, Detail, Error, Refusal, Refusals};
use crate::domain::listings::availability::stay_check::NightState;
use crate::domain::listings::enums::ClaimKind;
use crate::domain::listings::listing::read::find_own;
use crate::domain::listings::pricing::{PriceSource, nightly};
use crate::domain::listings::{Listing, price_rules, stay_rules, table, zone};
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::date_in;
use crate::kernel::money::MAX_MINOR;
use crate::kernel::stay::Stay;
use crate::platform::App;

/// Longest range that can be read or changed at once, in days.
pub const LONGEST_RANGE: i64 = 366;
const LONGEST_NOTE: usize = 200;
const MOST_CHANGES: usize = 100;

/// One night of a listing's calendar.
#[derive(Clone, Debug)]
pub struct CalendarDay {
    /// The local date on which the night begins.
    pub date: NaiveDate,
    /// Whether and why it is taken.
    pub state: NightState,
    /// What the night costs before discounts, minor units.
    pub price: i64,
    /// Where the price comes from.
    pub price_source: PriceSource,
    /// Whether a stay may begin on this date.
    pub check_in_allowed: bool,
    /// Whether a stay may end on this date.
    pub check_out_allowed: bool,
    /// The shortest stay that may begin on this date.
    pub min_nights: i32,
    /// The host's note, for the host alone.
    pub note: Option<String>,
    /// The booking that took the night, for its parties alone.
    pub booking_id: Option<Uuid>,
}

/// What a host set apart for one night.
#[derive(Clone, Debug, Default)]
pub(in crate::domain::listings) struct Special {
    pub price: Option<i64>,
    pub min_nights: Option<i32>,
    pub note: Option<String>,
}

/// What hosts set apart in `[from, to)`, for many listings.
pub(in crate::domain::listings) async fn specials(
    db: &impl ConnectionTrait,
    listings: &[Uuid],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<HashMap<Uuid, BTreeMap<NaiveDate, Special>>, Error> {
    let rows = table::night::Entity::find()
        .filter(table::night::Column::ListingId.is_in(listings.iter().copied()))
        .filter(table::night::Column::Night.gte(from))
        .filter(table::night::Column::Night.lt(to))
        .order_by_asc(table::night::Column::Night)
        .all(db)
        .await?;
    let mut specials: HashMap<Uuid, BTreeMap<NaiveDate, Special>> = HashMap::new();
    for row in rows {
        let special = Special { price: row.price_minor, min_nights: row.min_nights, note: row.note };
        specials.entry(row.listing_id).or_default().insert(row.night, special);
    }
    Ok(specials)
}

/// The calendars of many listings in `[from, to)`, in two statements.
pub async fn calendar(
    app: &App,
    viewer: &Viewer,
    listings: &[Listing],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<HashMap<Uuid, Vec<CalendarDay>>, Error> {
    let range = check_range(from, to, &["from"], &["to"])?;
    let now = app.clock.now();
    let ids: Vec<Uuid> = listings.iter().map(|listing| listing.id).collect();
    let taken = taken(app.db.read(), &ids, from, to, now).await?;
    let specials = specials(app.db.read(), &ids, from, to).await?;
    let mut calendars = HashMap::new();
    for listing in listings {
        let (prices, rules) = (price_rules(listing)?, stay_rules(listing)?);
        let today = date_in(now, zone(listing)?);
        let last = today.checked_add_days(Days::new(u64::try_from(rules.booking_window_days).unwrap_or(0)));
        let special = specials.get(&listing.id);
        let overrides: BTreeMap<NaiveDate, i64> = special
            .into_iter()
            .flatten()
            .filter_map(|(&date, special)| special.price.map(|price| (date, price)))
            .collect();
        let own = viewer.is(listing.host_id) || viewer.is_staff();
        let days = range.dates().map(|date| {
            let special = special.and_then(|nights| nights.get(&date));
            let claim = taken.get(&listing.id).and_then(|nights| nights.get(&date));
            let (price, price_source) = nightly(&prices, &overrides, date);
            let outside = date < today || last.is_some_and(|last| date >= last);
            let note = claim.and_then(|claim| claim.note.clone()).or_else(|| special.and_then(|s| s.note.clone()));
            CalendarDay {
                date,
                state: match claim {
                    Some(claim) => claim.state,
                    None if outside => NightState::OutsideWindow,
                    None => NightState::Free,
                },
                price,
                price_source,
                check_in_allowed: rules.check_in_days.contains_date(date),
                check_out_allowed: rules.check_out_days.contains_date(date),
                min_nights: crate::domain::listings::availability::stay_check::min_nights(
                    &rules,
                    &prices.seasons,
                    special.and_then(|special| special.min_nights),
                    date,
                ),
                note: note.filter(|_| own),
                booking_id: claim.and_then(|claim| claim.booking_id),
            }
        });
        calendars.insert(listing.id, days.collect());
    }
    Ok(calendars)
}

pub(in crate::domain::listings) fn check_range(
    from: NaiveDate,
    to: NaiveDate,
    first: &[&str],
    last: &[&str],
) -> Result<Stay, Error> {
    let range = Stay::new(from, to).ok_or_else(|| Error::refused(Code::Invalid, last, "must be after `from`"))?;
    for (date, field) in [(from, first), (to, last)] {
        if !(1970..=9000).contains(&date.year()) {
            return Err(Error::refused(Code::Invalid, field, "must lie between the years 1970 and 9000"));
        }
    }
    if range.nights() > LONGEST_RANGE {
        let message = format!("must be at most {LONGEST_RANGE} days after `from`");
        return Err(Error::refused(Code::TooMany, last, message));
    }
    Ok(range)
}

/// One change to the nights `[from, to)`; what is nothing stays as it is.
#[derive(Clone, Debug)]
pub struct CalendarChange {
    /// First night.
    pub from: NaiveDate,
    /// Day after the last night.
    pub to: NaiveDate,
    /// Close or open the nights.
    pub blocked: Option<bool>,
    /// Price of each night, minor units of the listing's currency.
    pub price: Option<i64>,
    /// Go back to the listing's own prices.
    pub clear_price: bool,
    /// Shortest stay that may begin on these dates.
    pub min_nights: Option<i32>,
    /// A note for the host alone.
    pub note: Option<String>,
}

/// Blocks, opens and prices nights of the viewer's listing; all changes or none.
pub async fn update_calendar(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    changes: Vec<CalendarChange>,
) -> Result<Vec<CalendarDay>, Error> {
    viewer.require_user()?;
    let listing = find_own(app, viewer, id).await?;
    let mut refusals = Refusals::default();
    refusals.check(!changes.is_empty(), Code::Required, &["changes"], "must hold at least one change");
    refusals.check(changes.len() <= MOST_CHANGES, Code::TooMany, &["changes"], "must hold at most 100 changes");
    for (place, change) in changes.iter().enumerate() {
        check_change(&mut refusals, &place.to_string(), change);
    }
    refusals.finish()?;

    let txn = app.db.begin_write().await?;
    lock_listing(&txn, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    for (place, change) in changes.iter().enumerate() {
        set_specials(&txn, id, change).await?;
        match change.blocked {
            Some(true) => block(app, &txn, id, place, change).await?,
            Some(false) => unblock(&txn, id, change).await?,
            None => {}
        }
    }
    let touched = changes.iter().filter_map(|change| Stay::new(change.from, change.to));
    subscription::nights(&txn, id, touched.flat_map(|range| range.dates().collect::<Vec<_>>()));
    app.once.spend(&txn, &[id]).await?;
    txn.commit().await?;
    changed_days(app, viewer, &listing, &changes).await
}

/// The days from the first of these changes to the last, as they are now.
pub async fn changed_days(
    app: &App,
    viewer: &Viewer,
    listing: &Listing,
    changes: &[CalendarChange],
) -> Result<Vec<CalendarDay>, Error> {
    let from = changes.iter().map(|change| change.from).min().unwrap_or_default();
    let to = changes.iter().map(|change| change.to).max().unwrap_or_default();
    let to = to.min(from.checked_add_days(Days::new(LONGEST_RANGE.unsigned_abs())).unwrap_or(to));
    let days = calendar(app, viewer, std::slice::from_ref(listing), from, to).await?;
    Ok(days.into_values().next().unwrap_or_default())
}

fn check_change(refusals: &mut Refusals, place: &str, change: &CalendarChange) {
    let (first, last) = (["changes", place, "from"], ["changes", place, "to"]);
    if let Err(Error::Refused(found)) = check_range(change.from, change.to, &first, &last) {
        refusals.extend(found);
    }
    if let Some(price) = change.price {
        refusals.range(&["changes", place, "price"], price, 1, MAX_MINOR / 1_000);
        let field = ["changes", place, "clearPrice"];
        refusals.check(!change.clear_price, Code::Invalid, &field, "cannot be combined with `price`");
    }
    if let Some(min_nights) = change.min_nights {
        refusals.range(
            &["changes", place, "minNights"],
            min_nights.into(),
            1,
            crate::domain::listings::listing::validation::MOST_NIGHTS,
        );
    }
    if let Some(note) = &change.note {
        refusals.text_or_empty(&["changes", place, "note"], note, LONGEST_NOTE);
    }
}

async fn set_specials(txn: &impl ConnectionTrait, id: Uuid, change: &CalendarChange) -> Result<(), Error> {
    let mut columns = Vec::new();
    if change.price.is_some() || change.clear_price {
        columns.push(table::night::Column::PriceMinor);
    }
    if change.min_nights.is_some() {
        columns.push(table::night::Column::MinNights);
    }
    if change.note.is_some() {
        columns.push(table::night::Column::Note);
    }
    let Some(range) = Stay::new(change.from, change.to).filter(|_| !columns.is_empty()) else { return Ok(()) };
    columns.push(table::night::Column::Imported);
    let rows = range.dates().map(|night| table::night::ActiveModel {
        listing_id: Set(id),
        night: Set(night),
        price_minor: Set(change.price),
        min_nights: Set(change.min_nights),
        note: Set(change.note.clone().filter(|note| !note.is_empty())),
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
    Ok(())
}

async fn block(
    app: &App,
    txn: &impl ConnectionTrait,
    id: Uuid,
    place: usize,
    change: &CalendarChange,
) -> Result<(), Error> {
    let Some(range) = Stay::new(change.from, change.to) else { return Ok(()) };
    let now = app.clock.now();
    let here = |select: sea_orm::Select<table::claim::Entity>| {
        select
            .filter(table::claim::Column::ListingId.eq(id))
            .filter(table::claim::Column::Night.gte(change.from))
            .filter(table::claim::Column::Night.lt(change.to))
    };
    let booked = here(table::claim::Entity::find())
        .filter(table::claim::Column::Kind.is_in([ClaimKind::Hold, ClaimKind::Stay]))
        .filter(alive(now))
        .order_by_asc(table::claim::Column::Night)
        .all(txn)
        .await?;
    if !booked.is_empty() {
        let field = ["changes", &place.to_string(), "blocked"];
        let nights = booked.into_iter().map(|claim| (claim.night, state(claim.kind).word().to_owned())).collect();
        let refusal = Refusal::at(Code::NightsUnavailable, &field, "guests have booked some of these nights");
        return Err(refusal.with(Detail::Nights(nights)).into());
    }
    table::claim::Entity::delete_many()
        .filter(table::claim::Column::ListingId.eq(id))
        .filter(table::claim::Column::Night.gte(change.from))
        .filter(table::claim::Column::Night.lt(change.to))
        .filter(table::claim::Column::ExpiresAt.lte(now))
        .exec(txn)
        .await?;
    let rows = range.dates().map(|night| table::claim::ActiveModel {
        listing_id: Set(id),
        night: Set(night),
        kind: Set(ClaimKind::Block),
        booking_id: Set(None),
        expires_at: Set(None),
        note: Set(change.note.clone().filter(|note| !note.is_empty())),
    });
    // A night that is closed already stays closed as it is: time to prepare, an imported or external block.
    let closed = table::claim::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([table::claim::Column::ListingId, table::claim::Column::Night]).do_nothing().to_owned(),
        )
        .exec_without_returning(txn)
        .await;
    match closed {
        Ok(_) | Err(sea_orm::DbErr::RecordNotInserted) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn unblock(txn: &impl ConnectionTrait, id: Uuid, change: &CalendarChange) -> Result<(), Error> {
    table::claim::Entity::delete_many()
        .filter(table::claim::Column::ListingId.eq(id))
        .filter(table::claim::Column::Night.gte(change.from))
        .filter(table::claim::Column::Night.lt(change.to))
        .filter(table::claim::Column::Kind.is_in([ClaimKind::Block, ClaimKind::ImportedBlock]))
        .exec(txn)
        .await?;
    Ok(())
}
