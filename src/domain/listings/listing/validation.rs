//! What a host may say of a listing, checked against limits field by field.

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;
use sea_orm::ActiveValue::Set;
use serde_json::json;

use super::amenities;
use super::policy::CancellationPolicy;
use crate::domain::error::{Code, Refusals};
use crate::domain::listings::enums::{BookingMode, RoomType};
use crate::domain::listings::pricing::LengthOfStayDiscount;
use crate::domain::listings::table;
use crate::kernel::money::{Currency, MAX_MINOR, ONE_PPM};
use crate::kernel::stay::Weekdays;

const LONGEST_TITLE: usize = 120;
const LONGEST_DESCRIPTION: usize = 20_000;
const LONGEST_LINE: usize = 200;
const MOST_HOUSE_RULES: usize = 50;
const MOST_AMENITIES: usize = 100;
const MOST_DISCOUNTS: usize = 12;
const MOST_GUESTS: i64 = 50;
const MOST_ROOMS: i64 = 100;
/// The longest stay that can be allowed.
pub(in crate::domain::listings) const MOST_NIGHTS: i64 = crate::domain::listings::pricing::MAX_NIGHTS;
const MOST_WINDOW_DAYS: i64 = 730;
const MOST_PREPARATION: i64 = 7;

/// What to change of a listing; what is nothing stays as it is.
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
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub time_zone: Option<Tz>,
    pub check_in_from: Option<NaiveTime>,
    pub check_in_until: Option<NaiveTime>,
    pub check_out_by: Option<NaiveTime>,
    pub house_rules: Option<Vec<String>>,
    pub booking_mode: Option<BookingMode>,
    pub cancellation_policy: Option<CancellationPolicy>,
    pub long_term_policy: Option<CancellationPolicy>,
    pub pricing: Option<PricingChange>,
    pub stay_rules: Option<RulesChange>,
}

