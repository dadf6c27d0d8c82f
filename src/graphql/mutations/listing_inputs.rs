//! The inputs of the mutations of listings.

use async_graphql::{InputObject, MaybeUndefined};

use crate::domain::error::Refusals;
use crate::domain::listings::pricing::LengthOfStayDiscount;
use crate::domain::listings::{AddressChange, CalendarChange, ListingChange, PricingChange, StayRulesChange};
use crate::graphql::support::money::MoneyInput;
use crate::graphql::support::scalars::{CountryCode, CurrencyCode, Date, LocalTime, Ppm, TimeZone};
use crate::graphql::support::update_fields::{UpdateFields, to_change};
use crate::graphql::types::listings::{BookingMode, CancellationPolicy, RoomType};
use crate::graphql::types::pricing::Weekday;

/// Values of a listing. In `listingCreate`, an absent field gets its default; in `listingUpdate`, it does not change.
/// Null removes a value that can be absent, as the field's description says; in the other fields it is refused with
/// REQUIRED.
#[derive(InputObject)]
pub struct ListingInput {
    /// Title, at most 120 characters. Default: empty, which cannot be published.
    title: MaybeUndefined<String>,
    /// Description as plain text, at most 20,000 characters. Default: empty, which cannot be published.
    description: MaybeUndefined<String>,
    /// Which part of the place is private to the guest. Default: ENTIRE_PLACE.
    room_type: MaybeUndefined<RoomType>,
    /// Maximum number of adults and children, 1 to 50. Default: 1.
    capacity: MaybeUndefined<i32>,
    /// Number of bedrooms, 0 to 100; 0 for a studio. Default: 0.
    bedrooms: MaybeUndefined<i32>,
    /// Number of beds, 0 to 100. Default: 0, which cannot be published.
    beds: MaybeUndefined<i32>,
    /// Number of bathrooms, 0 to 100, a multiple of 0.5. Default: 0.
    bathrooms: MaybeUndefined<f64>,
    /// Codes from `amenities`, at most 100. Replaces the whole list. Default: none.
    amenities: MaybeUndefined<Vec<String>>,
    /// Postal address of the place. Default: empty.
    address: MaybeUndefined<AddressInput>,
    /// Exact position of the place. Null removes it. Default: none, which cannot be published.
    location: MaybeUndefined<GeoPointInput>,
    /// Time zone of the place. Default: UTC, which cannot be published.
    time_zone: MaybeUndefined<TimeZone>,
    /// Earliest local time of arrival. Default: 15:00.
    check_in_from: MaybeUndefined<LocalTime>,
    /// Latest local time of arrival. Null removes it. Default: no latest time.
    check_in_until: MaybeUndefined<LocalTime>,
    /// Latest local time of departure. Default: 11:00.
    check_out_by: MaybeUndefined<LocalTime>,
    /// Rules for guests, at most 50 with at most 200 characters each. Replaces the whole list. Default: none.
    house_rules: MaybeUndefined<Vec<String>>,
    /// Whether the host must accept a paid booking. Default: INSTANT.
    booking_mode: MaybeUndefined<BookingMode>,
    /// Cancellation policy for stays of fewer than 28 nights. Default: MODERATE.
    cancellation_policy: MaybeUndefined<CancellationPolicy>,
    /// Cancellation policy for stays of 28 nights or more: LONG_TERM_FIRM or LONG_TERM_STRICT. Default: LONG_TERM_FIRM.
    long_term_policy: MaybeUndefined<CancellationPolicy>,
    /// Prices and discounts of the listing. Default: those of `PricingInput`.
    pricing: MaybeUndefined<PricingInput>,
    /// Rules for the dates and length of a stay. Default: those of `StayRulesInput`.
    stay_rules: MaybeUndefined<StayRulesInput>,
}

/// An exact position on the map, in degrees of WGS 84.
#[derive(InputObject)]
pub struct GeoPointInput {
    /// Degrees north of the equator, -90 to 90. Negative in the south.
    latitude: f64,
    /// Degrees east of Greenwich, -180 to 180. Negative in the west.
    longitude: f64,
}

/// Postal address of a listing. An absent field does not change. Null removes a line, region or postal code; in the
/// other fields it is refused with REQUIRED. Texts have at most 200 characters. An empty text still has the effect of
/// null, but a later version will refuse it.
#[derive(InputObject)]
pub struct AddressInput {
    /// Street and number. Null removes them. Default: none.
    line1: MaybeUndefined<String>,
    /// Floor, apartment or other addition. Null removes it. Default: none.
    line2: MaybeUndefined<String>,
    /// Town or city. Default: empty, which cannot be published.
    city: MaybeUndefined<String>,
    /// State, province or district. Null removes it. Default: none.
    region: MaybeUndefined<String>,
    /// Postal code of the place. Null removes it. Default: none.
    postal_code: MaybeUndefined<String>,
    /// Country of the listing. Default: none, which cannot be published.
    country: MaybeUndefined<CountryCode>,
}

