//! The table of cities and regions that Inside Airbnb covers, and the choice of the one that a snapshot is about.

use chrono_tz::Tz;

use crate::domain::listings::distance_m;
use crate::kernel::money::Currency;

/// The values that all listings of a snapshot share and that its files do not contain.
#[derive(Clone, Debug, PartialEq)]
pub struct Here {
    /// City or region.
    pub city: String,
    /// ISO 3166-1 alpha-2 code of the country.
    pub country: String,
    /// Time zone of the calendars.
    pub zone: Tz,
    /// Currency of all amounts.
    pub currency: Currency,
}

/// Values that the caller sets in place of those in the table.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of `Here`")]
pub struct Overrides {
    pub city: Option<String>,
    pub country: Option<String>,
    pub zone: Option<Tz>,
    pub currency: Option<Currency>,
}

/// No place of the table is near the snapshot, and the caller has not set all values.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("no known city is within {MAX_DISTANCE_KM} km of {latitude:.3}, {longitude:.3}; use {}", .missing.join(" and "))]
pub struct UnknownPlace {
    /// Latitude of the median listing, in degrees.
    pub latitude: f64,
    /// Longitude of the median listing, in degrees.
    pub longitude: f64,
    /// The command line options that would set the missing values.
    pub missing: Vec<&'static str>,
}

impl Here {
    /// Combines the caller's values with those of the place nearest to the snapshot's median listing.
    pub fn resolve((latitude, longitude): (f64, f64), overrides: &Overrides) -> Result<Here, UnknownPlace> {
        let near = nearest_place(latitude, longitude);
        let city = overrides.city.clone().or_else(|| near.map(|place| place.city.to_owned()));
        let country = overrides.country.clone().or_else(|| near.map(|place| place.country.to_owned()));
        let zone = overrides.zone.or_else(|| near.and_then(|place| place.zone.parse().ok()));
        let currency = overrides.currency.or_else(|| near.and_then(|place| place.currency.parse().ok()));
        match (city, country, zone, currency) {
            (Some(city), Some(country), Some(zone), Some(currency)) => Ok(Here { city, country, zone, currency }),
            (city, country, zone, currency) => {
                let options = [
                    (city.is_some(), "--city"),
                    (country.is_some(), "--country"),
                    (zone.is_some(), "--time-zone"),
                    (currency.is_some(), "--currency"),
                ];
                let missing = options.into_iter().filter(|(is_set, _)| !is_set).map(|(_, option)| option).collect();
                Err(UnknownPlace { latitude, longitude, missing })
            }
        }
    }
}

/// A city or region of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// English name.
    pub city: &'static str,
    /// ISO 3166-1 alpha-2 code of the country.
    pub country: &'static str,
    /// IANA time zone.
    pub zone: &'static str,
    /// ISO 4217 code of the currency.
    pub currency: &'static str,
    /// Latitude in degrees.
    pub latitude: f64,
    /// Longitude in degrees.
    pub longitude: f64,
}

/// Largest distance between a snapshot's median listing and its place.
pub const MAX_DISTANCE_KM: f64 = 150.0;

/// The place nearest to a point. `None` if there is none within [`MAX_DISTANCE_KM`].
pub fn nearest_place(latitude: f64, longitude: f64) -> Option<&'static Place> {
    PLACES
        .iter()
        .map(|place| (distance_m((latitude, longitude), (place.latitude, place.longitude)) / 1_000.0, place))
        .filter(|(distance, _)| *distance <= MAX_DISTANCE_KM)
        .min_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, place)| place)
}

const fn at(
    (latitude, longitude): (f64, f64),
    city: &'static str,
    country: &'static str,
    zone: &'static str,
    currency: &'static str,
) -> Place {
    Place { city, country, zone, currency, latitude, longitude }
}