/// Where it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the parts of a postal address")]
pub struct AddressChange {
    pub line1: Option<String>,
    pub line2: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

/// What it costs; amounts in minor units of the listing's currency.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of a listing's prices; the API describes them")]
pub struct PricingChange {
    pub currency: Option<Currency>,
    pub base: Option<i64>,
    pub weekend: Option<i64>,
    pub weekend_nights: Option<Vec<Weekday>>,
    pub cleaning_fee: Option<i64>,
    pub pet_fee: Option<i64>,
    pub extra_guest_fee: Option<i64>,
    pub included_guests: Option<i32>,
    pub length_of_stay: Option<Vec<LengthOfStayDiscount>>,
    /// Parts per million.
    pub non_refundable_discount: Option<i64>,
}

/// When it can be stayed in.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of a listing's stay rules; the API describes them")]
pub struct RulesChange {
    pub min_nights: Option<i32>,
    pub max_nights: Option<i32>,
    pub advance_notice_days: Option<i32>,
    pub same_day_cutoff: Option<NaiveTime>,
    pub booking_window_days: Option<i32>,
    pub preparation_nights: Option<i32>,
    pub check_in_days: Option<Vec<Weekday>>,
    pub check_out_days: Option<Vec<Weekday>>,
    pub pets_allowed: Option<bool>,
}

/// Puts `value` into a column when there is one.
macro_rules! set {
    ($row:ident.$column:ident, $value:expr) => {
        if let Some(value) = $value {
            $row.$column = Set(value);
        }
    };
}

/// Puts every change into `row`, and every reason why it cannot be into `refusals`.
pub(in crate::domain::listings) fn apply(
    change: &ListingChange,
    row: &mut table::listing::ActiveModel,
    refusals: &mut Refusals,
) {
    describe(change, row, refusals);
    locate(change, row, refusals);
    set!(row.check_in_from, change.check_in_from);
    set!(row.check_in_until, change.check_in_until.map(Some));
    set!(row.check_out_by, change.check_out_by);
    set!(row.booking_mode, change.booking_mode);
    if let Some(policy) = change.cancellation_policy {
        let fits = !policy.is_long_term();
        refusals.check(fits, Code::Invalid, &["listing", "cancellationPolicy"], "is for stays of 28 nights and more");
        row.cancellation_policy = Set(policy);
    }
    if let Some(policy) = change.long_term_policy {
        let fits = policy.is_long_term();
        refusals.check(fits, Code::Invalid, &["listing", "longTermPolicy"], "must be a LONG_TERM policy");
        row.long_term_policy = Set(policy);
    }
    if let Some(pricing) = &change.pricing {
        price(pricing, row, refusals);
    }
    if let Some(rules) = &change.stay_rules {
        rule(rules, row, refusals);
    }
}

fn describe(change: &ListingChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    let title = change.title.as_deref();
    set!(row.title, title.map(|text| refusals.text(&["listing", "title"], text, LONGEST_TITLE)));
    let description = change.description.as_deref();
    let field = ["listing", "description"];
    set!(row.description, description.map(|text| refusals.text_or_empty(&field, text, LONGEST_DESCRIPTION)));
    set!(row.room_type, change.room_type);
    for (name, number, least, most) in [
        ("capacity", change.capacity, 1, MOST_GUESTS),
        ("bedrooms", change.bedrooms, 0, MOST_ROOMS),
        ("beds", change.beds, 0, MOST_ROOMS),
    ] {
        if let Some(number) = number {
            refusals.range(&["listing", name], number.into(), least, most);
        }
    }
    set!(row.capacity, change.capacity);
    set!(row.bedrooms, change.bedrooms);
    set!(row.beds, change.beds);
    if let Some(bathrooms) = change.bathrooms {
        let halves = (0.0..=100.0).contains(&bathrooms) && (bathrooms * 2.0).fract() == 0.0;
        refusals.check(halves, Code::Invalid, &["listing", "bathrooms"], "must be between 0 and 100, in halves");
        row.bathrooms = Set(bathrooms);
    }
    if let Some(rules) = &change.house_rules {
        let few = rules.len() <= MOST_HOUSE_RULES;
        refusals.check(few, Code::TooMany, &["listing", "houseRules"], "must have at most 50 lines");
        let lines: Vec<String> =
            rules.iter().map(|text| refusals.text(&["listing", "houseRules"], text, LONGEST_LINE)).collect();
        row.house_rules = Set(json!(lines));
    }
    if let Some(codes) = &change.amenities {
        let few = codes.len() <= MOST_AMENITIES;
        refusals.check(few, Code::TooMany, &["listing", "amenities"], "must have at most 100 codes");
        for code in codes.iter().filter(|code| amenities::find(code).is_none()).take(10) {
            let message = format!("`{}` is not an amenity", code.chars().take(50).collect::<String>());
            refusals.add(Code::Invalid, &["listing", "amenities"], message);
        }
    }
}

fn locate(change: &ListingChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    for (name, degrees, most) in [("latitude", change.latitude, 90.0), ("longitude", change.longitude, 180.0)] {
        if let Some(degrees) = degrees
            && !(-most..=most).contains(&degrees)
        {
            refusals.add(Code::Invalid, &["listing", name], format!("must be between -{most} and {most} degrees"));
        }
    }
    set!(row.latitude, change.latitude.map(Some));
    set!(row.longitude, change.longitude.map(Some));
    set!(row.time_zone, change.time_zone.map(|zone| zone.name().to_owned()));
    let Some(address) = &change.address else { return };
    let mut line = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| refusals.text_or_empty(&["listing", "address", name], text, LONGEST_LINE))
    };
    let optional = |text: String| Some(text).filter(|text| !text.is_empty());
    set!(row.line1, line("line1", &address.line1).map(optional));
    set!(row.line2, line("line2", &address.line2).map(optional));
    set!(row.city, line("city", &address.city));
    set!(row.region, line("region", &address.region).map(optional));
    set!(row.postal_code, line("postalCode", &address.postal_code).map(optional));
    if let Some(country) = &address.country {
        let code = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        let field = ["listing", "address", "country"];
        refusals.check(code, Code::Invalid, &field, "must be two capital letters (ISO 3166-1), such as PT");
        row.country = Set(country.clone());
    }
}

