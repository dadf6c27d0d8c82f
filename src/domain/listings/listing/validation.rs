//! The changes that a host can make to a listing, checked field by field.

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;
use sea_orm::ActiveValue::Set;
use serde_json::json;

use super::amenities;
use super::pricing_change::{PricingChange, apply_pricing};
use crate::domain::error::{Code, Refusals};
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::enums::{BookingMode, RoomType};
use crate::domain::listings::limits::{
    LONG_STAY_NIGHTS, MAX_ADVANCE_NOTICE_DAYS, MAX_AMENITIES, MAX_BATHROOMS, MAX_BOOKING_WINDOW_DAYS,
    MAX_DESCRIPTION_CHARS, MAX_GUESTS, MAX_HOUSE_RULES, MAX_LINE_CHARS, MAX_NIGHTS, MAX_PREPARATION_NIGHTS, MAX_ROOMS,
    MAX_TITLE_CHARS,
};
use crate::domain::listings::table;
use crate::kernel::change::Change;
use crate::kernel::stay::Weekdays;

/// The changes of a listing. A value that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of a listing; the API describes them")]
pub struct ListingChange {
    pub title: Option<String>,
    pub description: Option<String>,
    pub room_type: Option<RoomType>,
    pub capacity: Option<i32>,
    pub bedrooms: Option<i32>,
    pub beds: Option<i32>,
    pub bathrooms: Option<f64>,
    pub amenities: Option<Vec<String>>,
    pub address: Option<AddressChange>,
    /// Latitude and longitude in degrees.
    pub location: Change<(f64, f64)>,
    pub time_zone: Option<Tz>,
    pub check_in_from: Option<NaiveTime>,
    pub check_in_until: Change<NaiveTime>,
    pub check_out_by: Option<NaiveTime>,
    pub house_rules: Option<Vec<String>>,
    pub booking_mode: Option<BookingMode>,
    pub cancellation_policy: Option<CancellationPolicy>,
    pub long_term_policy: Option<CancellationPolicy>,
    pub pricing: Option<PricingChange>,
    pub stay_rules: Option<StayRulesChange>,
    /// Refusals of values that could not be read. They are returned together with those of all other values.
    pub unreadable: Refusals,
}

/// The changes of its address. An empty text is removed.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the parts of a postal address")]
pub struct AddressChange {
    pub line1: Change<String>,
    pub line2: Change<String>,
    pub city: Option<String>,
    pub region: Change<String>,
    pub postal_code: Change<String>,
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<String>,
}

/// The changes of its rules for stays.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of a listing's stay rules; the API describes them")]
pub struct StayRulesChange {
    pub min_nights: Option<i32>,
    pub max_nights: Option<i32>,
    pub advance_notice_days: Option<i32>,
    pub same_day_cutoff: Change<NaiveTime>,
    pub booking_window_days: Option<i32>,
    pub preparation_nights: Option<i32>,
    pub check_in_days: Option<Vec<Weekday>>,
    pub check_out_days: Option<Vec<Weekday>>,
    pub pets_allowed: Option<bool>,
}

/// Sets a column if there is a value.
macro_rules! set {
    ($row:ident.$column:ident, $value:expr) => {
        if let Some(value) = $value {
            $row.$column = Set(value);
        }
    };
}

/// Sets the columns of `row` to the new values, and adds a refusal for every value that is not valid.
pub(super) fn apply_change(change: &ListingChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    apply_description(change, row, refusals);
    apply_location(change, row, refusals);
    set!(row.check_in_from, change.check_in_from);
    set!(row.check_in_until, change.check_in_until.outcome());
    set!(row.check_out_by, change.check_out_by);
    set!(row.booking_mode, change.booking_mode);
    if let Some(policy) = change.cancellation_policy {
        let fits = !policy.is_long_term();
        let message =
            format!("must not be a LONG_TERM policy, which is for stays of {LONG_STAY_NIGHTS} nights or more");
        refusals.check(fits, Code::Invalid, &["listing", "cancellationPolicy"], &message);
        row.cancellation_policy = Set(policy);
    }
    if let Some(policy) = change.long_term_policy {
        let fits = policy.is_long_term();
        refusals.check(fits, Code::Invalid, &["listing", "longTermPolicy"], "must be a LONG_TERM policy");
        row.long_term_policy = Set(policy);
    }
    if let Some(pricing) = &change.pricing {
        apply_pricing(pricing, row, refusals);
    }
    if let Some(rules) = &change.stay_rules {
        apply_stay_rules(rules, row, refusals);
    }
}

