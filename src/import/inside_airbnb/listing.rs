//! Parses a record of the listings file into a host and a listing.

use std::collections::HashSet;

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::amenities::AmenityMatcher;
use super::header::Row;
use super::places::Here;
use super::pricing::parse_pricing;
use super::scores::{Scales, parse_ratings};
use super::source::Form;
use super::{rooms, text};
use crate::domain::listings::enums::RoomType;
use crate::domain::listings::import::{ImportedListing, ImportedLocation, ImportedRules};
use crate::domain::listings::limits::{
    MAX_BATHROOMS, MAX_DESCRIPTION_CHARS, MAX_GUESTS, MAX_NIGHTS, MAX_ROOMS, MAX_TITLE_CHARS,
};
use crate::domain::users::import::ImportedUser;
use crate::domain::users::{MAX_ABOUT_CHARS, MAX_DISPLAY_NAME_CHARS};
use crate::import::findings::Problem;
use crate::kernel::local_time::instant;

/// A host and one of their listings.
#[derive(Clone, Debug)]
pub struct HostAndListing {
    /// The host. Every record of a host repeats these values.
    pub host: ImportedUser,
    /// The listing, without its calendar.
    pub listing: ImportedListing,
}

/// Reads the records of one listings file.
#[derive(Debug)]
pub struct ListingReader<'a> {
    here: &'a Here,
    form: Form,
    scales: Scales,
    amenities: AmenityMatcher,
    seen: HashSet<i64>,
    /// Number of amenity texts read so far.
    pub amenity_texts: u64,
    /// Number of them without an amenity in the catalogue.
    pub amenity_texts_unknown: u64,
}

type Sink<'s> = &'s mut dyn FnMut(Problem);

