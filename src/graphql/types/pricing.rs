//! The prices and stay rules of a listing, as types of the schema.

use async_graphql::{Enum, ID, SimpleObject};

use crate::domain::error::Error;
use crate::domain::listings::{self as domain, pricing};
use crate::graphql::support::context::global_id;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::{CurrencyCode, Date, LocalTime, Ppm};
use crate::kernel::id::Kind;
use crate::kernel::stay::Weekdays;

/// A day of the week, in the listing's time zone.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "chrono::Weekday")]
pub enum Weekday {
    /// Monday, the first day of the ISO week.
    Mon,
    /// Tuesday, the second day of the ISO week.
    Tue,
    /// Wednesday, the third day of the ISO week.
    Wed,
    /// Thursday, the fourth day of the ISO week.
    Thu,
    /// Friday, the fifth day of the ISO week.
    Fri,
    /// Saturday, the sixth day of the ISO week.
    Sat,
    /// Sunday, the seventh day of the ISO week.
    Sun,
}

fn weekdays(days: Weekdays) -> Vec<Weekday> {
    days.days().map(Into::into).collect()
}

/// Prices, discounts, seasons and taxes of a listing. Each stay gets at most one of the discounts for new listings,
/// length of stay, early booking and late booking, in this order. The non-refundable discount is applied after it.
#[derive(SimpleObject)]
pub struct Pricing {
    /// Currency of all amounts of the listing.
    currency: CurrencyCode,
    /// Price of a night for which no other price is set. Zero while a draft has none.
    base: Money,
    /// Price of a weekend night. Null if weekend nights cost the base price.
    weekend: Option<Money>,
    /// The nights of the weekend, by the day on which they begin.
    weekend_nights: Vec<Weekday>,
    /// Cleaning fee, once per stay. Null if there is none.
    cleaning_fee: Option<Money>,
    /// Fee per pet and stay. Null if there is none.
    pet_fee: Option<Money>,
    /// Fee per night and guest beyond `includedGuests`. Null if there is none.
    extra_guest_fee: Option<Money>,
    /// Number of adults and children that the price of a night includes.
    included_guests: i32,
    /// Discounts for long stays, at most 12. The one with the highest `minNights` that the stay reaches applies.
    length_of_stay: Vec<LengthOfStayDiscount>,
    /// Discount for stays booked at least `days` days before arrival. Null if there is none.
    early_bird: Option<WindowDiscount>,
    /// Discount for stays booked fewer than `days` days before arrival. Null if there is none.
    last_minute: Option<WindowDiscount>,
    /// Discount while the listing is new, in parts per million. Null if there is none.
    new_listing_discount: Option<Ppm>,
    /// Discount for choosing the non-refundable price, in parts per million. Null if the listing has no non-refundable
    /// price.
    non_refundable_discount: Option<Ppm>,
    /// Periods with prices or rules of their own, at most 50.
    seasons: Vec<Season>,
    /// Taxes on stays at the listing, at most 20.
    taxes: Vec<TaxRule>,
}

/// A discount for stays of a minimum length.
#[derive(SimpleObject)]
pub struct LengthOfStayDiscount {
    /// Minimum number of nights of the stay.
    min_nights: i32,
    /// Discount on the price of each night, in parts per million.
    discount: Ppm,
}

/// A discount that depends on the number of days between booking and arrival.
#[derive(SimpleObject)]
pub struct WindowDiscount {
    /// Number of days between booking and arrival, counted in dates of the listing's time zone.
    days: i32,
    /// Discount on the price of each night, in parts per million.
    discount: Ppm,
}

/// A period with a price or minimum stay of its own. Of two seasons on one date, the one with the higher `priority`
/// applies; if equal, the shorter one.
#[derive(SimpleObject)]
pub struct Season {
    /// ID of the season, prefixed `ssn_`. It cannot be fetched with `node`.
    id: ID,
    /// Name that the host gave the season.
    name: String,
    /// First date of the season, in the listing's time zone.
    from: Date,
    /// Day after the last date of the season.
    to: Date,
    /// Price of a night in the season. Null if the season does not change the price.
    nightly: Option<Money>,
    /// Minimum number of nights of a stay that begins in the season. Null if the season does not change it.
    min_nights: Option<i32>,
    /// Priority over other seasons on the same date. Higher numbers win.
    priority: i32,
}

/// How the amount of a tax is calculated.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::TaxUnit")]
pub enum TaxUnit {
    /// A share of the amount that `base` names.
    Percent,
    /// A fixed amount per stay.
    PerStay,
    /// A fixed amount per night.
    PerNight,
    /// A fixed amount per adult and child.
    PerGuest,
    /// A fixed amount per adult and child, per night.
    PerGuestNight,
}

/// Amount of which a percentage tax is a share.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::TaxBase")]
pub enum TaxBase {
    /// Nights and extra guests, after discounts.
    Nights,
    /// Nights, extra guests, cleaning and pets, after discounts.
    Subtotal,
    /// The subtotal and the guest's service fee.
    SubtotalAndGuestFee,
}

/// Who passes a tax on to the authority. The guest pays it in both cases.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::TaxRemitter")]
pub enum TaxRemitter {
    /// The marketplace remits the tax.
    Platform,
    /// The host remits the tax.
    Host,
}