fn price(change: &PricingChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    for (name, amount, least) in [
        ("base", change.base, 1),
        ("weekend", change.weekend, 1),
        ("cleaningFee", change.cleaning_fee, 0),
        ("petFee", change.pet_fee, 0),
        ("extraGuestFee", change.extra_guest_fee, 0),
    ] {
        if let Some(amount) = amount {
            // A thousandth of what the API can carry, so that sums over a long stay still fit.
            refusals.range(&["listing", "pricing", name], amount, least, MAX_MINOR / 1_000);
        }
    }
    set!(row.currency, change.currency.map(|currency| currency.code().to_owned()));
    set!(row.base_minor, change.base);
    set!(row.weekend_minor, change.weekend.map(Some));
    set!(row.weekend_nights, change.weekend_nights.as_deref().map(bits));
    set!(row.cleaning_fee_minor, change.cleaning_fee);
    set!(row.pet_fee_minor, change.pet_fee);
    set!(row.extra_guest_fee_minor, change.extra_guest_fee);
    if let Some(included) = change.included_guests {
        refusals.range(&["listing", "pricing", "includedGuests"], included.into(), 1, MOST_GUESTS);
        row.included_guests = Set(included);
    }
    if let Some(discount) = change.non_refundable_discount {
        let field = ["listing", "pricing", "nonRefundableDiscount"];
        refusals.range(&field, discount, 0, ONE_PPM - 1);
        row.non_refundable_discount_ppm = Set(Some(discount).filter(|&discount| discount > 0));
    }
    if let Some(discounts) = &change.length_of_stay {
        let field = ["listing", "pricing", "lengthOfStay"];
        refusals.check(discounts.len() <= MOST_DISCOUNTS, Code::TooMany, &field, "must have at most 12 steps");
        for step in discounts {
            refusals.range(&field, step.min_nights.into(), 2, MOST_NIGHTS);
            refusals.range(&field, step.discount, 0, ONE_PPM - 1);
        }
        row.length_of_stay = Set(json!(discounts));
    }
}

fn rule(change: &RulesChange, row: &mut table::listing::ActiveModel, refusals: &mut Refusals) {
    for (name, number, least, most) in [
        ("minNights", change.min_nights, 1, MOST_NIGHTS),
        ("maxNights", change.max_nights, 1, MOST_NIGHTS),
        ("advanceNoticeDays", change.advance_notice_days, 0, 365),
        ("bookingWindowDays", change.booking_window_days, 0, MOST_WINDOW_DAYS),
        ("preparationNights", change.preparation_nights, 0, MOST_PREPARATION),
    ] {
        if let Some(number) = number {
            refusals.range(&["listing", "stayRules", name], number.into(), least, most);
        }
    }
    set!(row.min_nights, change.min_nights);
    set!(row.max_nights, change.max_nights);
    set!(row.advance_notice_days, change.advance_notice_days);
    set!(row.same_day_cutoff, change.same_day_cutoff.map(Some));
    set!(row.booking_window_days, change.booking_window_days);
    set!(row.preparation_nights, change.preparation_nights);
    for (name, days) in [("checkInDays", &change.check_in_days), ("checkOutDays", &change.check_out_days)] {
        let some = days.as_ref().is_none_or(|days| !days.is_empty());
        refusals.check(some, Code::Invalid, &["listing", "stayRules", name], "must name at least one day");
    }
    set!(row.check_in_days, change.check_in_days.as_deref().map(bits));
    set!(row.check_out_days, change.check_out_days.as_deref().map(bits));
    set!(row.pets_allowed, change.pets_allowed);
}

fn bits(days: &[Weekday]) -> i16 {
    days.iter().copied().collect::<Weekdays>().bits()
}
