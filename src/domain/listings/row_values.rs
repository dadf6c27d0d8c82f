//! Converts the columns of a listing's row into the values that prices and stay checks are computed from.

use chrono_tz::Tz;
use sea_orm::prelude::Json;
use serde::de::DeserializeOwned;

use crate::domain::error::Error;
use crate::domain::listings::Listing;
use crate::domain::listings::pricing::{FeeModel, PriceRules};
use crate::domain::listings::stay_rules::StayRules;
use crate::kernel::stay::Weekdays;
use crate::platform::App;

/// The listing's time zone.
pub fn zone(listing: &Listing) -> Result<Tz, Error> {
    listing.time_zone.parse().map_err(|_| broken(listing, "time_zone"))
}

/// The platform's fees, as configured now.
pub fn fees(app: &App) -> FeeModel {
    FeeModel { guest_ppm: app.config.guest_fee_ppm, host_ppm: app.config.host_fee_ppm }
}

/// The listing's prices, discounts, seasons and taxes.
pub fn price_rules(listing: &Listing) -> Result<PriceRules, Error> {
    Ok(PriceRules {
        currency: listing.currency.parse().map_err(|_| broken(listing, "currency"))?,
        base: listing.base_minor,
        weekend: listing.weekend_minor,
        weekend_nights: Weekdays::from_bits(listing.weekend_nights),
        cleaning_fee: listing.cleaning_fee_minor,
        pet_fee: listing.pet_fee_minor,
        extra_guest_fee: listing.extra_guest_fee_minor,
        included_guests: listing.included_guests,
        length_of_stay: json(listing, "length_of_stay", &listing.length_of_stay)?,
        early_bird: listing.early_bird.as_ref().map(|value| json(listing, "early_bird", value)).transpose()?,
        last_minute: listing.last_minute.as_ref().map(|value| json(listing, "last_minute", value)).transpose()?,
        new_listing_discount: listing.new_listing_discount_ppm,
        non_refundable_discount: listing.non_refundable_discount_ppm,
        seasons: json(listing, "seasons", &listing.seasons)?,
        taxes: json(listing, "taxes", &listing.taxes)?,
    })
}

/// The listing's rules for stays.
pub fn stay_rules(listing: &Listing) -> Result<StayRules, Error> {
    Ok(StayRules {
        min_nights: listing.min_nights,
        max_nights: listing.max_nights,
        min_nights_by_arrival: json(listing, "min_nights_by_arrival", &listing.min_nights_by_arrival)?,
        advance_notice_days: listing.advance_notice_days,
        same_day_cutoff: listing.same_day_cutoff,
        booking_window_days: listing.booking_window_days,
        preparation_nights: listing.preparation_nights,
        check_in_days: Weekdays::from_bits(listing.check_in_days),
        check_out_days: Weekdays::from_bits(listing.check_out_days),
        pets_allowed: listing.pets_allowed,
    })
}

/// The listing's house rules, one line each.
pub fn house_rules(listing: &Listing) -> Result<Vec<String>, Error> {
    json(listing, "house_rules", &listing.house_rules)
}

fn json<T: DeserializeOwned>(listing: &Listing, column: &str, value: &Json) -> Result<T, Error> {
    T::deserialize(value).map_err(|_| broken(listing, column))
}

fn broken(listing: &Listing, column: &str) -> Error {
    Error::failed(format!("listing {} has an unreadable {column}", listing.id))
}