/// Prices of a listing. An absent field does not change. Null removes an amount or discount that can be absent, as the
/// field's description says; in the other fields it is refused with REQUIRED. Amounts have at most 9,007,199,254,740
/// minor units. An amount in another currency than the listing's is refused with CURRENCY_MISMATCH.
#[derive(InputObject)]
pub struct PricingInput {
    /// Currency of the listing and of all its amounts. It can change only while the listing is a draft, and only in a
    /// call that sets or removes every amount that the listing has: a missing one is refused with REQUIRED. Refused
    /// with STATE_CONFLICT after publication, and while nights, seasons or taxes have amounts of their own. Default:
    /// preferred currency of the host.
    currency: MaybeUndefined<CurrencyCode>,
    /// Price of a night, at least 1 minor unit. Default: 0, which cannot be published.
    base: MaybeUndefined<MoneyInput>,
    /// Price of a weekend night, at least 1 minor unit. Null removes it. Default: none, so that weekend nights cost the
    /// base price.
    weekend: MaybeUndefined<MoneyInput>,
    /// The nights of the weekend. Default: Friday and Saturday.
    weekend_nights: MaybeUndefined<Vec<Weekday>>,
    /// Cleaning fee, once per stay. Null or an amount of 0 removes it. Default: none.
    cleaning_fee: MaybeUndefined<MoneyInput>,
    /// Fee per pet and stay. Null or an amount of 0 removes it. Default: none.
    pet_fee: MaybeUndefined<MoneyInput>,
    /// Fee per night and guest beyond `includedGuests`. Null or an amount of 0 removes it. Default: none.
    extra_guest_fee: MaybeUndefined<MoneyInput>,
    /// Number of adults and children that the price of a night includes, 1 to 50. Default: 1.
    included_guests: MaybeUndefined<i32>,
    /// Discounts for long stays, at most 12. Replaces the whole list. Default: none.
    length_of_stay: MaybeUndefined<Vec<LengthOfStayInput>>,
    /// Discount for choosing the non-refundable price, in parts per million below 1,000,000. Null or 0 removes that
    /// price. Default: none.
    non_refundable_discount: MaybeUndefined<Ppm>,
}

/// A discount for stays of a minimum length.
#[derive(InputObject)]
pub struct LengthOfStayInput {
    /// Minimum number of nights of the stay, 2 to 365.
    min_nights: i32,
    /// Discount on the price of each night, in parts per million below 1,000,000.
    discount: Ppm,
}

/// Rules for the dates and length of a stay. An absent field does not change. Null removes `sameDayCutoff`; in the other
/// fields it is refused with REQUIRED.
#[derive(InputObject)]
pub struct StayRulesInput {
    /// Minimum number of nights of a stay, 1 to 365. Default: 1.
    min_nights: MaybeUndefined<i32>,
    /// Maximum number of nights of a stay, 1 to 365. Default: 365.
    max_nights: MaybeUndefined<i32>,
    /// Minimum number of days between booking and arrival, 0 to 365. Default: 0.
    advance_notice_days: MaybeUndefined<i32>,
    /// Latest local time at which a stay can be booked that begins on the same day. Null removes it. Default: no latest
    /// time.
    same_day_cutoff: MaybeUndefined<LocalTime>,
    /// Maximum number of days from today until check-out, 0 to 730. Default: 365.
    booking_window_days: MaybeUndefined<i32>,
    /// Number of nights that remain empty after each booking and cannot be booked, 0 to 7. Default: 0.
    preparation_nights: MaybeUndefined<i32>,
    /// Days of the week on which a stay may begin, at least one. Default: all.
    check_in_days: MaybeUndefined<Vec<Weekday>>,
    /// Days of the week on which a stay may end, at least one. Default: all.
    check_out_days: MaybeUndefined<Vec<Weekday>>,
    /// Whether guests may bring pets. Default: false.
    pets_allowed: MaybeUndefined<bool>,
}

/// A change of the nights from `from` until the day before `to`. An absent field does not change.
#[derive(InputObject)]
pub struct CalendarChangeInput {
    /// First date, in the listing's time zone.
    from: Date,
    /// Day after the last date, at most 366 days after `from`.
    to: Date,
    /// `true` blocks the nights, `false` unblocks them. Null is refused with REQUIRED. If absent, neither happens.
    blocked: MaybeUndefined<bool>,
    /// Price of each night, at least 1 minor unit, in the currency of the listing; another one is refused with
    /// CURRENCY_MISMATCH. Null removes it, so that the listing's own prices apply. If absent, prices do not change.
    price: MaybeUndefined<MoneyInput>,
    /// Minimum number of nights of a stay that begins on one of these dates, 1 to 365. Null removes it, so that the
    /// listing's own rule applies. If absent, it does not change.
    min_nights: MaybeUndefined<i32>,
    /// Private note of the host, at most 200 characters. Null removes it; an empty text still does so too, but a later
    /// version will refuse it. If absent, it does not change.
    note: MaybeUndefined<String>,
}