impl<'a> ListingReader<'a> {
    /// Prepares to read a file whose listings are all `here`.
    pub fn new(here: &'a Here, form: Form, scales: Scales) -> ListingReader<'a> {
        let (amenities, seen) = (AmenityMatcher::default(), HashSet::new());
        ListingReader { here, form, scales, amenities, seen, amenity_texts: 0, amenity_texts_unknown: 0 }
    }

    /// Parses one record. The error says why it is skipped. Problems of values that are corrected or left out go to
    /// `adjusted`.
    pub fn read(&mut self, row: Row<'_>, adjusted: Sink<'_>) -> Result<HostAndListing, Problem> {
        row.check_width()?;
        let key = row.key("id")?;
        if !self.seen.insert(key) {
            return Err(Problem::new("id", "is a duplicate in the file", ""));
        }
        let host_key = row.key("host_id")?;
        let room_type = parse_room_type(row)?;
        let location = self.location(row)?;
        let rules = self.rules(row, adjusted)?;
        let named = rooms::parse_name(&text::one_line(row.text("name").unwrap_or_default()));
        let title = make_title(&named.title, room_type, &location, adjusted);
        let mut listing = ImportedListing {
            source_ref: key.to_string(),
            host_source_ref: host_key.to_string(),
            description: (self.form == Form::Detailed).then(|| parse_description(row, adjusted)).flatten(),
            room_type,
            capacity: parse_count(row, "accommodates", 1, MAX_GUESTS, adjusted),
            bedrooms: parse_count(row, "bedrooms", 0, MAX_ROOMS, adjusted)
                .or(named.bedrooms)
                .or_else(|| rooms::bedrooms_in_title(&title)),
            // Every place has a bed, so 0 means a sofa or an unknown number.
            beds: parse_count(row, "beds", 0, MAX_ROOMS, adjusted).or(named.beds).filter(|beds| *beds > 0),
            bathrooms: parse_bathrooms(row, adjusted).or(named.bathrooms),
            title,
            amenities: None,
            location,
            pricing: parse_pricing(row, self.here.currency, &mut |problem| adjusted(problem)),
            rules,
            rating: parse_ratings(row, &self.scales, &mut |problem| adjusted(problem)),
            nights: None,
        };
        if let Some(list) = row.text("amenities") {
            self.add_amenities(list, &mut listing, adjusted);
        }
        Ok(HostAndListing { host: self.host(row, host_key, adjusted), listing })
    }

    fn host(&self, row: Row<'_>, key: i64, adjusted: Sink<'_>) -> ImportedUser {
        let since = value_or_adjusted(row.date("host_since"), adjusted);
        let about = row.text("host_about").map(|about| text::truncate(text::plain(about), MAX_ABOUT_CHARS).0);
        ImportedUser {
            source_ref: key.to_string(),
            display_name: name_or(row.text("host_name"), "Host"),
            about: about.filter(|about| !about.is_empty()),
            is_host: true,
            joined_at: since.map(|date| noon(date, self.here.zone)),
            time_zone: self.here.zone,
            currency: self.here.currency,
        }
    }

    fn location(&self, row: Row<'_>) -> Result<ImportedLocation, Problem> {
        let line = |columns: [&str; 2]| {
            columns.into_iter().find_map(|column| row.text(column)).map(text::one_line).filter(|line| !line.is_empty())
        };
        // In the detailed form `neighbourhood` is the host's own text. In the summary it is the cleansed one.
        let neighbourhood = match self.form {
            Form::Detailed => line(["neighbourhood_cleansed", "neighbourhood_cleansed"]),
            Form::Summary => line(["neighbourhood", "neighbourhood"]),
        };
        Ok(ImportedLocation {
            neighbourhood,
            district: line(["neighbourhood_group_cleansed", "neighbourhood_group"]),
            city: self.here.city.clone(),
            country: self.here.country.clone(),
            latitude: parse_degrees(row, "latitude", 90.0)?,
            longitude: parse_degrees(row, "longitude", 180.0)?,
            time_zone: self.here.zone,
        })
    }

    /// A maximum above [`MAX_NIGHTS`] means "no limit". It becomes [`MAX_NIGHTS`] without a finding.
    fn rules(&self, row: Row<'_>, adjusted: Sink<'_>) -> Result<ImportedRules, Problem> {
        let least = row.whole("minimum_nights")?.unwrap_or(1);
        let most = value_or_adjusted(row.whole("maximum_nights"), adjusted).filter(|most| *most > 0);
        if least > i64::from(MAX_NIGHTS) {
            let reason = "is above 365, the longest stay, and was set to it";
            adjusted(Problem::new("minimum_nights", reason, &least.to_string()));
        } else if most.is_some_and(|most| most < least) {
            let reason = "is below minimum_nights and was set to it";
            adjusted(Problem::new("maximum_nights", reason, row.text("maximum_nights").unwrap_or_default()));
        }
        let nights = |nights: i64| i32::try_from(nights).map_or(MAX_NIGHTS, |nights| nights.clamp(1, MAX_NIGHTS));
        Ok(ImportedRules {
            min_nights: nights(least),
            max_nights: most.map(|most| nights(most.max(least))),
            instant: value_or_adjusted(row.flag("instant_bookable"), adjusted),
            pets_allowed: None,
        })
    }

    fn add_amenities(&mut self, list: &str, listing: &mut ImportedListing, adjusted: Sink<'_>) {
        let Some(parsed) = self.amenities.parse(list) else {
            adjusted(Problem::new("amenities", "is a list in an unknown format", list));
            return;
        };
        self.amenity_texts += parsed.texts;
        for unknown in &parsed.unknown {
            self.amenity_texts_unknown += 1;
            adjusted(Problem::new("amenities", "is not in the catalogue", unknown));
        }
        listing.amenities = Some(parsed.codes);
        listing.rules.pets_allowed = Some(parsed.pets_allowed);
    }
}

/// The name of a person, or `default` if it is blank.
pub fn name_or(name: Option<&str>, default: &str) -> String {
    let name = text::truncate(text::one_line(name.unwrap_or_default()), MAX_DISPLAY_NAME_CHARS).0;
    if name.is_empty() { default.to_owned() } else { name }
}

/// Noon of a day, for events of which the source has only the date.
pub fn noon(date: chrono::NaiveDate, zone: Tz) -> chrono::DateTime<chrono::Utc> {
    instant(date, NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default(), zone)
}

/// The value, or `None` if it cannot be parsed, which `adjusted` receives.
fn value_or_adjusted<T>(parsed: Result<Option<T>, Problem>, adjusted: Sink<'_>) -> Option<T> {
    parsed.unwrap_or_else(|problem| {
        adjusted(problem);
        None
    })
}

fn parse_room_type(row: Row<'_>) -> Result<RoomType, Problem> {
    let text = row.text("room_type").ok_or_else(|| Problem::new("room_type", "is missing", ""))?;
    match text.to_ascii_lowercase().as_str() {
        "entire home/apt" | "entire place" => Ok(RoomType::EntirePlace),
        "private room" => Ok(RoomType::PrivateRoom),
        "shared room" => Ok(RoomType::SharedRoom),
        "hotel room" => Ok(RoomType::HotelRoom),
        _ => Err(Problem::new("room_type", "is not a known room type", text)),
    }
}

fn parse_degrees(row: Row<'_>, column: &'static str, most: f64) -> Result<f64, Problem> {
    let degrees = row.decimal(column)?.ok_or_else(|| Problem::new(column, "is missing", ""))?;
    if degrees.abs() <= most {
        Ok(degrees)
    } else {
        Err(Problem::new(column, "is out of range", row.text(column).unwrap_or_default()))
    }
}

fn make_title(written: &str, room_type: RoomType, location: &ImportedLocation, adjusted: Sink<'_>) -> String {
    if written.is_empty() {
        adjusted(Problem::new("name", "is blank and was made from the room type and the neighbourhood", ""));
        let kind = match room_type {
            RoomType::EntirePlace => "Entire place",
            RoomType::PrivateRoom => "Private room",
            RoomType::SharedRoom => "Shared room",
            RoomType::HotelRoom => "Hotel room",
        };
        let place = location.neighbourhood.as_deref().unwrap_or(&location.city);
        return text::truncate(format!("{kind} in {place}"), MAX_TITLE_CHARS).0;
    }
    let (title, was_cut) = text::truncate(written.to_owned(), MAX_TITLE_CHARS);
    if was_cut {
        adjusted(Problem::new("name", "is longer than 120 characters and was shortened", ""));
    }
    title
}

fn parse_description(row: Row<'_>, adjusted: Sink<'_>) -> Option<String> {
    let parts = ["description", "neighborhood_overview"].into_iter().filter_map(|column| row.text(column));
    let parts: Vec<String> = parts.map(text::plain).filter(|part| !part.is_empty()).collect();
    let (description, was_cut) = text::truncate(parts.join("\n\n"), MAX_DESCRIPTION_CHARS);
    if was_cut {
        adjusted(Problem::new("description", "is longer than 20,000 characters and was shortened", ""));
    }
    (!description.is_empty()).then_some(description)
}

fn parse_bathrooms(row: Row<'_>, adjusted: Sink<'_>) -> Option<f64> {
    let number = row.text("bathrooms_text").and_then(|text| {
        let number = rooms::parse_bathrooms(text);
        if number.is_none() {
            adjusted(Problem::new("bathrooms_text", "does not contain a number of bathrooms", text));
        }
        number
    });
    let number = number.or_else(|| value_or_adjusted(row.decimal("bathrooms"), adjusted))?;
    (0.0..=MAX_BATHROOMS).contains(&number).then(|| (number * 2.0).round() / 2.0)
}

/// Parses a number of rooms, beds or guests. `None` if it is out of range.
fn parse_count(row: Row<'_>, column: &'static str, least: i32, most: i32, adjusted: Sink<'_>) -> Option<i32> {
    let number = value_or_adjusted(row.whole(column), adjusted)?;
    match i32::try_from(number) {
        Ok(number) if (least..=most).contains(&number) => Some(number),
        _ => {
            adjusted(Problem::new(column, "is out of range", &number.to_string()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::findings::At;
    use crate::import::inside_airbnb::header::Header;
    use crate::import::inside_airbnb::places::Overrides;
    use csv::StringRecord;

    const GOOD: &[(&str, &str)] = &[
        ("id", "973486502034928311"),
        ("name", "Villa in Springfield · ★New · Studio · 2 beds · 1.5 shared baths"),
        ("description", "Big.<br />Bright."),
        ("neighborhood_overview", "Quiet &amp; green."),
        ("host_id", "7"),
        ("host_name", ""),
        ("host_since", "2011-01-29"),
        ("host_about", " "),
        ("neighbourhood", "whatever the host wrote"),
        ("neighbourhood_cleansed", "Riverside"),
        ("neighbourhood_group_cleansed", "West"),
        ("latitude", "1.30"),
        ("longitude", "103.80"),
        ("room_type", "Entire home/apt"),
        ("accommodates", "3"),
        ("bathrooms_text", ""),
        ("bedrooms", ""),
        ("beds", ""),
        ("amenities", r#"["Wifi", "Pets allowed", "Unheard of"]"#),
        ("price", "$1,250.00"),
        ("minimum_nights", "92"),
        ("maximum_nights", "2147483647"),
        ("instant_bookable", "t"),
        ("number_of_reviews", "2"),
        ("review_scores_rating", "4.5"),
    ];

    fn with(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let value = |name: &str, value: &str| {
            changes.iter().find(|(changed, _)| *changed == name).map_or(value.to_owned(), |(_, new)| (*new).to_owned())
        };
        GOOD.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect()
    }

    fn read_rows(
        form: Form,
        rows: &[Vec<(String, String)>],
    ) -> (Vec<Result<HostAndListing, Problem>>, Vec<&'static str>) {
        let here = Here::resolve((1.3, 103.8), &Overrides::default()).unwrap();
        let mut scales = Scales::default();
        let mut adjusted = Vec::new();
        let mut read = Vec::new();
        let mut reader = ListingReader::new(&here, form, scales);
        for row in rows {
            let header = Header::new(&row.iter().map(|(name, _)| name.as_str()).collect());
            let fields: StringRecord = row.iter().map(|(_, value)| value.as_str()).collect();
            let row = Row::new(&header, &fields, At { record: 1, line: 2 });
            scales.add(row);
            reader.scales = scales;
            read.push(reader.read(row, &mut |problem| adjusted.push(problem.field)));
        }
        (read, adjusted)
    }

    fn one(changes: &[(&str, &str)]) -> (ImportedListing, ImportedUser, Vec<&'static str>) {
        let (mut read, adjusted) = read_rows(Form::Detailed, &[with(changes)]);
        let pair = read.remove(0).unwrap();
        (pair.listing, pair.host, adjusted)
    }

    #[test]
    fn a_record_becomes_a_host_and_a_listing() {
        let (listing, host, adjusted) = one(&[]);
        assert_eq!(
            (listing.source_ref.as_str(), listing.title.as_str()),
            ("973486502034928311", "Villa in Springfield")
        );
        assert_eq!(listing.description.as_deref(), Some("Big.\nBright.\n\nQuiet & green."));
        assert_eq!((listing.bedrooms, listing.beds, listing.bathrooms), (Some(0), Some(2), Some(1.5)));
        assert_eq!((listing.rules.min_nights, listing.rules.max_nights), (92, Some(365)));
        assert_eq!((listing.rules.instant, listing.rules.pets_allowed), (Some(true), Some(true)));
        assert_eq!((listing.amenities, listing.pricing.base_minor), (Some(vec!["WIFI"]), Some(125_000)));
        assert_eq!(listing.location.neighbourhood.as_deref(), Some("Riverside"));
        assert_eq!((host.display_name.as_str(), host.about), ("Host", None));
        assert_eq!(host.joined_at.unwrap().to_rfc3339(), "2011-01-29T04:00:00+00:00");
        assert_eq!(adjusted, ["amenities"]);
    }

    #[test]
    fn separate_columns_take_precedence_over_the_name() {
        let (listing, ..) = one(&[("bedrooms", "4"), ("beds", "0"), ("bathrooms_text", "Half-bath")]);
        assert_eq!((listing.bedrooms, listing.beds, listing.bathrooms), (Some(4), None, Some(0.5)));
    }

    #[test]
    fn an_invalid_record_is_skipped_and_names_its_column() {
        for (changes, field) in [
            (("id", "6.6E+17"), "id"),
            (("host_id", ""), "host_id"),
            (("latitude", "91"), "latitude"),
            (("longitude", "east"), "longitude"),
            (("room_type", "Cave"), "room_type"),
            (("minimum_nights", "few"), "minimum_nights"),
        ] {
            let (read, _) = read_rows(Form::Detailed, &[with(&[changes])]);
            assert_eq!(read[0].as_ref().unwrap_err().field, field);
        }
        let (read, _) = read_rows(Form::Detailed, &[with(&[]), with(&[])]);
        assert_eq!(read[1].as_ref().unwrap_err().reason, "is a duplicate in the file");
    }

    #[test]
    fn values_that_can_be_corrected_are_corrected_and_reported() {
        let long = "x".repeat(130);
        for (column, value, field) in [
            ("name", " ", "name"),
            ("name", long.as_str(), "name"),
            ("accommodates", "0", "accommodates"),
            ("bedrooms", "two", "bedrooms"),
            ("maximum_nights", "30", "maximum_nights"),
            ("minimum_nights", "400", "minimum_nights"),
            ("price", "on request", "price"),
            ("host_since", "long ago", "host_since"),
            ("instant_bookable", "perhaps", "instant_bookable"),
            ("review_scores_rating", "best", "review_scores_rating"),
            ("amenities", "Wifi", "amenities"),
        ] {
            let (listing, _, adjusted) = one(&[(column, value)]);
            assert!(adjusted.contains(&field), "{column}: {adjusted:?}");
            assert!(!listing.title.is_empty() && listing.title.len() <= MAX_TITLE_CHARS);
            assert!(listing.rules.max_nights >= Some(listing.rules.min_nights));
        }
        assert_eq!(one(&[("name", "")]).0.title, "Entire place in Riverside");
    }

    #[test]
    fn values_that_a_summary_does_not_have_are_none() {
        let columns = [
            "id",
            "name",
            "host_id",
            "host_name",
            "neighbourhood_group",
            "neighbourhood",
            "latitude",
            "longitude",
            "room_type",
            "price",
            "minimum_nights",
            "number_of_reviews",
        ];
        let values =
            ["1", "Sunny 2BR, <3 it", "7", "Ann", "West", "Riverside", "1.3", "103.8", "Private room", "0", "1", "9"];
        let row = columns.into_iter().zip(values).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let listing = read_rows(Form::Summary, &[row]).0.remove(0).unwrap().listing;
        assert_eq!((listing.title.as_str(), listing.bedrooms), ("Sunny 2BR, <3 it", Some(2)));
        assert_eq!((listing.description, listing.amenities, listing.capacity), (None, None, None));
        assert_eq!((listing.pricing.base_minor, listing.rating, listing.rules.instant), (None, None, None));
        assert_eq!(listing.location.neighbourhood.as_deref(), Some("Riverside"));
        assert_eq!(listing.location.district.as_deref(), Some("West"));
    }
}
