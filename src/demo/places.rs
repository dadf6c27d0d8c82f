//! Invents the listings of a city and publishes them through the domain.

use std::collections::HashSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

use super::cities::{City, Hood};
use super::people::viewer;
use super::random::Random;
use super::texts::{ADJECTIVES, BLOCK_NOTES, CLOSINGS, COMFORTS, FEATURES, HOUSE_RULES, KINDS, Kind};
use crate::domain::error::{Error, Refusals};
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::cancellation_policy::CancellationPolicy::*;
use crate::domain::listings::enums::{BookingMode, RoomType};
use crate::domain::listings::pricing::{LengthOfStayDiscount, Season, TaxRemitter, TaxRule, TaxUnit};
use crate::domain::listings::{
    self, AddressChange, CalendarChange, Listing, ListingChange, PricingChange, StayRulesChange,
};
use crate::domain::users::User;
use crate::domain::viewer::Viewer;
use crate::kernel::change::Change;
use crate::kernel::money::Money;
use crate::platform::App;

/// How many listings a city has.
pub(super) const IN_CITY: usize = 38;
/// Every 13th listing stays a draft, every 17th is unlisted again.
const DRAFT_EVERY: usize = 13;
const UNLISTED_EVERY: usize = 17;
/// A listing is at most half of this many degrees from the centre of its part of the city.
const SPREAD: f64 = 0.0035;
const PERCENT_PPM: i64 = 10_000;

const POLICIES: [CancellationPolicy; 14] = [
    Flexible,
    Moderate,
    Flexible,
    Limited,
    Moderate,
    Firm,
    Flexible,
    Strict,
    Moderate,
    NonRefundable,
    Firm,
    SuperStrict30,
    Limited,
    SuperStrict60,
];
const MODES: [BookingMode; 5] = [
    BookingMode::Instant,
    BookingMode::Instant,
    BookingMode::Request,
    BookingMode::InstantForVerified,
    BookingMode::Instant,
];

/// What happens to a listing after it was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Publication {
    Draft,
    Published,
    Unlisted,
}

/// A listing that will be created.
pub(super) struct Place {
    pub host: usize,
    pub opens_at: DateTime<Utc>,
    pub publication: Publication,
    change: ListingChange,
    seasons: Vec<Season>,
    calendar: Vec<CalendarChange>,
}

/// The listings of a city, in the order of their creation.
pub(super) fn invent(
    random: &mut Random,
    city: &City,
    hosts: usize,
    midnight: DateTime<Utc>,
) -> Result<Vec<Place>, Error> {
    let mut titles = HashSet::new();
    let mut places = Vec::new();
    for number in 0..IN_CITY {
        let days = if number % 9 == 8 { random.between(3, 28) } else { random.between(400, 480) };
        let opens_at = midnight - TimeDelta::days(days) + TimeDelta::minutes(random.between(0, 1_400));
        let publication = match number {
            _ if number % DRAFT_EVERY == DRAFT_EVERY - 1 => Publication::Draft,
            _ if number % UNLISTED_EVERY == UNLISTED_EVERY - 1 => Publication::Unlisted,
            _ => Publication::Published,
        };
        let kind = &KINDS[number % KINDS.len()];
        let (base, price) = prices(random, city, kind)?;
        let mut change = describe(random, city, kind, &mut titles);
        change.booking_mode = Some(random.pick(&MODES));
        change.cancellation_policy = Some(random.pick(&POLICIES));
        change.long_term_policy = Some(if random.chance(60) { LongTermFirm } else { LongTermStrict });
        change.stay_rules = Some(rules(random, kind));
        change.pricing = Some(price);
        places.push(Place {
            host: number % hosts.max(1),
            opens_at,
            publication,
            change,
            seasons: seasons(random, city, base.minor, midnight.date_naive()),
            calendar: calendar(random, city, base, midnight.date_naive()),
        });
    }
    Ok(places)
}

/// Creates a listing, sets its seasons, taxes and calendar, and publishes it.
pub(super) async fn open(app: &App, city: &City, host: &User, place: &Place) -> Result<Listing, Error> {
    let viewer = viewer(host);
    let listing = listings::create(app, &viewer, place.change.clone()).await?;
    let seasons: Vec<Season> =
        place.seasons.iter().map(|season| Season { id: app.clock.new_id(), ..season.clone() }).collect();
    let listing =
        listings::set_seasons_and_taxes(app, &Viewer::System, listing.id, &seasons, &taxes(app, city)).await?;
    if place.publication == Publication::Draft {
        return Ok(listing);
    }
    let listing = listings::publish(app, &viewer, listing.id, None).await?;
    if !place.calendar.is_empty() {
        listings::update_calendar(app, &viewer, listing.id, None, place.calendar.clone()).await?;
    }
    if place.publication == Publication::Unlisted {
        return listings::unlist(app, &viewer, listing.id).await;
    }
    Ok(listing)
}

