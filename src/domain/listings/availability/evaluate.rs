//! Price and availability of one stay, for one listing or for many at once.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::stay_check::{StayFacts, Violation, check};
use crate::domain::error::{Error, Refusals};
use crate::domain::listings::enums::{BookingMode, ListingStatus};
use crate::domain::listings::nights::calendar::{Special, specials};
use crate::domain::listings::nights::claims::{Taken, hold_listing, taken};
use crate::domain::listings::pricing::{FeeModel, Price, PriceRequest, price};
use crate::domain::listings::{Listing, fees, price_rules, stay_rules, zone};
use crate::domain::viewer::Viewer;
use crate::kernel::guests::Guests;
use crate::kernel::local_time::date_in;
use crate::kernel::stay::Stay;
use crate::platform::App;

const MOST_HEADS: i64 = 100;
/// The longest preparation a host can ask for, in nights.
const LONGEST_PREPARATION: u32 = 7;
/// How far ahead other dates are looked for.
const ALTERNATIVES_DAYS: u64 = 90;
/// How long after publishing a listing counts as new.
const NEW_LISTING: TimeDelta = TimeDelta::days(30);

/// A stay somebody asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StayRequest {
    /// Date of arrival.
    pub check_in: NaiveDate,
    /// Date of departure, exclusive.
    pub check_out: NaiveDate,
    /// Who comes.
    pub guests: Guests,
    /// Whether the cheaper, non-refundable price is wanted.
    pub non_refundable: bool,
}

impl StayRequest {
    /// Refuses numbers that no stay can have. Dates out of order are a violation of the stay itself, see [`check`].
    pub fn validate(&self, field: &[&str]) -> Result<(), Error> {
        let mut refusals = Refusals::default();
        let mut heads = |name: &str, number: i32, least: i64| {
            let path: Vec<&str> = field.iter().copied().chain([name]).collect();
            refusals.range(&path, number.into(), least, MOST_HEADS);
        };
        heads("adults", self.guests.adults, 1);
        heads("children", self.guests.children, 0);
        heads("infants", self.guests.infants, 0);
        heads("pets", self.guests.pets, 0);
        for (name, date) in [("checkIn", self.check_in), ("checkOut", self.check_out)] {
            let path: Vec<&str> = field.iter().copied().chain([name]).collect();
            refusals.range(&path, date.year().into(), 1970, 9000);
        }
        refusals.finish()
    }

    /// The nights, when there are any and not absurdly many.
    pub fn stay(&self) -> Option<Stay> {
        Stay::new(self.check_in, self.check_out)
            .filter(|stay| stay.nights() <= crate::domain::listings::listing::validation::MOST_NIGHTS)
    }
}

/// Whether one stay can be booked and what it costs.
#[derive(Clone, Debug)]
pub struct StayAnswer {
    /// Every reason why it cannot be booked, in the order of the rules.
    pub violations: Vec<Violation>,
    /// Whether a booking would be confirmed at once (never `InstantForVerified`).
    pub mode: BookingMode,
    /// What it costs, when the dates make sense.
    pub price: Option<Price>,
}

impl StayAnswer {
    /// Whether it can be booked.
    pub fn bookable(&self) -> bool {
        self.violations.is_empty()
    }
}

/// The answers of many listings to one request, in two statements.
pub async fn stays(
    app: &App,
    viewer: &Viewer,
    listings: &[Listing],
    request: &StayRequest,
) -> Result<HashMap<Uuid, StayAnswer>, Error> {
    answer(app, app.db.read(), viewer, listings, request).await
}

/// Reads a listing inside a booking's transaction and answers for it; the listing cannot change until it ends.
pub async fn facts_for_booking(
    app: &App,
    txn: &impl ConnectionTrait,
    viewer: &Viewer,
    id: Uuid,
    request: &StayRequest,
) -> Result<Option<(Listing, StayAnswer)>, Error> {
    let Some(listing) = hold_listing(txn, id).await? else { return Ok(None) };
    let mut answers = answer(app, txn, viewer, std::slice::from_ref(&listing), request).await?;
    Ok(answers.remove(&id).map(|answer| (listing, answer)))
}

/// The answer for another stay of a booking, to which the nights it has already are free.
pub async fn other_stay(
    app: &App,
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    listing: &Listing,
    booking_id: Uuid,
    request: &StayRequest,
) -> Result<StayAnswer, Error> {
    let mut answers = answer_but(app, db, viewer, std::slice::from_ref(listing), request, Some(booking_id)).await?;
    answers.remove(&listing.id).ok_or_else(|| Error::failed("no answer for the listing"))
}

async fn answer(
    app: &App,
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    listings: &[Listing],
    request: &StayRequest,
) -> Result<HashMap<Uuid, StayAnswer>, Error> {
    answer_but(app, db, viewer, listings, request, None).await
}

