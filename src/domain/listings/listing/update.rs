//! Creates and updates listings.

use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    TryIntoModel,
};
use serde_json::json;
use uuid::Uuid;

use super::status::missing_for_publication;
use super::validation::{ListingChange, apply_change};
use crate::domain::error::{Code, Error, Refusal, Refusals};
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::enums::{BookingMode, ListingStatus, RoomType};
use crate::domain::listings::limits::{DEFAULT_BOOKING_WINDOW_DAYS, MAX_NIGHTS};
use crate::domain::listings::nights::announce::announce_listing_update;
use crate::domain::listings::nights::claims::lock_listing_exclusive;
use crate::domain::listings::read::{check_version, drop_cached, find_own};
use crate::domain::listings::search_text::listing_text;
use crate::domain::listings::{Listing, table};
use crate::domain::users;
use crate::domain::viewer::Viewer;
use crate::kernel::stay::Weekdays;
use crate::platform::App;

/// Earliest check-in of a new listing, as hour and minute.
const DEFAULT_CHECK_IN_FROM: (u32, u32) = (15, 0);
/// Latest check-out of a new listing, as hour and minute.
const DEFAULT_CHECK_OUT_BY: (u32, u32) = (11, 0);

/// Creates a draft. Only its host and the staff see it.
pub async fn create(app: &App, viewer: &Viewer, change: ListingChange) -> Result<Listing, Error> {
    let host = viewer.require_host()?;
    let user = users::by_id(app, host.user_id).await?.ok_or_else(|| Error::not_found(&[]))?;
    let mut row = new_draft(app, host.user_id, user.currency);
    let mut refusals = change.unreadable.clone();
    apply_change(&change, &mut row, &mut refusals);
    check_combinations(&row, &mut refusals);
    refusals.finish()?;
    row.search_text = Set(search_text(&row));
    let txn = app.db.begin_write().await?;
    let listing = row.insert(&txn).await?;
    if let Some(amenities) = &change.amenities {
        set_amenities(&txn, listing.id, amenities).await?;
    }
    app.idempotency_key.record(&txn, &[listing.id]).await?;
    txn.commit().await?;
    Ok(listing)
}

/// Updates a listing, unless it has changed since the version that the host has read, if that is given. All values are
/// checked before the first refusal is returned.
pub async fn update(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    expected_version: Option<i32>,
    change: ListingChange,
) -> Result<Listing, Error> {
    viewer.require_user()?;
    find_own(app, viewer, id).await?;
    let txn = app.db.begin_write().await?;
    // Locked, so that a change without an expected version cannot overwrite or combine with one that it has not read.
    let locked = lock_listing_exclusive(&txn, id).await?;
    let before = locked.filter(|listing| listing.status != ListingStatus::Deleted);
    let before = before.ok_or_else(|| Error::not_found(&["id"]))?;
    check_version(&before, expected_version)?;
    let mut row = before.clone().into_active_model();
    let mut refusals = change.unreadable.clone();
    apply_change(&change, &mut row, &mut refusals);
    check_combinations(&row, &mut refusals);
    if before.currency != *row.currency.as_ref() {
        refuse_priced_nights(&txn, id, &mut refusals).await?;
    }
    if before.status == ListingStatus::Published {
        let missing = missing_for_publication(&row.clone().try_into_model()?);
        let is_new = |refusal: &Refusal| !refusals.names(&refusal.field);
        let missing: Vec<Refusal> = missing.into_iter().filter(is_new).collect();
        refusals.extend(missing);
    }
    refusals.finish()?;
    row.search_text = Set(search_text(&row));
    row.version = Set(before.version + 1);
    row.updated_at = Set(app.clock.now());
    let listing = row.update(&txn).await?;
    if let Some(amenities) = &change.amenities {
        set_amenities(&txn, id, amenities).await?;
    }
    announce_listing_update(&txn, &before, &listing)?;
    app.idempotency_key.record(&txn, &[id]).await?;
    drop_cached(app, &txn, id);
    txn.commit().await?;
    Ok(listing)
}

