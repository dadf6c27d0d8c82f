//! A listing of another platform with its amenities, ratings and calendar, as an import passes it in.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::enums::RoomType;
use crate::kernel::money::Currency;

/// A listing of another platform. A field is `None` if the source does not have it: a listing that is already here then
/// keeps its value, and a new one gets a default.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedListing {
    /// Key of the listing in the source.
    pub source_ref: String,
    /// Key of the host in the source.
    pub host_source_ref: String,
    /// Title, on one line. Never empty.
    pub title: String,
    /// Description in plain text. Never empty.
    pub description: Option<String>,
    /// The part of the place that guests have for themselves.
    pub room_type: RoomType,
    /// Largest number of guests.
    pub capacity: Option<i32>,
    /// Number of bedrooms. 0 for a studio.
    pub bedrooms: Option<i32>,
    /// Number of beds.
    pub beds: Option<i32>,
    /// Number of bathrooms, in steps of 0.5.
    pub bathrooms: Option<f64>,
    /// Codes of amenities from the catalogue, without duplicates.
    pub amenities: Option<Vec<&'static str>>,
    /// Its location.
    pub location: ImportedLocation,
    /// Its prices.
    pub pricing: ImportedPricing,
    /// Its rules for stays.
    pub rules: ImportedRules,
    /// Its ratings at the source.
    pub rating: Option<ImportedRating>,
    /// Its calendar. `None` if the snapshot has none for it.
    pub nights: Option<ImportedNights>,
}

/// The location of an imported listing.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedLocation {
    /// Neighbourhood. Sources publish nothing closer to an address.
    pub neighbourhood: Option<String>,
    /// District or borough that contains the neighbourhood.
    pub district: Option<String>,
    /// City or region of the snapshot.
    pub city: String,
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
    /// Latitude in degrees.
    pub latitude: f64,
    /// Longitude in degrees.
    pub longitude: f64,
    /// IANA time zone.
    pub time_zone: Tz,
}

/// The prices of an imported listing, in minor units of `currency`.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedPricing {
    /// Currency of all amounts.
    pub currency: Currency,
    /// Price of a night, greater than 0. Without it a new listing remains a draft and an existing one keeps its price.
    pub base_minor: Option<i64>,
    /// Cleaning fee for each stay.
    pub cleaning_fee_minor: Option<i64>,
    /// Fee for each night and each guest beyond the included ones.
    pub extra_guest_fee_minor: Option<i64>,
    /// Number of guests that the price includes.
    pub included_guests: Option<i32>,
    /// Discounts for long stays: minimum number of nights and discount in ppm, in ascending order of nights.
    pub length_of_stay: Option<Vec<(i32, i64)>>,
    /// Cancellation policy.
    pub cancellation_policy: Option<CancellationPolicy>,
}

/// The rules for stays of an imported listing.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedRules {
    /// Minimum number of nights, at least 1.
    pub min_nights: i32,
    /// Maximum number of nights, at least `min_nights`. Both are at most
    /// [`MAX_NIGHTS`](crate::domain::listings::limits::MAX_NIGHTS).
    pub max_nights: Option<i32>,
    /// Whether a booking is confirmed at once, without the host.
    pub instant: Option<bool>,
    /// Whether pets are allowed.
    pub pets_allowed: Option<bool>,
}

/// The ratings of a listing at its source: means from 0 to 5 stars, in hundredths of a star.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportedRating {
    /// Number of ratings in the means, at least 1.
    pub count: i64,
    /// Overall rating.
    pub overall: Option<i64>,
    /// Cleanliness.
    pub cleanliness: Option<i64>,
    /// Accuracy of the description.
    pub accuracy: Option<i64>,
    /// Check-in.
    pub check_in: Option<i64>,
    /// Communication with the host.
    pub communication: Option<i64>,
    /// Location.
    pub location: Option<i64>,
    /// Value for money.
    pub value: Option<i64>,
}

/// The calendar of one listing in one snapshot. It replaces the calendar of earlier snapshots for the same dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedNights {
    /// First date of the calendar.
    pub first: NaiveDate,
    /// Last date of the calendar, inclusive.
    pub last: NaiveDate,
    /// The nights that differ from the listing's own values, in ascending order, without duplicates.
    pub nights: Vec<ImportedNight>,
}

/// A night that differs from the listing's own values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportedNight {
    /// Local date on which the night begins.
    pub date: NaiveDate,
    /// Whether it is booked or blocked at the source.
    pub blocked: bool,
    /// Price in minor units. `None` if it is the base price.
    pub price_minor: Option<i64>,
    /// Minimum number of nights. `None` if it is the listing's.
    pub min_nights: Option<i32>,
}