impl ListingInput {
    /// The change for the domain, with the refusals of the values that cannot be read.
    pub(super) fn into_change(self) -> ListingChange {
        let mut unreadable = Refusals::default();
        let mut fields = UpdateFields::new(&mut unreadable, &["listing"]);
        let mut change = ListingChange {
            title: fields.required("title", self.title),
            description: fields.required("description", self.description),
            room_type: fields.required("roomType", self.room_type).map(Into::into),
            capacity: fields.required("capacity", self.capacity),
            bedrooms: fields.required("bedrooms", self.bedrooms),
            beds: fields.required("beds", self.beds),
            bathrooms: fields.required("bathrooms", self.bathrooms),
            amenities: fields.required("amenities", self.amenities),
            location: to_change(self.location).map(|point| (point.latitude, point.longitude)),
            time_zone: fields.zone("timeZone", self.time_zone),
            check_in_from: fields.required("checkInFrom", self.check_in_from).map(|time| time.0),
            check_in_until: to_change(self.check_in_until).map(|time| time.0),
            check_out_by: fields.required("checkOutBy", self.check_out_by).map(|time| time.0),
            house_rules: fields.required("houseRules", self.house_rules),
            booking_mode: fields.required("bookingMode", self.booking_mode).map(Into::into),
            cancellation_policy: fields.required("cancellationPolicy", self.cancellation_policy).map(Into::into),
            long_term_policy: fields.required("longTermPolicy", self.long_term_policy).map(Into::into),
            ..ListingChange::default()
        };
        let address = fields.required("address", self.address);
        let pricing = fields.required("pricing", self.pricing);
        let stay_rules = fields.required("stayRules", self.stay_rules);
        change.address = address.map(|address| address.into_change(&mut unreadable));
        change.pricing = pricing.map(|pricing| pricing.into_change(&mut unreadable));
        change.stay_rules = stay_rules.map(|rules| rules.into_change(&mut unreadable));
        ListingChange { unreadable, ..change }
    }
}

fn to_weekdays(list: Vec<Weekday>) -> Vec<chrono::Weekday> {
    list.into_iter().map(Into::into).collect()
}

impl AddressInput {
    fn into_change(self, unreadable: &mut Refusals) -> AddressChange {
        let mut fields = UpdateFields::new(unreadable, &["listing", "address"]);
        AddressChange {
            line1: to_change(self.line1),
            line2: to_change(self.line2),
            city: fields.required("city", self.city),
            region: to_change(self.region),
            postal_code: to_change(self.postal_code),
            country: fields.required("country", self.country).map(|country| country.0),
        }
    }
}

impl PricingInput {
    fn into_change(self, unreadable: &mut Refusals) -> PricingChange {
        let mut fields = UpdateFields::new(unreadable, &["listing", "pricing"]);
        let steps = fields.required("lengthOfStay", self.length_of_stay);
        PricingChange {
            currency: fields.currency("currency", self.currency),
            base: fields.required_money("base", self.base),
            weekend: fields.money("weekend", self.weekend),
            weekend_nights: fields.required("weekendNights", self.weekend_nights).map(to_weekdays),
            cleaning_fee: fields.money("cleaningFee", self.cleaning_fee),
            pet_fee: fields.money("petFee", self.pet_fee),
            extra_guest_fee: fields.money("extraGuestFee", self.extra_guest_fee),
            included_guests: fields.required("includedGuests", self.included_guests),
            length_of_stay: steps.map(|steps| steps.into_iter().map(Into::into).collect()),
            non_refundable_discount: to_change(self.non_refundable_discount).map(|discount| discount.0),
        }
    }
}

impl From<LengthOfStayInput> for LengthOfStayDiscount {
    fn from(step: LengthOfStayInput) -> Self {
        LengthOfStayDiscount { min_nights: step.min_nights, discount: step.discount.0 }
    }
}

impl StayRulesInput {
    fn into_change(self, unreadable: &mut Refusals) -> StayRulesChange {
        let mut fields = UpdateFields::new(unreadable, &["listing", "stayRules"]);
        StayRulesChange {
            min_nights: fields.required("minNights", self.min_nights),
            max_nights: fields.required("maxNights", self.max_nights),
            advance_notice_days: fields.required("advanceNoticeDays", self.advance_notice_days),
            same_day_cutoff: to_change(self.same_day_cutoff).map(|time| time.0),
            booking_window_days: fields.required("bookingWindowDays", self.booking_window_days),
            preparation_nights: fields.required("preparationNights", self.preparation_nights),
            check_in_days: fields.required("checkInDays", self.check_in_days).map(to_weekdays),
            check_out_days: fields.required("checkOutDays", self.check_out_days).map(to_weekdays),
            pets_allowed: fields.required("petsAllowed", self.pets_allowed),
        }
    }
}

impl CalendarChangeInput {
    /// The change for the domain. `index` is its place in the list of changes.
    pub(super) fn into_change(self, index: usize) -> CalendarChange {
        let mut unreadable = Refusals::default();
        let index = index.to_string();
        let path = ["changes", index.as_str()];
        let mut fields = UpdateFields::new(&mut unreadable, &path);
        CalendarChange {
            from: self.from.0,
            to: self.to.0,
            blocked: fields.required("blocked", self.blocked),
            price: fields.money("price", self.price),
            min_nights: to_change(self.min_nights),
            note: to_change(self.note),
            unreadable,
        }
    }
}
