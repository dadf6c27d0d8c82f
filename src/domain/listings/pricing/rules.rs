//! What a host sets: the prices, discounts and taxes of one listing, as they are stored.

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
    /// The one currency of every amount here.
    pub currency: Currency,
    /// The price of a night for which nothing else is set.
    pub base: i64,
    /// The price of a weekend night.
    pub weekend: Option<i64>,
    /// Which nights are weekend nights.
    pub weekend_nights: Weekdays,
    /// Once per stay.
    pub cleaning_fee: i64,
    /// Per stay and pet.
    pub pet_fee: i64,
    /// Per night and head beyond `included_guests`.
    pub extra_guest_fee: i64,
    /// How many adults and children the nightly price includes.
    pub included_guests: i32,
    /// Discounts for long stays; the largest `min_nights` that the stay reaches counts.
    pub length_of_stay: Vec<LengthOfStayDiscount>,
    /// For stays that begin at least so many days after booking.
    pub early_bird: Option<WindowDiscount>,
    /// For stays that begin less than so many days after booking.
    pub last_minute: Option<WindowDiscount>,
    /// For a new listing's first bookings, in ppm.
    pub new_listing_discount: Option<i64>,
    /// For guests who take the non-refundable option, in ppm, after any other discount.
    pub non_refundable_discount: Option<i64>,
    /// Date ranges with a price or a minimum stay of their own.
    pub seasons: Vec<Season>,
    /// The taxes of the place.
    pub taxes: Vec<TaxRule>,
}

/// A discount for stays of at least so many nights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LengthOfStayDiscount {
    /// From this many nights on.
    pub min_nights: i32,
    /// In ppm.
    pub discount: i64,
}

/// A discount that depends on the days between booking and arrival.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowDiscount {
    /// Calendar days of the listing between booking and arrival.
    pub days: i32,
    /// In ppm.
    pub discount: i64,
}

/// A range of dates with rules of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Season {
    /// The key of the season.
    pub id: Uuid,
    /// What the host calls it.
    pub name: String,
    /// Its first night.
    pub from: NaiveDate,
    /// The night after its last one.
    pub to: NaiveDate,
    /// Its nightly price in minor units, where it has one.
    pub nightly: Option<i64>,
    /// The fewest nights of a stay that arrives in it.
    pub min_nights: Option<i32>,
    /// Where seasons overlap, the highest wins, then the narrowest, then the first of the list.
    pub priority: i32,
}

/// A tax of the place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaxRule {
    /// The key of the rule.
    pub id: Uuid,
    /// What guests read on the bill.
    pub name: String,
    /// What the tax is counted in.
    pub unit: TaxUnit,
    /// In ppm, for [`TaxUnit::Percent`]; missing means nothing is due.
    pub rate: Option<i64>,
    /// In minor units, for every other unit; missing means nothing is due.
    pub amount: Option<i64>,
    /// What a percentage is taken of; the subtotal where missing.
    pub base: Option<TaxBase>,
    /// Nights beyond this count are free of the tax.
    pub max_nights: Option<i32>,
    /// Stays of at least this many nights are free of the tax.
    pub exempt_from_nights: Option<i32>,
    /// Who passes the tax on to the authority. The guest pays it either way.
    pub remitted_by: TaxRemitter,
}

/// What a tax is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaxUnit {
    /// A share of a price.
    Percent,
    /// Once.
    PerStay,
    /// For each night.
    PerNight,
    /// For each adult and child.
    PerGuest,
    /// For each adult and child, each night.
    PerGuestNight,
}

/// What a percentage tax is taken of.
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

/// Who passes a tax on to the authority.
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
    /// A price set for this one date.
    Override,
}

/// Who pays the platform, in ppm of the subtotal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeeModel {
    /// Added to what the guest pays.
    pub guest_ppm: i64,
    /// Taken from what the host earns.
    pub host_ppm: i64,
}

impl FeeModel {
    /// The host alone pays, 15.5 %.
    pub const HOST_ONLY: FeeModel = FeeModel { guest_ppm: 0, host_ppm: 155_000 };

    /// Both pay: so many ppm by the guest, so many by the host.
    pub const fn split(guest_ppm: i64, host_ppm: i64) -> FeeModel {
        FeeModel { guest_ppm, host_ppm }
    }

    /// Whether both rates lie between nothing and the whole.
    pub(crate) fn is_sane(self) -> bool {
        (0..=ONE_PPM).contains(&self.guest_ppm) && (0..=ONE_PPM).contains(&self.host_ppm)
    }
}

/// The listed price of the night of `date` in minor units, before discounts, and where it comes from: a date's own
/// price, else its season's, else the weekend's, else the base price.
pub fn nightly(rules: &PriceRules, overrides: &BTreeMap<NaiveDate, i64>, date: NaiveDate) -> (i64, PriceSource) {
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

/// What the strongest season of `date` that says anything about it says: highest priority, then narrowest.
pub(crate) fn season_value<T>(seasons: &[Season], date: NaiveDate, value: impl Fn(&Season) -> Option<T>) -> Option<T> {
    seasons
        .iter()
        .filter(|season| season.from <= date && date < season.to)
        .filter_map(|season| value(season).map(|value| (season, value)))
        .min_by_key(|(season, _)| (Reverse(season.priority), season.to - season.from))
        .map(|(_, value)| value)
}
