//! The inputs of the mutations of listings.

use async_graphql::InputObject;

use crate::domain::error::{Error, Refusals};
use crate::domain::listings::pricing::LengthOfStayDiscount;
use crate::domain::listings::{AddressChange, CalendarChange, ListingChange, PricingChange, StayRulesChange};
use crate::graphql::support::scalars::{CurrencyCode, Date, LocalTime, MinorUnits, Ppm, TimeZone};
use crate::graphql::types::listings::{BookingMode, CancellationPolicy, RoomType};
use crate::graphql::types::pricing::Weekday;

/// Values of a listing. In `listingCreate`, an absent field gets its default; in `listingUpdate`, it does not change.
/// Null has the same effect as leaving a field out.
#[derive(InputObject)]
pub struct ListingInput {
    /// Title, at most 120 characters. Default: empty.
    title: Option<String>,
    /// Description as plain text, at most 20,000 characters. Default: empty.
    description: Option<String>,
    /// Which part of the place is private to the guest. Default: ENTIRE_PLACE.
    room_type: Option<RoomType>,
    /// Maximum number of adults and children, 1 to 50. Default: 1.
    capacity: Option<i32>,
    /// Number of bedrooms, 0 to 100; 0 for a studio. Default: 0.
    bedrooms: Option<i32>,
    /// Number of beds, 0 to 100. Default: 0, which cannot be published.
    beds: Option<i32>,
    /// Number of bathrooms, 0 to 100, a multiple of 0.5. Default: 0.
    bathrooms: Option<f64>,
    /// Codes from `amenities`, at most 100. Replaces the whole list. Default: none.
    amenities: Option<Vec<String>>,
    /// Postal address of the place. Default: empty.
    address: Option<AddressInput>,
    /// Degrees north of the equator, -90 to 90. Needs `longitude`. Default: none.
    latitude: Option<f64>,
    /// Degrees east of Greenwich, -180 to 180. Needs `latitude`. Default: none.
    longitude: Option<f64>,
    /// Time zone of the place. Default: UTC, which cannot be published.
    time_zone: Option<TimeZone>,
    /// Earliest local time of arrival. Default: 15:00.
    check_in_from: Option<LocalTime>,
    /// Latest local time of arrival. Default: no latest time.
    check_in_until: Option<LocalTime>,
    /// Latest local time of departure. Default: 11:00.
    check_out_by: Option<LocalTime>,
    /// Rules for guests, at most 50 with at most 200 characters each. Replaces the whole list. Default: none.
    house_rules: Option<Vec<String>>,
    /// Whether the host must accept a paid booking. Default: INSTANT.
    booking_mode: Option<BookingMode>,
    /// Cancellation policy for stays of fewer than 28 nights. Default: MODERATE.
    cancellation_policy: Option<CancellationPolicy>,
    /// Cancellation policy for stays of 28 nights or more: LONG_TERM_FIRM or LONG_TERM_STRICT. Default: LONG_TERM_FIRM.
    long_term_policy: Option<CancellationPolicy>,
    /// Prices and discounts of the listing. Default: those of `PricingInput`.
    pricing: Option<PricingInput>,
    /// Rules for the dates and length of a stay. Default: those of `StayRulesInput`.
    stay_rules: Option<StayRulesInput>,
}

/// Postal address of a listing. An absent field does not change; an empty text clears the field. Texts have at most 200
/// characters.
#[derive(InputObject)]
pub struct AddressInput {
    /// Street and number. Default: none.
    line1: Option<String>,
    /// Floor, apartment or other addition. Default: none.
    line2: Option<String>,
    /// Town or city. Default: empty, which cannot be published.
    city: Option<String>,
    /// State, province or district. Default: none.
    region: Option<String>,
    /// Postal code of the place. Default: none.
    postal_code: Option<String>,
    /// ISO 3166-1 alpha-2 code in capital letters, such as `PT`. Default: empty, which cannot be published.
    country: Option<String>,
}

/// Prices of a listing, in minor units of its currency. An absent field does not change. Amounts are at most
/// 9,007,199,254,740.
#[derive(InputObject)]
pub struct PricingInput {
    /// Currency of all amounts. It cannot change while single nights have prices of their own. Default: preferred
    /// currency of the host.
    currency: Option<CurrencyCode>,
    /// Price of a night, at least 1. Default: 0, which cannot be published.
    base: Option<MinorUnits>,
    /// Price of a weekend night, at least 1. Default: none, so that weekend nights cost the base price.
    weekend: Option<MinorUnits>,
    /// The nights of the weekend. Default: Friday and Saturday.
    weekend_nights: Option<Vec<Weekday>>,
    /// Cleaning fee, once per stay. 0 removes it. Default: 0.
    cleaning_fee: Option<MinorUnits>,
    /// Fee per pet and stay. 0 removes it. Default: 0.
    pet_fee: Option<MinorUnits>,
    /// Fee per night and guest beyond `includedGuests`. 0 removes it. Default: 0.
    extra_guest_fee: Option<MinorUnits>,
    /// Number of adults and children that the price of a night includes, 1 to 50. Default: 1.
    included_guests: Option<i32>,
    /// Discounts for long stays, at most 12. Replaces the whole list. Default: none.
    length_of_stay: Option<Vec<LengthOfStayInput>>,
    /// Discount for choosing the non-refundable price, in parts per million below 1,000,000. 0 removes that price.
    /// Default: none.
    non_refundable_discount: Option<Ppm>,
}

/// A discount for stays of a minimum length.
#[derive(InputObject)]
pub struct LengthOfStayInput {
    /// Minimum number of nights of the stay, 2 to 365.
    min_nights: i32,
    /// Discount on the price of each night, in parts per million below 1,000,000.
    discount: Ppm,
}

