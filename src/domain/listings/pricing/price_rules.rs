//! The prices, discounts, seasons and taxes of one listing, as they are stored.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::money::{Currency, ONE_PPM};
use crate::kernel::stay::Weekdays;

/// The prices of one listing. Amounts are minor units of `currency`, discounts parts per million.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceRules {
    /// Currency of every amount.
    pub currency: Currency,
    /// Price of a night for which no other price is set.
    pub base: i64,
    /// Price of a weekend night. `None` if it is the base price.
    pub weekend: Option<i64>,
    /// The nights that count as weekend nights.
    pub weekend_nights: Weekdays,
    /// Cleaning fee for each stay.
    pub cleaning_fee: i64,
    /// Fee for each stay and pet.
    pub pet_fee: i64,
    /// Fee for each night and each guest beyond `included_guests`.
    pub extra_guest_fee: i64,
    /// Number of adults and children that the nightly price includes.
    pub included_guests: i32,
    /// Discounts for long stays. The one with the largest `min_nights` that the stay reaches applies.
    pub length_of_stay: Vec<LengthOfStayDiscount>,
    /// Discount for stays that begin at least this number of days after booking.
    pub early_bird: Option<WindowDiscount>,
    /// Discount for stays that begin less than this number of days after booking.
    pub last_minute: Option<WindowDiscount>,
    /// Discount while the listing is new, in ppm.
    pub new_listing_discount: Option<i64>,
    /// Discount for the non-refundable option, in ppm of the price after any other discount.
    pub non_refundable_discount: Option<i64>,
    /// Date ranges with their own price or minimum stay.
    pub seasons: Vec<Season>,
    /// The taxes on stays here.
    pub taxes: Vec<TaxRule>,
}

/// A discount for long stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LengthOfStayDiscount {
    /// Minimum number of nights.
    pub min_nights: i32,
    /// Discount in ppm.
    pub discount: i64,
}

/// A discount that depends on the days between booking and arrival.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowDiscount {
    /// Number of calendar days between booking and arrival, in the listing's time zone.
    pub days: i32,
    /// Discount in ppm.
    pub discount: i64,
}

/// A range of dates with its own price or minimum stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Season {
    /// ID of the season.
    pub id: Uuid,
    /// The host's name for it.
    pub name: String,
    /// First night.
    pub from: NaiveDate,
    /// Day after the last night.
    pub to: NaiveDate,
    /// Price of a night in minor units. `None` if the season does not set it.
    pub nightly: Option<i64>,
    /// Minimum number of nights of a stay that begins in the season. `None` if the season does not set it.
    pub min_nights: Option<i32>,
    /// If seasons overlap, the one with the highest priority applies, then the shortest one, then the first of the
    /// list.
    pub priority: i32,
}

/// A tax on stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaxRule {
    /// ID of the rule.
    pub id: Uuid,
    /// Name of the tax on the bill.
    pub name: String,
    /// The unit that the tax is charged for.
    pub unit: TaxUnit,
    /// Rate in ppm, for [`TaxUnit::Percent`]. `None` means zero.
    pub rate: Option<i64>,
    /// Amount of one unit in minor units, for every other unit. `None` means zero.
    pub amount: Option<i64>,
    /// The part of the price that a percentage is of. `None` means the subtotal.
    pub base: Option<TaxBase>,
    /// Number of nights after which the tax is not charged. `None` if there is no limit.
    pub max_nights: Option<i32>,
    /// Number of nights from which on a stay is exempt. `None` if no stay is exempt.
    pub exempt_from_nights: Option<i32>,
    /// Who remits the tax to the authority. The guest pays it either way.
    pub remitted_by: TaxRemitter,
}

/// The unit that a tax is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaxUnit {
    /// A percentage of a price.
    Percent,
    /// Each stay.
    PerStay,
    /// Each night.
    PerNight,
    /// Each adult and child.
    PerGuest,
    /// Each adult and child, for each night.
    PerGuestNight,
}

/// The part of the price that a percentage tax is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaxBase {
    /// The nights with their extra guests.
    Nights,
    /// The nights, extra guests, cleaning and pets.
    Subtotal,
    /// The subtotal and the guest's service fee.
    SubtotalAndGuestFee,
}

/// Who remits a tax to the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaxRemitter {
    /// The platform.
    Platform,
    /// The host.
    Host,
}

/// Where a night's listed price comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriceSource {
    /// The base price.
    Base,
    /// The weekend price.
    Weekend,
    /// A season.
    Season,
    /// A price set for this night.
    Override,
}

/// The platform's fees, in ppm of the subtotal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeeModel {
    /// Fee that the guest pays on top of the subtotal.
    pub guest_ppm: i64,
    /// Fee that is deducted from the host's earnings.
    pub host_ppm: i64,
}

impl FeeModel {
    /// Only the host pays, 15.5 %.
    pub const HOST_ONLY: FeeModel = FeeModel { guest_ppm: 0, host_ppm: 155_000 };

    /// Both pay.
    pub const fn split(guest_ppm: i64, host_ppm: i64) -> FeeModel {
        FeeModel { guest_ppm, host_ppm }
    }

    /// Whether both rates are between 0 and 100 %.
    pub(crate) fn is_valid(self) -> bool {
        (0..=ONE_PPM).contains(&self.guest_ppm) && (0..=ONE_PPM).contains(&self.host_ppm)
    }
}

/// The price of the night of `date` before discounts, in minor units, and where it comes from: the price set for this
/// night, else the season's, else the weekend's, else the base price.
pub fn nightly_price(rules: &PriceRules, overrides: &BTreeMap<NaiveDate, i64>, date: NaiveDate) -> (i64, PriceSource) {
    if let Some(&price) = overrides.get(&date) {
        return (price, PriceSource::Override);
    }
    if let Some(price) = season_value(&rules.seasons, date, |season| season.nightly) {
        return (price, PriceSource::Season);
    }
    match rules.weekend {
        Some(price) if rules.weekend_nights.contains_date(date) => (price, PriceSource::Weekend),
        _ => (rules.base, PriceSource::Base),
    }
}

/// The value for `date` of the season that applies among those that set it: the one with the highest priority, then the
/// shortest.
pub(crate) fn season_value<T>(seasons: &[Season], date: NaiveDate, value: impl Fn(&Season) -> Option<T>) -> Option<T> {
    seasons
        .iter()
        .filter(|season| season.from <= date && date < season.to)
        .filter_map(|season| value(season).map(|value| (season, value)))
        .min_by_key(|(season, _)| (Reverse(season.priority), season.to - season.from))
        .map(|(_, value)| value)
}