/// Refuses a change of the currency while prices are set for single nights: they are amounts in the old currency.
async fn refuse_priced_nights(txn: &impl ConnectionTrait, id: Uuid, refusals: &mut Refusals) -> Result<(), Error> {
    let priced = table::night::Entity::find()
        .filter(table::night::Column::ListingId.eq(id))
        .filter(table::night::Column::PriceMinor.is_not_null())
        .count(txn)
        .await?;
    let message = format!("cannot change while {priced} nights have their own prices; remove these first");
    refusals.check(priced == 0, Code::StateConflict, &["listing", "pricing", "currency"], &message);
    Ok(())
}

/// Checks the combinations of fields, whichever of them changes.
fn check_combinations(row: &table::listing::ActiveModel, refusals: &mut Refusals) {
    let nights = row.min_nights.as_ref() <= row.max_nights.as_ref();
    refusals.check(nights, Code::Invalid, &["listing", "stayRules", "minNights"], "must not exceed `maxNights`");
}

/// A row with the default values of a new listing.
pub(in crate::domain::listings) fn new_draft(
    app: &App,
    host_id: Uuid,
    currency: String,
) -> table::listing::ActiveModel {
    let now = app.clock.now();
    let time = |(hour, minute)| chrono::NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default();
    table::listing::ActiveModel {
        id: Set(app.clock.new_id()),
        host_id: Set(host_id),
        version: Set(1),
        status: Set(ListingStatus::Draft),
        published_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
        source: Set(None),
        source_ref: Set(None),
        title: Set(String::new()),
        description: Set(String::new()),
        room_type: Set(RoomType::EntirePlace),
        capacity: Set(1),
        bedrooms: Set(0),
        beds: Set(0),
        bathrooms: Set(0.0),
        house_rules: Set(json!([])),
        line1: Set(None),
        line2: Set(None),
        city: Set(String::new()),
        region: Set(None),
        postal_code: Set(None),
        country: Set(String::new()),
        latitude: Set(None),
        longitude: Set(None),
        time_zone: Set(chrono_tz::UTC.name().to_owned()),
        check_in_from: Set(time(DEFAULT_CHECK_IN_FROM)),
        check_in_until: Set(None),
        check_out_by: Set(time(DEFAULT_CHECK_OUT_BY)),
        search_text: Set(String::new()),
        booking_mode: Set(BookingMode::Instant),
        cancellation_policy: Set(CancellationPolicy::Moderate),
        long_term_policy: Set(CancellationPolicy::LongTermFirm),
        currency: Set(currency),
        base_minor: Set(0),
        weekend_minor: Set(None),
        weekend_nights: Set(Weekdays::FRIDAY_AND_SATURDAY.bits()),
        cleaning_fee_minor: Set(0),
        pet_fee_minor: Set(0),
        extra_guest_fee_minor: Set(0),
        included_guests: Set(1),
        length_of_stay: Set(json!([])),
        early_bird: Set(None),
        last_minute: Set(None),
        new_listing_discount_ppm: Set(None),
        non_refundable_discount_ppm: Set(None),
        seasons: Set(json!([])),
        taxes: Set(json!([])),
        min_nights: Set(1),
        max_nights: Set(MAX_NIGHTS),
        min_nights_by_arrival: Set(json!([])),
        advance_notice_days: Set(0),
        same_day_cutoff: Set(None),
        booking_window_days: Set(DEFAULT_BOOKING_WINDOW_DAYS),
        preparation_nights: Set(0),
        check_in_days: Set(Weekdays::ALL.bits()),
        check_out_days: Set(Weekdays::ALL.bits()),
        pets_allowed: Set(false),
    }
}

/// The text that search looks through.
fn search_text(row: &table::listing::ActiveModel) -> String {
    let place = [Some(row.city.as_ref()), row.region.as_ref().as_ref(), Some(row.country.as_ref())];
    let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
    listing_text(row.title.as_ref(), &place.join(" "), row.description.as_ref())
}

async fn set_amenities(txn: &impl ConnectionTrait, id: Uuid, codes: &[String]) -> Result<(), Error> {
    table::listing_amenity::Entity::delete_many()
        .filter(table::listing_amenity::Column::ListingId.eq(id))
        .exec(txn)
        .await?;
    let codes: std::collections::BTreeSet<&String> = codes.iter().collect();
    if codes.is_empty() {
        return Ok(());
    }
    let rows = codes
        .into_iter()
        .map(|code| table::listing_amenity::ActiveModel { listing_id: Set(id), amenity: Set(code.clone()) });
    table::listing_amenity::Entity::insert_many(rows).exec_without_returning(txn).await?;
    Ok(())
}