fn apply_description(change: &ListingChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    let title = change.title.as_deref();
    set!(row.title, title.map(|text| refusals.text(&["listing", "title"], text, MAX_TITLE_CHARS)));
    let description = change.description.as_deref();
    let field = ["listing", "description"];
    set!(row.description, description.map(|text| refusals.text_or_empty(&field, text, MAX_DESCRIPTION_CHARS)));
    set!(row.room_type, change.room_type);
    for (name, number, least, most) in [
        ("capacity", change.capacity, 1, MAX_GUESTS),
        ("bedrooms", change.bedrooms, 0, MAX_ROOMS),
        ("beds", change.beds, 0, MAX_ROOMS),
    ] {
        if let Some(number) = number {
            refusals.range(&["listing", name], number.into(), least, most.into());
        }
    }
    set!(row.capacity, change.capacity);
    set!(row.bedrooms, change.bedrooms);
    set!(row.beds, change.beds);
    if let Some(bathrooms) = change.bathrooms {
        let fits = (0.0..=MAX_BATHROOMS).contains(&bathrooms) && (bathrooms * 2.0).fract() == 0.0;
        let message = format!("must be between 0 and {MAX_BATHROOMS}, in steps of 0.5");
        refusals.check(fits, Code::Invalid, &["listing", "bathrooms"], &message);
        row.bathrooms = Set(bathrooms);
    }
    if let Some(rules) = &change.house_rules {
        let message = format!("must have at most {MAX_HOUSE_RULES} lines");
        refusals.check(rules.len() <= MAX_HOUSE_RULES, Code::TooMany, &["listing", "houseRules"], &message);
        let lines: Vec<String> =
            rules.iter().map(|text| refusals.text(&["listing", "houseRules"], text, MAX_LINE_CHARS)).collect();
        row.house_rules = Set(json!(lines));
    }
    if let Some(codes) = &change.amenities {
        let message = format!("must have at most {MAX_AMENITIES} codes");
        refusals.check(codes.len() <= MAX_AMENITIES, Code::TooMany, &["listing", "amenities"], &message);
        for code in codes.iter().filter(|code| amenities::find(code).is_none()).take(10) {
            let message = format!("`{}` is not an amenity", code.chars().take(50).collect::<String>());
            refusals.add(Code::Invalid, &["listing", "amenities"], message);
        }
    }
}

fn apply_location(change: &ListingChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    if let Change::Set((latitude, longitude)) = change.location {
        for (name, degrees, most) in [("latitude", latitude, 90.0), ("longitude", longitude, 180.0)] {
            let message = format!("must be between -{most} and {most} degrees");
            let fits = (-most..=most).contains(&degrees);
            refusals.check(fits, Code::Invalid, &["listing", "location", name], &message);
        }
    }
    set!(row.latitude, change.location.map(|(latitude, _)| latitude).outcome());
    set!(row.longitude, change.location.map(|(_, longitude)| longitude).outcome());
    set!(row.time_zone, change.time_zone.map(|zone| zone.name().to_owned()));
    let Some(address) = &change.address else { return };
    let mut line = |name: &str, text: &str| refusals.text_or_empty(&["listing", "address", name], text, MAX_LINE_CHARS);
    let mut optional = |name: &str, text: &Change<String>| {
        let text = text.as_ref().map(|text| line(name, text)).outcome();
        text.map(|text| text.filter(|text| !text.is_empty()))
    };
    set!(row.line1, optional("line1", &address.line1));
    set!(row.line2, optional("line2", &address.line2));
    set!(row.region, optional("region", &address.region));
    set!(row.postal_code, optional("postalCode", &address.postal_code));
    set!(row.city, address.city.as_deref().map(|city| line("city", city)));
    if let Some(country) = &address.country {
        let code = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        let field = ["listing", "address", "country"];
        refusals.check(code, Code::Invalid, &field, "must be two capital letters (ISO 3166-1), such as PT");
        row.country = Set(country.clone());
    }
}

fn apply_stay_rules(change: &StayRulesChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    for (name, number, least, most) in [
        ("minNights", change.min_nights, 1, i64::from(MAX_NIGHTS)),
        ("maxNights", change.max_nights, 1, MAX_NIGHTS.into()),
        ("advanceNoticeDays", change.advance_notice_days, 0, MAX_ADVANCE_NOTICE_DAYS.into()),
        ("bookingWindowDays", change.booking_window_days, 0, MAX_BOOKING_WINDOW_DAYS.into()),
        ("preparationNights", change.preparation_nights, 0, MAX_PREPARATION_NIGHTS.into()),
    ] {
        if let Some(number) = number {
            refusals.range(&["listing", "stayRules", name], number.into(), least, most);
        }
    }
    set!(row.min_nights, change.min_nights);
    set!(row.max_nights, change.max_nights);
    set!(row.advance_notice_days, change.advance_notice_days);
    set!(row.same_day_cutoff, change.same_day_cutoff.outcome());
    set!(row.booking_window_days, change.booking_window_days);
    set!(row.preparation_nights, change.preparation_nights);
    for (name, days) in [("checkInDays", &change.check_in_days), ("checkOutDays", &change.check_out_days)] {
        let some = days.as_ref().is_none_or(|days| !days.is_empty());
        refusals.check(some, Code::Invalid, &["listing", "stayRules", name], "must contain at least one day");
    }
    set!(row.check_in_days, change.check_in_days.as_deref().map(weekday_bits));
    set!(row.check_out_days, change.check_out_days.as_deref().map(weekday_bits));
    set!(row.pets_allowed, change.pets_allowed);
}

fn weekday_bits(days: &[Weekday]) -> i16 {
    days.iter().copied().collect::<Weekdays>().bits()
}
