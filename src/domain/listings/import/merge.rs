//! Merges the values of an imported listing into the existing listing, or into a new draft.

use sea_orm::prelude::Json;
use sea_orm::{DbErr, TryIntoModel};
use serde_json::json;
use uuid::Uuid;

use super::imported::{ImportedListing, ImportedPricing};
use crate::domain::listings::Listing;
use crate::domain::listings::enums::{BookingMode, ListingStatus, RoomType};
use crate::domain::listings::listing::status::missing_for_publication;
use crate::domain::listings::listing::update::new_draft;
use crate::domain::listings::pricing::LengthOfStayDiscount;
use crate::domain::listings::search_text::listing_text;
use crate::platform::App;

/// A new listing: a draft with the values of the source, and defaults for those that the source does not have. It is
/// published if nothing is missing.
pub(super) fn new_listing(
    app: &App,
    source: &str,
    host_id: Uuid,
    imported: &ImportedListing,
) -> Result<Listing, DbErr> {
    let mut listing = new_draft(app, host_id, imported.pricing.currency.code().to_owned()).try_into_model()?;
    listing.source = Some(source.to_owned());
    listing.source_ref = Some(imported.source_ref.clone());
    listing.capacity = if imported.room_type == RoomType::SharedRoom { 1 } else { 2 };
    listing.bedrooms = 1;
    listing.beds = imported.bedrooms.unwrap_or(1).max(1);
    listing.bathrooms = 1.0;
    listing.included_guests = imported.capacity.unwrap_or(listing.capacity);
    // If the source does not say, bookings wait for the host.
    listing.booking_mode = BookingMode::Request;
    listing.description = fallback_description(imported);
    apply_imported(&mut listing, imported);
    publish_if_complete(app, &mut listing);
    Ok(listing)
}

/// An existing listing with the values of the source, and a new version if any of them differs. Values that the source
/// does not have stay as they are. The status stays too, except that a draft without missing values is published.
pub(super) fn merged_listing(app: &App, existing: &Listing, host_id: Uuid, imported: &ImportedListing) -> Listing {
    let mut listing = existing.clone();
    listing.host_id = host_id;
    apply_imported(&mut listing, imported);
    publish_if_complete(app, &mut listing);
    if listing != *existing {
        listing.version += 1;
        listing.updated_at = app.clock.now();
    }
    listing
}

fn apply_imported(listing: &mut Listing, imported: &ImportedListing) {
    listing.title.clone_from(&imported.title);
    listing.room_type = imported.room_type;
    set(&mut listing.description, imported.description.clone());
    set(&mut listing.capacity, imported.capacity);
    set(&mut listing.bedrooms, imported.bedrooms);
    set(&mut listing.beds, imported.beds);
    set(&mut listing.bathrooms, imported.bathrooms);

    let location = &imported.location;
    let region = [&location.neighbourhood, &location.district].into_iter().flatten();
    let region = region.map(String::as_str).collect::<Vec<_>>().join(", ");
    listing.region = Some(region).filter(|region| !region.is_empty());
    listing.city.clone_from(&location.city);
    listing.country.clone_from(&location.country);
    listing.latitude = Some(location.latitude);
    listing.longitude = Some(location.longitude);
    location.time_zone.name().clone_into(&mut listing.time_zone);

    apply_prices(listing, &imported.pricing);
    let rules = &imported.rules;
    listing.min_nights = rules.min_nights;
    set(&mut listing.max_nights, rules.max_nights);
    listing.max_nights = listing.max_nights.max(rules.min_nights);
    set(&mut listing.pets_allowed, rules.pets_allowed);
    let mode = |instant| if instant { BookingMode::Instant } else { BookingMode::Request };
    set(&mut listing.booking_mode, rules.instant.map(mode));

    let place = format!("{} {} {}", listing.city, listing.region.as_deref().unwrap_or_default(), listing.country);
    listing.search_text = listing_text(&listing.title, &place, &listing.description);
}

fn apply_prices(listing: &mut Listing, pricing: &ImportedPricing) {
    pricing.currency.code().clone_into(&mut listing.currency);
    if let Some(base_minor) = pricing.base_minor {
        listing.base_minor = base_minor;
        // The source has a price for every night, so nothing else may apply between the base price and the overrides.
        listing.weekend_minor = None;
        listing.seasons = json!([]);
    }
    set(&mut listing.cleaning_fee_minor, pricing.cleaning_fee_minor);
    set(&mut listing.extra_guest_fee_minor, pricing.extra_guest_fee_minor);
    set(&mut listing.included_guests, pricing.included_guests);
    set(&mut listing.cancellation_policy, pricing.cancellation_policy);
    set(&mut listing.length_of_stay, pricing.length_of_stay.as_deref().map(discounts_json));
}

fn discounts_json(discounts: &[(i32, i64)]) -> Json {
    let discounts = discounts.iter().map(|&(min_nights, discount)| LengthOfStayDiscount { min_nights, discount });
    json!(discounts.collect::<Vec<_>>())
}

fn publish_if_complete(app: &App, listing: &mut Listing) {
    if listing.status == ListingStatus::Draft
        && listing.published_at.is_none()
        && missing_for_publication(listing).is_empty()
    {
        listing.status = ListingStatus::Published;
        listing.published_at = Some(app.clock.now());
    }
}

fn fallback_description(imported: &ImportedListing) -> String {
    let what = match imported.room_type {
        RoomType::EntirePlace => "An entire place",
        RoomType::PrivateRoom => "A private room",
        RoomType::SharedRoom => "A bed in a shared room",
        RoomType::HotelRoom => "A room in a hotel",
    };
    let location = &imported.location;
    let place = [location.neighbourhood.as_deref(), location.district.as_deref(), Some(location.city.as_str())];
    format!("{what} in {}.", place.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