/// The answers, as if a booking had no claim.
async fn answer_but(
    app: &App,
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    listings: &[Listing],
    request: &StayRequest,
    booking: Option<Uuid>,
) -> Result<HashMap<Uuid, StayAnswer>, Error> {
    let now = app.clock.now();
    let ids: Vec<Uuid> = listings.iter().map(|listing| listing.id).collect();
    let (taken, specials) = match request.stay() {
        Some(stay) => {
            let end = stay.extended(LONGEST_PREPARATION).check_out();
            let mut taken = taken(db, &ids, stay.check_in(), end, now).await?;
            if booking.is_some() {
                taken.values_mut().for_each(|nights| nights.retain(|_, night| night.booking_id != booking));
            }
            (taken, specials(db, &ids, stay.check_in(), stay.check_out()).await?)
        }
        None => Default::default(),
    };
    let fees = fees(app);
    let mut answers = HashMap::with_capacity(listings.len());
    for listing in listings {
        let nights = Nights { taken: taken.get(&listing.id), specials: specials.get(&listing.id) };
        answers.insert(listing.id, answer_one(listing, viewer, request, nights, fees, now)?);
    }
    Ok(answers)
}

/// What is known of the nights of one listing.
#[derive(Clone, Copy)]
pub(in crate::domain::listings) struct Nights<'a> {
    pub taken: Option<&'a BTreeMap<NaiveDate, Taken>>,
    pub specials: Option<&'a BTreeMap<NaiveDate, Special>>,
}

pub(in crate::domain::listings) fn answer_one(
    listing: &Listing,
    viewer: &Viewer,
    request: &StayRequest,
    nights: Nights,
    fees: FeeModel,
    now: DateTime<Utc>,
) -> Result<StayAnswer, Error> {
    let (prices, rules, zone) = (price_rules(listing)?, stay_rules(listing)?, zone(listing)?);
    let taken = nights.taken.into_iter().flatten().map(|(&date, taken)| (date, taken.state)).collect();
    let special = |pick: fn(&Special) -> Option<i64>| -> BTreeMap<NaiveDate, i64> {
        let all = nights.specials.into_iter().flatten();
        all.filter_map(|(&date, special)| pick(special).map(|value| (date, value))).collect()
    };
    let minimums = special(|special| special.min_nights.map(i64::from));
    let facts = StayFacts {
        published: listing.status == ListingStatus::Published,
        own_listing: viewer.is(listing.host_id),
        capacity: listing.capacity,
        rules: &rules,
        seasons: &prices.seasons,
        taken: &taken,
        min_nights_on: &minimums.into_iter().map(|(date, n)| (date, i32::try_from(n).unwrap_or(i32::MAX))).collect(),
        zone,
        now,
    };
    let violations = check(&facts, request.check_in, request.check_out, request.guests);
    let price = match request.stay() {
        Some(stay) => price(
            &prices,
            fees,
            &PriceRequest {
                stay,
                guests: request.guests,
                today: date_in(now, zone),
                is_new_listing: listing.published_at.is_some_and(|at| now - at < NEW_LISTING),
                non_refundable: request.non_refundable,
                overrides: &special(|special| special.price),
            },
        )
        .ok(),
        None => None,
    };
    Ok(StayAnswer { violations, mode: mode(listing, viewer), price })
}

fn mode(listing: &Listing, viewer: &Viewer) -> BookingMode {
    match listing.booking_mode {
        BookingMode::InstantForVerified if viewer.user().is_some_and(|user| user.is_verified) => BookingMode::Instant,
        BookingMode::InstantForVerified => BookingMode::Request,
        mode => mode,
    }
}

/// The next stays of the same length, after the one asked for, that can be booked; at most `most`.
pub async fn alternatives(
    app: &App,
    viewer: &Viewer,
    listing: &Listing,
    request: &StayRequest,
    most: usize,
) -> Result<Vec<Stay>, Error> {
    let Some(stay) = request.stay() else { return Ok(Vec::new()) };
    let now = app.clock.now();
    let first = stay.check_in().max(date_in(now, zone(listing)?));
    let length = Days::new(stay.nights().unsigned_abs());
    let end = first.checked_add_days(Days::new(ALTERNATIVES_DAYS)).and_then(|date| date.checked_add_days(length));
    let Some(end) = end.and_then(|end| end.checked_add_days(Days::new(LONGEST_PREPARATION.into()))) else {
        return Ok(Vec::new());
    };
    let taken = taken(app.db.read(), &[listing.id], first, end, now).await?;
    let specials = specials(app.db.read(), &[listing.id], first, end).await?;
    let mut found = Vec::new();
    for check_in in first.iter_days().skip(1).take(usize::try_from(ALTERNATIVES_DAYS).unwrap_or(0)) {
        let Some(check_out) = check_in.checked_add_days(length).filter(|_| found.len() < most) else { break };
        let nights = Nights { taken: taken.get(&listing.id), specials: specials.get(&listing.id) };
        let other = StayRequest { check_in, check_out, ..*request };
        if answer_one(listing, viewer, &other, nights, fees(app), now)?.bookable() {
            found.extend(other.stay());
        }
    }
    Ok(found)
}
