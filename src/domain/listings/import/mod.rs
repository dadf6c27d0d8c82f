//! Listings that come with a data set, each with its amenities, scores and calendar.

mod merge;
mod nights;
mod store;
mod survey;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::enums::RoomType;
use super::listing::policy::CancellationPolicy;
use crate::kernel::money::Currency;

pub use nights::Nights;
pub use store::{Known, Stored, known, store};
pub use survey::{currencies, gone};

/// Longest stay an imported listing allows, the longest that has a price; sources write 1,125 or 2,147,483,647 where
/// they mean "no limit".
pub const MAX_NIGHTS: i32 = 365;
/// Most characters of a title.
pub const LONGEST_TITLE: usize = 120;
/// Most characters of a description.
pub const LONGEST_DESCRIPTION: usize = 20_000;
/// Most guests.
pub const MOST_GUESTS: i32 = 50;
/// Most rooms of a kind, and most beds.
pub const MOST_ROOMS: i32 = 100;

/// A listing of another platform. Where a source does not say something at all the field is `None`: a listing that
/// is imported again then keeps what it has, and a new one gets a modest default.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedListing {
    /// The listing's key in the source.
    pub source_ref: String,
    /// The host's key in the source.
    pub host_source_ref: String,
    /// One line; never empty.
    pub title: String,
    /// Plain text; never empty.
    pub description: Option<String>,
    /// What is rented.
    pub room_type: RoomType,
    /// Guests at most.
    pub capacity: Option<i32>,
    /// Bedrooms; none in a studio.
    pub bedrooms: Option<i32>,
    /// Beds.
    pub beds: Option<i32>,
    /// Bathrooms, in halves.
    pub bathrooms: Option<f64>,
    /// Codes of the catalogue, each once.
    pub amenities: Option<Vec<&'static str>>,
    /// Where it is.
    pub location: ImportedLocation,
    /// What it costs.
    pub pricing: ImportedPricing,
    /// How long one may stay, and who may come.
    pub rules: ImportedRules,
    /// What its guests thought of it.
    pub rating: Option<ImportedRating>,
    /// Its calendar, when the snapshot has one for it.
    pub nights: Option<ImportedNights>,
}

/// Where an imported listing is.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedLocation {
    /// The neighbourhood, the nearest thing to an address that sources publish.
    pub neighbourhood: Option<String>,
    /// The district or borough above it.
    pub district: Option<String>,
    /// The city or region of the snapshot.
    pub city: String,
    /// ISO 3166 code.
    pub country: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// IANA zone.
    pub time_zone: Tz,
}

/// What an imported listing costs, in minor units of `currency`.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedPricing {
    /// What all amounts are in.
    pub currency: Currency,
    /// A night; positive. Without it a new listing stays a draft and a known one keeps its price.
    pub base_minor: Option<i64>,
    /// Per stay.
    pub cleaning_fee_minor: Option<i64>,
    /// Per night and guest beyond the included ones.
    pub extra_guest_fee_minor: Option<i64>,
    /// Guests the price includes.
    pub included_guests: Option<i32>,
    /// Nights from which a discount in parts per million of the price applies, ascending.
    pub length_of_stay: Option<Vec<(i32, i64)>>,
    /// When one gets one's money back.
    pub cancellation_policy: Option<CancellationPolicy>,
}

/// The stay rules of an imported listing.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedRules {
    /// At least 1.
    pub min_nights: i32,
    /// At least `min_nights`; both at most [`MAX_NIGHTS`].
    pub max_nights: Option<i32>,
    /// Whether a booking needs no answer from the host.
    pub instant: Option<bool>,
    /// Whether pets may come.
    pub pets_allowed: Option<bool>,
}

/// The scores a listing earned at its source: means from 0 to 5, in hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportedRating {
    /// How many reviews the means are over; at least 1.
    pub count: i64,
    /// The overall impression.
    pub overall: Option<i64>,
    /// Was it clean?
    pub cleanliness: Option<i64>,
    /// Was it as described?
    pub accuracy: Option<i64>,
    /// How was the check-in?
    pub check_in: Option<i64>,
    /// How well did the host communicate?
    pub communication: Option<i64>,
    /// How good is the location?
    pub location: Option<i64>,
    /// Was it worth the money?
    pub value: Option<i64>,
}

/// The calendar of one listing in one snapshot, which replaces what earlier snapshots said of the same dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedNights {
    /// The first date the snapshot speaks of.
    pub first: NaiveDate,
    /// The last one, inclusive.
    pub last: NaiveDate,
    /// The nights that differ from what the listing itself says, ascending, each once.
    pub nights: Vec<ImportedNight>,
}

/// A night that differs from what its listing says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportedNight {
    /// The local date on which the night begins.
    pub date: NaiveDate,
    /// Whether it is booked or blocked at the source.
    pub blocked: bool,
    /// Its price in minor units, where it is not the base price.
    pub price_minor: Option<i64>,
    /// Its minimum stay, where it is not the listing's.
    pub min_nights: Option<i32>,
}
