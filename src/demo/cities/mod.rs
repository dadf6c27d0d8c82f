//! The cities of the demonstration: where they are, what a night and its taxes cost there, what streets and people are
//! called.

mod atlantic;
mod pacific;

use chrono_tz::Tz;

use crate::domain::listings::pricing::{TaxBase, TaxUnit};

/// A city and what is usual in it. Amounts are minor units of its currency.
pub(super) struct City {
    pub name: &'static str,
    pub region: Option<&'static str>,
    pub country: &'static str,
    pub currency: &'static str,
    pub zone: Tz,
    pub locale: &'static str,
    /// A usual night for two.
    pub night: i64,
    /// What prices are rounded to.
    pub step: i64,
    /// Whether the number of a house comes before its street.
    pub number_first: bool,
    pub streets: &'static [&'static str],
    pub hoods: &'static [Hood],
    /// How guests get around.
    pub transit: &'static [&'static str],
    /// Amenities that places here have more often than elsewhere.
    pub amenities: &'static [&'static str],
    pub first_names: &'static [&'static str],
    pub last_names: &'static [&'static str],
    /// First and last month of the dear season, and what it is called.
    pub peak: (u32, u32, &'static str),
    pub taxes: &'static [Tax],
}

/// A part of a city.
#[derive(Clone, Copy)]
pub(super) struct Hood {
    pub name: &'static str,
    pub postal_code: &'static str,
    pub latitude: f64,
    pub longitude: f64,
    /// What everyone finds.
    pub landmark: &'static str,
    /// What it is like, in a sentence.
    pub mood: &'static str,
}

/// A tax of the place.
pub(super) struct Tax {
    pub name: &'static str,
    pub unit: TaxUnit,
    /// In ppm for percentages, else in minor units.
    pub value: i64,
    pub base: Option<TaxBase>,
    pub max_nights: Option<i32>,
}

impl Tax {
    const fn percent(name: &'static str, ppm: i64) -> Tax {
        Tax { name, unit: TaxUnit::Percent, value: ppm, base: Some(TaxBase::Subtotal), max_nights: None }
    }

    const fn counted(name: &'static str, unit: TaxUnit, minor: i64) -> Tax {
        Tax { name, unit, value: minor, base: None, max_nights: None }
    }
}

const fn hood(
    name: &'static str,
    postal_code: &'static str,
    (latitude, longitude): (f64, f64),
    landmark: &'static str,
    mood: &'static str,
) -> Hood {
    Hood { name, postal_code, latitude, longitude, landmark, mood }
}

/// Every city, the first of which the demonstration's own host lives in.
pub(super) static CITIES: [&City; 8] = [
    &atlantic::LISBON,
    &pacific::SINGAPORE,
    &atlantic::NEW_YORK,
    &pacific::TOKYO,
    &atlantic::CAPE_TOWN,
    &pacific::MEXICO_CITY,
    &atlantic::REYKJAVIK,
    &pacific::SYDNEY,
];