/// Rules for the dates and length of a stay. An absent field does not change.
#[derive(InputObject)]
pub struct StayRulesInput {
    /// Minimum number of nights of a stay, 1 to 365. Default: 1.
    min_nights: Option<i32>,
    /// Maximum number of nights of a stay, 1 to 365. Default: 365.
    max_nights: Option<i32>,
    /// Minimum number of days between booking and arrival, 0 to 365. Default: 0.
    advance_notice_days: Option<i32>,
    /// Latest local time at which a stay can be booked that begins on the same day. Default: no latest time.
    same_day_cutoff: Option<LocalTime>,
    /// Maximum number of days from today until check-out, 0 to 730. Default: 365.
    booking_window_days: Option<i32>,
    /// Number of nights that remain empty after each booking and cannot be booked, 0 to 7. Default: 0.
    preparation_nights: Option<i32>,
    /// Days of the week on which a stay may begin, at least one. Default: all.
    check_in_days: Option<Vec<Weekday>>,
    /// Days of the week on which a stay may end, at least one. Default: all.
    check_out_days: Option<Vec<Weekday>>,
    /// Whether guests may bring pets. Default: false.
    pets_allowed: Option<bool>,
}

/// A change of the nights from `from` until the day before `to`. An absent field does not change.
#[derive(InputObject)]
pub struct CalendarChangeInput {
    /// First date, in the listing's time zone.
    from: Date,
    /// Day after the last date, at most 366 days after `from`.
    to: Date,
    /// `true` blocks the nights, `false` unblocks them. If absent, neither happens.
    blocked: Option<bool>,
    /// Price of each night, in minor units of the listing's currency, at least 1. If absent, prices do not change.
    price: Option<MinorUnits>,
    /// `true` removes the prices set for these nights. It cannot be combined with `price`. Default: false.
    clear_price: Option<bool>,
    /// Minimum number of nights of a stay that begins on one of these dates, 1 to 365. If absent, it does not change.
    min_nights: Option<i32>,
    /// Private note of the host, at most 200 characters. An empty text removes it. If absent, it does not change.
    note: Option<String>,
}

impl ListingInput {
    /// The change for the domain, or a refusal that names the field of an unknown zone or currency.
    pub(super) fn into_change(self) -> Result<ListingChange, Error> {
        let mut refusals = Refusals::default();
        let zone = self.time_zone.as_ref().map(|zone| zone.to_zone(&mut refusals, &["listing", "timeZone"]));
        refusals.finish()?;
        Ok(ListingChange {
            title: self.title,
            description: self.description,
            room_type: self.room_type.map(Into::into),
            capacity: self.capacity,
            bedrooms: self.bedrooms,
            beds: self.beds,
            bathrooms: self.bathrooms,
            amenities: self.amenities,
            address: self.address.map(|address| AddressChange {
                line1: address.line1,
                line2: address.line2,
                city: address.city,
                region: address.region,
                postal_code: address.postal_code,
                country: address.country,
            }),
            latitude: self.latitude,
            longitude: self.longitude,
            time_zone: zone.flatten(),
            check_in_from: self.check_in_from.map(|time| time.0),
            check_in_until: self.check_in_until.map(|time| time.0),
            check_out_by: self.check_out_by.map(|time| time.0),
            house_rules: self.house_rules,
            booking_mode: self.booking_mode.map(Into::into),
            cancellation_policy: self.cancellation_policy.map(Into::into),
            long_term_policy: self.long_term_policy.map(Into::into),
            pricing: self.pricing.map(PricingInput::into_change).transpose()?,
            stay_rules: self.stay_rules.map(StayRulesInput::into_change),
        })
    }
}

fn to_weekdays(list: Option<Vec<Weekday>>) -> Option<Vec<chrono::Weekday>> {
    list.map(|days| days.into_iter().map(Into::into).collect())
}

impl PricingInput {
    fn into_change(self) -> Result<PricingChange, Error> {
        let minor = |amount: Option<MinorUnits>| amount.map(|amount| amount.0);
        Ok(PricingChange {
            currency: self.currency.map(|code| code.to_currency(&["listing", "pricing", "currency"])).transpose()?,
            base: minor(self.base),
            weekend: minor(self.weekend),
            weekend_nights: to_weekdays(self.weekend_nights),
            cleaning_fee: minor(self.cleaning_fee),
            pet_fee: minor(self.pet_fee),
            extra_guest_fee: minor(self.extra_guest_fee),
            included_guests: self.included_guests,
            length_of_stay: self.length_of_stay.map(|steps| {
                let steps = steps.into_iter();
                steps
                    .map(|step| LengthOfStayDiscount { min_nights: step.min_nights, discount: step.discount.0 })
                    .collect()
            }),
            non_refundable_discount: self.non_refundable_discount.map(|discount| discount.0),
        })
    }
}

impl StayRulesInput {
    fn into_change(self) -> StayRulesChange {
        StayRulesChange {
            min_nights: self.min_nights,
            max_nights: self.max_nights,
            advance_notice_days: self.advance_notice_days,
            same_day_cutoff: self.same_day_cutoff.map(|time| time.0),
            booking_window_days: self.booking_window_days,
            preparation_nights: self.preparation_nights,
            check_in_days: to_weekdays(self.check_in_days),
            check_out_days: to_weekdays(self.check_out_days),
            pets_allowed: self.pets_allowed,
        }
    }
}

impl From<CalendarChangeInput> for CalendarChange {
    fn from(change: CalendarChangeInput) -> CalendarChange {
        CalendarChange {
            from: change.from.0,
            to: change.to.0,
            blocked: change.blocked,
            price: change.price.map(|price| price.0),
            clear_price: change.clear_price.unwrap_or(false),
            min_nights: change.min_nights,
            note: change.note,
        }
    }
}