static PLACES: &[Place] = &[
    // North America
    at((42.65, -73.76), "Albany", "US", "America/New_York", "USD"),
    at((35.60, -82.55), "Asheville", "US", "America/New_York", "USD"),
    at((30.27, -97.74), "Austin", "US", "America/Chicago", "USD"),
    at((42.36, -71.06), "Boston", "US", "America/New_York", "USD"),
    at((45.68, -111.04), "Bozeman", "US", "America/Denver", "USD"),
    at((26.12, -80.14), "Broward County", "US", "America/New_York", "USD"),
    at((42.37, -71.11), "Cambridge", "US", "America/New_York", "USD"),
    at((41.88, -87.63), "Chicago", "US", "America/Chicago", "USD"),
    at((36.17, -115.14), "Clark County", "US", "America/Los_Angeles", "USD"),
    at((39.96, -83.00), "Columbus", "US", "America/New_York", "USD"),
    at((32.78, -96.80), "Dallas", "US", "America/Chicago", "USD"),
    at((39.74, -104.99), "Denver", "US", "America/Denver", "USD"),
    at((32.75, -97.33), "Fort Worth", "US", "America/Chicago", "USD"),
    at((20.80, -156.50), "Hawaii", "US", "Pacific/Honolulu", "USD"),
    at((40.72, -74.05), "Jersey City", "US", "America/New_York", "USD"),
    at((34.05, -118.24), "Los Angeles", "US", "America/Los_Angeles", "USD"),
    at((36.16, -86.78), "Nashville", "US", "America/Chicago", "USD"),
    at((29.95, -90.07), "New Orleans", "US", "America/Chicago", "USD"),
    at((40.73, -73.97), "New York", "US", "America/New_York", "USD"),
    at((40.73, -74.17), "Newark", "US", "America/New_York", "USD"),
    at((37.80, -122.27), "Oakland", "US", "America/Los_Angeles", "USD"),
    at((36.60, -121.85), "Pacific Grove", "US", "America/Los_Angeles", "USD"),
    at((45.52, -122.68), "Portland", "US", "America/Los_Angeles", "USD"),
    at((41.58, -71.43), "Rhode Island", "US", "America/New_York", "USD"),
    at((36.65, -121.75), "Salinas", "US", "America/Los_Angeles", "USD"),
    at((44.94, -123.03), "Salem", "US", "America/Los_Angeles", "USD"),
    at((32.72, -117.16), "San Diego", "US", "America/Los_Angeles", "USD"),
    at((37.77, -122.42), "San Francisco", "US", "America/Los_Angeles", "USD"),
    at((37.55, -122.31), "San Mateo County", "US", "America/Los_Angeles", "USD"),
    at((37.35, -121.95), "Santa Clara County", "US", "America/Los_Angeles", "USD"),
    at((36.97, -122.03), "Santa Cruz County", "US", "America/Los_Angeles", "USD"),
    at((47.61, -122.33), "Seattle", "US", "America/Los_Angeles", "USD"),
    at((44.97, -93.24), "Twin Cities", "US", "America/Chicago", "USD"),
    at((38.91, -77.03), "Washington", "US", "America/New_York", "USD"),
    at((45.50, -73.57), "Montreal", "CA", "America/Toronto", "CAD"),
    at((49.21, -122.91), "New Brunswick", "CA", "America/Vancouver", "CAD"),
    at((45.42, -75.70), "Ottawa", "CA", "America/Toronto", "CAD"),
    at((46.81, -71.21), "Quebec City", "CA", "America/Toronto", "CAD"),
    at((43.65, -79.38), "Toronto", "CA", "America/Toronto", "CAD"),
    at((49.28, -123.12), "Vancouver", "CA", "America/Vancouver", "CAD"),
    at((48.43, -123.37), "Victoria", "CA", "America/Vancouver", "CAD"),
    at((49.90, -97.14), "Winnipeg", "CA", "America/Winnipeg", "CAD"),
    at((19.43, -99.13), "Mexico City", "MX", "America/Mexico_City", "MXN"),
    at((17.25, -88.70), "Belize", "BZ", "America/Belize", "BZD"),
    at((22.00, -79.50), "Cuba", "CU", "America/Havana", "CUP"),
    at((23.13, -82.38), "Havana", "CU", "America/Havana", "CUP"),
    // South America
    at((-34.60, -58.40), "Buenos Aires", "AR", "America/Argentina/Buenos_Aires", "ARS"),
    at((-22.97, -43.20), "Rio de Janeiro", "BR", "America/Sao_Paulo", "BRL"),
    at((-33.43, -70.62), "Santiago", "CL", "America/Santiago", "CLP"),
    // Europe
    at((52.37, 4.89), "Amsterdam", "NL", "Europe/Amsterdam", "EUR"),
    at((51.92, 4.48), "Rotterdam", "NL", "Europe/Amsterdam", "EUR"),
    at((52.08, 4.30), "The Hague", "NL", "Europe/Amsterdam", "EUR"),
    at((51.22, 4.40), "Antwerp", "BE", "Europe/Brussels", "EUR"),
    at((50.85, 4.35), "Brussels", "BE", "Europe/Brussels", "EUR"),
    at((51.05, 3.72), "Ghent", "BE", "Europe/Brussels", "EUR"),
    at((37.97, 23.73), "Athens", "GR", "Europe/Athens", "EUR"),
    at((35.30, 24.80), "Crete", "GR", "Europe/Athens", "EUR"),
    at((36.70, 25.60), "South Aegean", "GR", "Europe/Athens", "EUR"),
    at((40.63, 22.94), "Thessaloniki", "GR", "Europe/Athens", "EUR"),
    at((41.39, 2.17), "Barcelona", "ES", "Europe/Madrid", "EUR"),
    at((43.26, -2.93), "Euskadi", "ES", "Europe/Madrid", "EUR"),
    at((41.98, 2.82), "Girona", "ES", "Europe/Madrid", "EUR"),
    at((40.42, -3.70), "Madrid", "ES", "Europe/Madrid", "EUR"),
    at((36.72, -4.43), "Malaga", "ES", "Europe/Madrid", "EUR"),
    at((39.65, 2.95), "Mallorca", "ES", "Europe/Madrid", "EUR"),
    at((39.97, 4.08), "Menorca", "ES", "Europe/Madrid", "EUR"),
    at((37.39, -5.99), "Seville", "ES", "Europe/Madrid", "EUR"),
    at((39.47, -0.37), "Valencia", "ES", "Europe/Madrid", "EUR"),
    at((45.44, 10.99), "Verona", "IT", "Europe/Rome", "EUR"),
    at((45.80, 9.20), "Como", "IT", "Europe/Rome", "EUR"),
    at((46.40, 11.35), "Trentino", "IT", "Europe/Rome", "EUR"),
    at((44.49, 11.34), "Bologna", "IT", "Europe/Rome", "EUR"),
    at((43.77, 11.25), "Florence", "IT", "Europe/Rome", "EUR"),
    at((45.46, 9.19), "Milan", "IT", "Europe/Rome", "EUR"),
    at((40.85, 14.27), "Naples", "IT", "Europe/Rome", "EUR"),
    at((40.80, 17.30), "Puglia", "IT", "Europe/Rome", "EUR"),
    at((41.90, 12.49), "Rome", "IT", "Europe/Rome", "EUR"),
    at((37.60, 14.10), "Sicily", "IT", "Europe/Rome", "EUR"),
    at((45.44, 12.33), "Venice", "IT", "Europe/Rome", "EUR"),
    at((43.83, 10.50), "Tuscany", "IT", "Europe/Rome", "EUR"),
    at((40.10, 9.10), "Sardinia", "IT", "Europe/Rome", "EUR"),
    at((44.84, -0.58), "Bordeaux", "FR", "Europe/Paris", "EUR"),
    at((45.76, 4.84), "Lyon", "FR", "Europe/Paris", "EUR"),
    at((43.45, -1.55), "Pays Basque", "FR", "Europe/Paris", "EUR"),
    at((48.86, 2.35), "Paris", "FR", "Europe/Paris", "EUR"),
    at((52.52, 13.40), "Berlin", "DE", "Europe/Berlin", "EUR"),
    at((48.14, 11.58), "Munich", "DE", "Europe/Berlin", "EUR"),
    at((51.48, -2.60), "Bristol", "GB", "Europe/London", "GBP"),
    at((55.95, -3.19), "Edinburgh", "GB", "Europe/London", "GBP"),
    at((53.48, -2.24), "Greater Manchester", "GB", "Europe/London", "GBP"),
    at((51.51, -0.13), "London", "GB", "Europe/London", "GBP"),
    at((53.35, -6.26), "Dublin", "IE", "Europe/Dublin", "EUR"),
    at((53.00, -8.00), "Ireland", "IE", "Europe/Dublin", "EUR"),
    at((38.72, -9.14), "Lisbon", "PT", "Europe/Lisbon", "EUR"),
    at((41.15, -8.61), "Porto", "PT", "Europe/Lisbon", "EUR"),
    at((55.68, 12.57), "Copenhagen", "DK", "Europe/Copenhagen", "DKK"),
    at((59.91, 10.75), "Oslo", "NO", "Europe/Oslo", "NOK"),
    at((59.33, 18.07), "Stockholm", "SE", "Europe/Stockholm", "SEK"),
    at((46.20, 6.15), "Geneva", "CH", "Europe/Zurich", "CHF"),
    at((46.60, 6.60), "Vaud", "CH", "Europe/Zurich", "CHF"),
    at((47.37, 8.54), "Zurich", "CH", "Europe/Zurich", "CHF"),
    at((48.21, 16.37), "Vienna", "AT", "Europe/Vienna", "EUR"),
    at((50.08, 14.43), "Prague", "CZ", "Europe/Prague", "CZK"),
    at((47.50, 19.05), "Budapest", "HU", "Europe/Budapest", "HUF"),
    at((56.95, 24.11), "Riga", "LV", "Europe/Riga", "EUR"),
    at((35.92, 14.42), "Malta", "MT", "Europe/Malta", "EUR"),
    at((41.02, 28.98), "Istanbul", "TR", "Europe/Istanbul", "TRY"),
    // Africa and the Middle East
    at((-33.93, 18.42), "Cape Town", "ZA", "Africa/Johannesburg", "ZAR"),
    at((25.20, 55.27), "Dubai", "AE", "Asia/Dubai", "AED"),
    // Asia
    at((13.75, 100.52), "Bangkok", "TH", "Asia/Bangkok", "THB"),
    at((39.91, 116.40), "Beijing", "CN", "Asia/Shanghai", "CNY"),
    at((31.23, 121.47), "Shanghai", "CN", "Asia/Shanghai", "CNY"),
    at((22.30, 114.17), "Hong Kong", "HK", "Asia/Hong_Kong", "HKD"),
    at((1.31, 103.85), "Singapore", "SG", "Asia/Singapore", "SGD"),
    at((25.05, 121.54), "Taipei", "TW", "Asia/Taipei", "TWD"),
    at((23.80, 121.00), "Taiwan", "TW", "Asia/Taipei", "TWD"),
    at((35.69, 139.73), "Tokyo", "JP", "Asia/Tokyo", "JPY"),
    // Oceania
    at((-34.53, 138.95), "Barossa Valley", "AU", "Australia/Adelaide", "AUD"),
    at((-37.00, 174.80), "Auckland", "NZ", "Pacific/Auckland", "NZD"),
    at((-41.29, 174.78), "Wellington", "NZ", "Pacific/Auckland", "NZD"),
    at((-43.53, 172.64), "Christchurch", "NZ", "Pacific/Auckland", "NZD"),
    at((-45.03, 168.66), "Queenstown", "NZ", "Pacific/Auckland", "NZD"),
    at((-39.90, 174.90), "New Zealand", "NZ", "Pacific/Auckland", "NZD"),
    at((-37.82, 144.97), "Melbourne", "AU", "Australia/Melbourne", "AUD"),
    at((-33.30, 138.30), "Mid North Coast", "AU", "Australia/Adelaide", "AUD"),
    at((-38.37, 144.90), "Mornington Peninsula", "AU", "Australia/Melbourne", "AUD"),
    at((-28.67, 153.56), "Northern Rivers", "AU", "Australia/Sydney", "AUD"),
    at((-28.00, 153.40), "Gold Coast", "AU", "Australia/Brisbane", "AUD"),
    at((-26.65, 153.07), "Sunshine Coast", "AU", "Australia/Brisbane", "AUD"),
    at((-33.87, 151.21), "Sydney", "AU", "Australia/Sydney", "AUD"),
    at((-42.50, 147.20), "Tasmania", "AU", "Australia/Hobart", "AUD"),
    at((-32.30, 115.80), "Western Australia", "AU", "Australia/Perth", "AUD"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_an_existing_zone_and_currency() {
        for place in PLACES {
            assert!(place.zone.parse::<Tz>().is_ok(), "{}", place.zone);
            assert!(place.currency.parse::<Currency>().is_ok(), "{}", place.currency);
            assert_eq!(place.country.len(), 2, "{}", place.country);
            assert_eq!(nearest_place(place.latitude, place.longitude), Some(place));
        }
    }

    #[test]
    fn a_snapshot_belongs_to_the_nearest_place_or_to_none() {
        let city = |latitude, longitude| nearest_place(latitude, longitude).map(|place| place.city);
        assert_eq!(city(1.31, 103.84), Some("Singapore"));
        assert_eq!(city(42.66, -73.77), Some("Albany"));
        assert_eq!(city(40.72, -73.95), Some("New York"));
        assert_eq!(city(0.0, -30.0), None);
    }

    #[test]
    fn values_of_the_caller_apply_and_missing_values_are_named() {
        let euros = Overrides { currency: "EUR".parse().ok(), ..Overrides::default() };
        let here = Here::resolve((1.3, 103.8), &euros).unwrap();
        assert_eq!(
            (here.city.as_str(), here.currency.code(), here.zone.name()),
            ("Singapore", "EUR", "Asia/Singapore")
        );
        let error = Here::resolve((0.0, -30.0), &euros).unwrap_err();
        assert_eq!(error.missing, ["--city", "--country", "--time-zone"]);
        assert!(error.to_string().ends_with("use --city and --country and --time-zone"), "{error}");
        let all = Overrides { city: Some("X".into()), country: Some("XX".into()), zone: Some(Tz::UTC), ..euros };
        assert_eq!(Here::resolve((0.0, -30.0), &all).unwrap().city, "X");
    }
}