/// A tax on stays at a listing.
#[derive(SimpleObject)]
pub struct TaxRule {
    /// ID of the tax, prefixed `tax_`. It cannot be fetched with `node`.
    id: ID,
    /// Name of the tax, as guests see it in the price.
    name: String,
    /// How the amount of the tax is calculated.
    unit: TaxUnit,
    /// Rate of the tax in parts per million. Null for every unit but PERCENT.
    rate: Option<Ppm>,
    /// Amount per unit. Null for PERCENT.
    amount: Option<Money>,
    /// Amount of which the tax is a share. Null for every unit but PERCENT.
    base: Option<TaxBase>,
    /// Maximum number of nights that are taxed. Null if all nights are taxed.
    max_nights: Option<i32>,
    /// Stays of this many nights or more are not taxed. Null if no stay is exempt.
    exempt_from_nights: Option<i32>,
    /// Who passes the tax on to the authority.
    remitted_by: TaxRemitter,
}

impl TryFrom<&domain::Listing> for Pricing {
    type Error = Error;

    fn try_from(listing: &domain::Listing) -> Result<Pricing, Error> {
        let rules = domain::price_rules(listing)?;
        let money = |minor: i64| Money::new(minor, rules.currency);
        let fee = |minor: i64| (minor > 0).then(|| money(minor));
        let window =
            |window: pricing::WindowDiscount| WindowDiscount { days: window.days, discount: Ppm(window.discount) };
        Ok(Pricing {
            currency: rules.currency.into(),
            base: money(rules.base),
            weekend: rules.weekend.map(money),
            weekend_nights: weekdays(rules.weekend_nights),
            cleaning_fee: fee(rules.cleaning_fee),
            pet_fee: fee(rules.pet_fee),
            extra_guest_fee: fee(rules.extra_guest_fee),
            included_guests: rules.included_guests,
            length_of_stay: rules
                .length_of_stay
                .iter()
                .map(|step| LengthOfStayDiscount { min_nights: step.min_nights, discount: Ppm(step.discount) })
                .collect(),
            early_bird: rules.early_bird.map(window),
            last_minute: rules.last_minute.map(window),
            new_listing_discount: rules.new_listing_discount.map(Ppm),
            non_refundable_discount: rules.non_refundable_discount.map(Ppm),
            seasons: rules
                .seasons
                .iter()
                .map(|season| Season {
                    id: global_id(Kind::Season, season.id),
                    name: season.name.clone(),
                    from: Date(season.from),
                    to: Date(season.to),
                    nightly: season.nightly.map(money),
                    min_nights: season.min_nights,
                    priority: season.priority,
                })
                .collect(),
            taxes: rules
                .taxes
                .iter()
                .map(|tax| TaxRule {
                    id: global_id(Kind::TaxRule, tax.id),
                    name: tax.name.clone(),
                    unit: tax.unit.into(),
                    rate: tax.rate.map(Ppm),
                    amount: tax.amount.map(money),
                    base: tax.base.map(Into::into),
                    max_nights: tax.max_nights,
                    exempt_from_nights: tax.exempt_from_nights,
                    remitted_by: tax.remitted_by.into(),
                })
                .collect(),
        })
    }
}

/// Rules for the dates and length of a stay at a listing.
#[derive(SimpleObject)]
pub struct StayRules {
    /// Minimum number of nights of a stay.
    min_nights: i32,
    /// Maximum number of nights of a stay, at most 365.
    max_nights: i32,
    /// Minimum number of nights by day of arrival. Days without an entry have no minimum of their own.
    min_nights_by_arrival: Vec<ArrivalMinimum>,
    /// Minimum number of days between booking and arrival. 0 allows arrival on the same day.
    advance_notice_days: i32,
    /// Latest local time at which a stay can be booked that begins on the same day. Null if there is no latest time.
    same_day_cutoff: Option<LocalTime>,
    /// Maximum number of days from today until check-out.
    booking_window_days: i32,
    /// Number of nights that remain empty after each booking and cannot be booked, at most 7.
    preparation_nights: i32,
    /// Days of the week on which a stay may begin.
    check_in_days: Vec<Weekday>,
    /// Days of the week on which a stay may end.
    check_out_days: Vec<Weekday>,
    /// Whether guests may bring pets.
    pets_allowed: bool,
}

/// Minimum length of stays that begin on one day of the week.
#[derive(SimpleObject)]
pub struct ArrivalMinimum {
    /// Day of the week on which the stay begins.
    day: Weekday,
    /// Minimum number of nights of the stay.
    min_nights: i32,
}

impl TryFrom<&domain::Listing> for StayRules {
    type Error = Error;

    fn try_from(listing: &domain::Listing) -> Result<StayRules, Error> {
        let rules = domain::stay_rules(listing)?;
        Ok(StayRules {
            min_nights: rules.min_nights,
            max_nights: rules.max_nights,
            min_nights_by_arrival: rules
                .min_nights_by_arrival
                .iter()
                .map(|minimum| ArrivalMinimum { day: minimum.day.into(), min_nights: minimum.min_nights })
                .collect(),
            advance_notice_days: rules.advance_notice_days,
            same_day_cutoff: rules.same_day_cutoff.map(LocalTime),
            booking_window_days: rules.booking_window_days,
            preparation_nights: rules.preparation_nights,
            check_in_days: weekdays(rules.check_in_days),
            check_out_days: weekdays(rules.check_out_days),
            pets_allowed: rules.pets_allowed,
        })
    }
}
