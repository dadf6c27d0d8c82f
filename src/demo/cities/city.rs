//! What the demonstration knows of a city: place, prices, taxes, names of streets and people.

use chrono_tz::Tz;

use crate::domain::listings::pricing::{TaxBase, TaxUnit};

/// A city. Amounts are in minor units of its currency.
pub(in crate::demo) struct City {
    pub name: &'static str,
    pub region: Option<&'static str>,
    pub country: &'static str,
    pub currency: &'static str,
    pub zone: Tz,
    pub locale: &'static str,
    /// The usual price of a night for two.
    pub night: i64,
    /// Prices are multiples of this.
    pub price_step: i64,
    /// Whether the house number comes before the street.
    pub number_first: bool,
    pub streets: &'static [&'static str],
    pub hoods: &'static [Hood],
    /// How guests get around.
    pub transit: &'static [&'static str],
    /// Amenities that places here have more often than elsewhere.
    pub amenities: &'static [&'static str],
    pub first_names: &'static [&'static str],
    pub last_names: &'static [&'static str],
    /// First and last month of the high season, and its name.
    pub peak: (u32, u32, &'static str),
    pub taxes: &'static [Tax],
}

/// A part of a city.
#[derive(Clone, Copy)]
pub(in crate::demo) struct Hood {
    pub name: &'static str,
    pub postal_code: &'static str,
    pub latitude: f64,
    pub longitude: f64,
    /// A landmark that is easy to find.
    pub landmark: &'static str,
    /// One sentence on the character of this part of the city.
    pub mood: &'static str,
}

/// A local tax.
pub(in crate::demo) struct Tax {
    pub name: &'static str,
    pub unit: TaxUnit,
    /// In ppm for percentages, else in minor units.
    pub value: i64,
    pub base: Option<TaxBase>,
    pub max_nights: Option<i32>,
}

impl Tax {
    pub(super) const fn percent(name: &'static str, ppm: i64) -> Tax {
        Tax { name, unit: TaxUnit::Percent, value: ppm, base: Some(TaxBase::Subtotal), max_nights: None }
    }

    pub(super) const fn counted(name: &'static str, unit: TaxUnit, minor: i64) -> Tax {
        Tax { name, unit, value: minor, base: None, max_nights: None }
    }
}

pub(super) const fn hood(
    name: &'static str,
    postal_code: &'static str,
    (latitude, longitude): (f64, f64),
    landmark: &'static str,
    mood: &'static str,
) -> Hood {
    Hood { name, postal_code, latitude, longitude, landmark, mood }
}