fn taxes(app: &App, city: &City) -> Vec<TaxRule> {
    let rules = city.taxes.iter().map(|tax| {
        let percent = tax.unit == TaxUnit::Percent;
        TaxRule {
            id: app.clock.new_id(),
            name: tax.name.to_owned(),
            unit: tax.unit,
            rate: percent.then_some(tax.value),
            amount: (!percent).then_some(tax.value),
            base: tax.base,
            max_nights: tax.max_nights,
            exempt_from_nights: None,
            remitted_by: TaxRemitter::Platform,
        }
    });
    rules.collect()
}

fn describe(random: &mut Random, city: &City, kind: &Kind, titles: &mut HashSet<String>) -> ListingChange {
    let hood = random.pick(city.hoods);
    let mut features = random.some(FEATURES, 2);
    if random.chance(50) {
        features.reverse();
    }
    let mut name = title(random, hood, kind, features[0].0);
    while !titles.insert(name.clone()) {
        name = title(random, hood, kind, features[0].0);
    }
    let mut lines = vec![kind.inside];
    lines.extend(features.iter().map(|feature| feature.2));
    let (transit, closing) = (random.pick(city.transit), random.pick(CLOSINGS));
    let description = format!("{}\n\n{} {}\n\n{}", lines.join(" "), hood.mood, transit, closing);
    let comforts = usize::try_from(random.between(12, 24)).unwrap_or(12);
    let mut amenities: Vec<&str> = random.some(COMFORTS, comforts);
    amenities.extend(random.some(city.amenities, 3));
    amenities.extend(features.iter().map(|feature| feature.1));
    amenities.push("WIFI");
    amenities.sort_unstable();
    amenities.dedup();
    let house_rules = usize::try_from(random.between(3, 6)).unwrap_or(3);
    let number = random.between(2, 148);
    let street = random.pick(city.streets);
    let line1 = if city.number_first { format!("{number} {street}") } else { format!("{street} {number}") };
    let owned = |texts: Vec<&str>| texts.into_iter().map(ToOwned::to_owned).collect::<Vec<String>>();
    ListingChange {
        title: Some(name),
        description: Some(description),
        room_type: Some(kind.room_type),
        capacity: Some(kind.capacity),
        bedrooms: Some(kind.bedrooms),
        beds: Some(kind.beds),
        bathrooms: Some(f64::from(kind.half_bathrooms) / 2.0),
        amenities: Some(owned(amenities)),
        house_rules: Some(owned(random.some(HOUSE_RULES, house_rules))),
        address: Some(AddressChange {
            line1: Change::Set(line1),
            line2: random.chance(40).then(|| format!("Floor {}", random.between(1, 6))).into(),
            city: Some(city.name.to_owned()),
            region: city.region.map(ToOwned::to_owned).into(),
            postal_code: Change::Set(hood.postal_code.to_owned()),
            country: Some(city.country.to_owned()),
        }),
        location: Change::Set((
            rounded(hood.latitude + random.shift() * SPREAD),
            rounded(hood.longitude + random.shift() * SPREAD),
        )),
        time_zone: Some(city.zone),
        check_in_from: NaiveTime::from_hms_opt(random.pick(&[14, 15, 15, 16]), 0, 0),
        check_in_until: NaiveTime::from_hms_opt(22, 0, 0).filter(|_| random.chance(40)).into(),
        check_out_by: NaiveTime::from_hms_opt(random.pick(&[10, 11, 11, 12]), 0, 0),
        ..Default::default()
    }
}

fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

fn title(random: &mut Random, hood: Hood, kind: &Kind, feature: &str) -> String {
    let adjective = random.pick(ADJECTIVES);
    let noun = kind.noun;
    let lower = adjective.to_lowercase();
    match random.between(0, 4) {
        0 => format!("{adjective} {noun} in {}", hood.name),
        1 => format!("{adjective} {noun} near {}", hood.landmark),
        2 => format!("{adjective} {noun} with {feature}, {}", hood.name),
        3 => format!("{}: {lower} {noun} with {feature}", hood.name),
        _ => format!("{adjective} {noun} with {feature} by {}", hood.landmark),
    }
}

