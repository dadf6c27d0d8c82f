//! What a listing costs and when it can be stayed in, as the API shows it.

use async_graphql::{Enum, ID, SimpleObject};

use crate::domain::error::Error;
use crate::domain::listings::{self as domain, pricing};
use crate::graphql::support::context::id;
use crate::graphql::support::money::Money;
use crate::graphql::support::scalars::{CurrencyCode, Date, LocalTime, Ppm};
use crate::kernel::id::Kind;
use crate::kernel::stay::Weekdays;

/// A day of the week.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "chrono::Weekday")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

fn weekdays(days: Weekdays) -> Vec<Weekday> {
    days.days().map(Into::into).collect()
}

/// What a listing costs.
#[derive(SimpleObject)]
pub struct Pricing {
    /// The currency of every amount here.
    currency: CurrencyCode,
    /// A night, when nothing else says otherwise.
    base: Money,
    /// A night of the weekend; null means as any other.
    weekend: Option<Money>,
    /// Which nights are the weekend's.
    weekend_nights: Vec<Weekday>,
    /// Once per stay; null when there is none.
    cleaning_fee: Option<Money>,
    /// Per stay and pet; null when there is none.
    pet_fee: Option<Money>,
    /// Per night and person beyond `includedGuests`; null when there is none.
    extra_guest_fee: Option<Money>,
    /// How many people the night's price covers.
    included_guests: i32,
    /// Discounts for long stays; the one with the most nights that fits applies.
    length_of_stay: Vec<LengthOfStayDiscount>,
    /// Discount for booking well ahead; null when there is none.
    early_bird: Option<WindowDiscount>,
    /// Discount for booking shortly before; null when there is none.
    last_minute: Option<WindowDiscount>,
    /// Discount while the listing is new; null when there is none.
    new_listing_discount: Option<Ppm>,
    /// Discount for giving up every refund; null when there is none.
    non_refundable_discount: Option<Ppm>,
    /// Times of the year with prices of their own.
    seasons: Vec<Season>,
    /// Taxes on a stay.
    taxes: Vec<TaxRule>,
}

/// A discount on stays of so many nights and more.
#[derive(SimpleObject)]
pub struct LengthOfStayDiscount {
    /// From so many nights on.
    min_nights: i32,
    /// Off each night.
    discount: Ppm,
}

/// A discount by how far ahead a stay is booked.
#[derive(SimpleObject)]
pub struct WindowDiscount {
    /// Days before arrival.
    days: i32,
    /// Off each night.
    discount: Ppm,
}

/// A time of the year with prices or rules of its own.
#[derive(SimpleObject)]
pub struct Season {
    /// The id.
    id: ID,
    /// What the host calls it.
    name: String,
    /// First date.
    from: Date,
    /// Day after the last date.
    to: Date,
    /// A night; null means the usual price.
    nightly: Option<Money>,
    /// The shortest stay that may begin in it; null means the usual one.
    min_nights: Option<i32>,
    /// Of two seasons on one date the one with the higher priority counts.
    priority: i32,
}

/// How a tax is reckoned.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::TaxUnit")]
pub enum TaxUnit {
    /// A share of the base.
    Percent,
    /// Once per stay.
    PerStay,
    /// Per night.
    PerNight,
    /// Once per person.
    PerGuest,
    /// Per person and night.
    PerGuestNight,
}

/// What a tax is a share of.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::TaxBase")]
pub enum TaxBase {
    /// The nights.
    Nights,
    /// The nights and the host's fees.
    Subtotal,
    /// The same and the guest's service fee.
    SubtotalAndGuestFee,
}

/// Who hands a tax on.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "pricing::TaxRemitter")]
pub enum TaxRemitter {
    /// The marketplace.
    Platform,
    /// The host.
    Host,
}

/// A tax on a stay.
#[derive(SimpleObject)]
pub struct TaxRule {
    /// The id.
    id: ID,
    /// What it is called.
    name: String,
    /// How it is reckoned.
    unit: TaxUnit,
    /// The share; null for every unit but PERCENT.
    rate: Option<Ppm>,
    /// The amount; null for PERCENT.
    amount: Option<Money>,
    /// What it is a share of; null for every unit but PERCENT.
    base: Option<TaxBase>,
    /// Nights beyond this many are free of it; null when none are.
    max_nights: Option<i32>,
    /// Stays of so many nights and more are free of it; null when none are.
    exempt_from_nights: Option<i32>,
    /// Who hands it on.
    remitted_by: TaxRemitter,
}

impl Pricing {
    pub(in crate::graphql) fn of(listing: &domain::Listing) -> Result<Pricing, Error> {
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
                    id: id(Kind::Season, season.id),
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
                    id: id(Kind::TaxRule, tax.id),
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

/// When a listing can be stayed in.
#[derive(SimpleObject)]
pub struct StayRules {
    /// The shortest stay.
    min_nights: i32,
    /// The longest stay.
    max_nights: i32,
    /// The shortest stay by the day of arrival.
    min_nights_by_arrival: Vec<ArrivalMinimum>,
    /// Days between booking and arrival, at least.
    advance_notice_days: i32,
    /// Same-day bookings until this local time; null means until midnight.
    same_day_cutoff: Option<LocalTime>,
    /// Stays must end within so many days from today.
    booking_window_days: i32,
    /// Nights kept free after each booking.
    preparation_nights: i32,
    /// Days on which a stay may begin.
    check_in_days: Vec<Weekday>,
    /// Days on which a stay may end.
    check_out_days: Vec<Weekday>,
    /// Whether pets are welcome.
    pets_allowed: bool,
}

/// The shortest stay that begins on one day of the week.
#[derive(SimpleObject)]
pub struct ArrivalMinimum {
    /// The day of arrival.
    day: Weekday,
    /// The shortest stay.
    min_nights: i32,
}

impl StayRules {
    pub(in crate::graphql) fn of(listing: &domain::Listing) -> Result<StayRules, Error> {
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