/// The base price and the prices derived from it.
fn prices(random: &mut Random, city: &City, kind: &Kind) -> Result<(Money, PricingChange), Error> {
    let round = |minor: i64| (minor + city.price_step / 2) / city.price_step * city.price_step;
    let base = round(city.night * kind.price / 100 * random.between(82, 128) / 100).max(city.price_step);
    let whole = matches!(kind.room_type, RoomType::EntirePlace);
    let steps = [(7, random.between(5, 12)), (28, random.between(15, 30))];
    let currency = city.currency.parse().map_err(Error::failed)?;
    let money = |minor| Money::new(minor, currency);
    let change = PricingChange {
        currency: Some(currency),
        base: Some(money(base)),
        weekend: random.chance(60).then(|| money(round(base * random.between(110, 128) / 100))).into(),
        weekend_nights: random.chance(20).then(|| vec![Weekday::Thu, Weekday::Fri, Weekday::Sat]),
        cleaning_fee: whole.then(|| money(round(base * random.between(25, 55) / 100))).into(),
        pet_fee: whole.then(|| money(round(base / 4))).into(),
        extra_guest_fee: (kind.capacity > 2).then(|| money(round(base * random.between(8, 15) / 100))).into(),
        included_guests: Some(kind.capacity.min(2)),
        length_of_stay: random.chance(70).then(|| {
            let steps =
                steps.map(|(min_nights, percent)| LengthOfStayDiscount { min_nights, discount: percent * PERCENT_PPM });
            steps.to_vec()
        }),
        non_refundable_discount: random.chance(35).then_some(10 * PERCENT_PPM).into(),
    };
    Ok((money(base), change))
}

fn rules(random: &mut Random, kind: &Kind) -> StayRulesChange {
    let whole = matches!(kind.room_type, RoomType::EntirePlace);
    let saturdays = kind.capacity > 6 && random.chance(50);
    StayRulesChange {
        min_nights: Some(random.pick(if whole { &[1, 2, 2, 3] } else { &[1, 1, 1, 2] })),
        max_nights: Some(random.pick(&[21, 28, 60, 90])),
        advance_notice_days: Some(random.pick(&[0, 0, 1, 2])),
        same_day_cutoff: NaiveTime::from_hms_opt(18, 0, 0).filter(|_| random.chance(40)).into(),
        booking_window_days: Some(random.pick(&[180, 270, 365, 365])),
        preparation_nights: Some(random.pick(&[0, 0, 0, 1])),
        check_in_days: saturdays.then(|| vec![Weekday::Fri, Weekday::Sat, Weekday::Sun, Weekday::Mon]),
        check_out_days: None,
        pets_allowed: Some(whole && random.chance(45)),
    }
}

/// The high seasons of last year, this year and next year.
fn seasons(random: &mut Random, city: &City, base: i64, today: NaiveDate) -> Vec<Season> {
    if !random.chance(75) {
        return Vec::new();
    }
    let (first, last, name) = city.peak;
    let nightly = (base * random.between(118, 145) / 100 + city.price_step / 2) / city.price_step * city.price_step;
    let min_nights = random.chance(40).then(|| random.few(2, 4));
    let years = (today.year() - 2)..=(today.year() + 1);
    let seasons = years.filter_map(|year| {
        let (end_year, end_month) = match last {
            12 => (year + 1, 1),
            _ if last < first => (year + 1, last + 1),
            _ => (year, last + 1),
        };
        Some(Season {
            id: uuid::Uuid::nil(),
            name: format!("{name} {year}"),
            from: NaiveDate::from_ymd_opt(year, first, 1)?,
            to: NaiveDate::from_ymd_opt(end_year, end_month, 1)?,
            nightly: Some(nightly),
            min_nights,
            priority: 0,
        })
    });
    seasons.collect()
}

/// Nights that the host blocks, and some with other prices.
fn calendar(random: &mut Random, city: &City, base: Money, today: NaiveDate) -> Vec<CalendarChange> {
    let mut changes = Vec::new();
    let nights = |from: i64, count: i64| {
        let from = today + TimeDelta::days(from);
        (from, from + Days::new(count.unsigned_abs()))
    };
    if random.chance(45) {
        let (from, to) = nights(random.between(20, 150), random.between(2, 10));
        let note = Change::Set(random.pick(BLOCK_NOTES).to_owned());
        changes.push(CalendarChange {
            from,
            to,
            blocked: Some(true),
            price: Change::Keep,
            min_nights: Change::Keep,
            note,
            unreadable: Refusals::default(),
        });
    }
    if random.chance(30) {
        let (from, to) = nights(random.between(10, 120), random.between(2, 4));
        let price = (base.minor * 150 / 100 + city.price_step / 2) / city.price_step * city.price_step;
        changes.push(CalendarChange {
            from,
            to,
            blocked: None,
            price: Change::Set(Money::new(price, base.currency)),
            min_nights: Change::Set(2),
            note: Change::Set("Festival weekend".to_owned()),
            unreadable: Refusals::default(),
        });
    }
    changes
}
