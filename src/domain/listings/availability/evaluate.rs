//! Evaluates a stay, for one listing or for many at once: whether it can be booked, how, and at what price.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::request::StayRequest;
use super::stay_check::{StayFacts, Violation, check_stay};
use crate::domain::error::Error;
use crate::domain::listings::Listing;
use crate::domain::listings::enums::{BookingMode, ListingStatus, NightState};
use crate::domain::listings::limits::MAX_PREPARATION_NIGHTS;
use crate::domain::listings::nights::claims::{ClaimedNight, claimed_nights, lock_listing_shared};
use crate::domain::listings::nights::overrides::{NightOverride, night_overrides};
use crate::domain::listings::pricing::{FeeModel, Price, PriceRequest, price};
use crate::domain::listings::row_values::{fees, price_rules, stay_rules, zone};
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::date_in;
use crate::platform::App;

/// How long after its publication a listing counts as new.
const NEW_LISTING_PERIOD: TimeDelta = TimeDelta::days(30);

/// Whether one stay can be booked, how, and at what price.
#[derive(Clone, Debug)]
pub struct StayEvaluation {
    /// Every reason why the stay cannot be booked, in the order of the rules.
    pub violations: Vec<Violation>,
    /// How a booking by this viewer is confirmed: `Instant` or `Request`, never `InstantForVerified`.
    pub mode: BookingMode,
    /// Price of the stay. `None` if the dates are invalid.
    pub price: Option<Price>,
}

impl StayEvaluation {
    /// Whether the stay can be booked.
    pub fn is_bookable(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Whether a booking by this viewer is confirmed as soon as it is paid for. Search and the evaluation of stays both
/// decide by this function.
pub(in crate::domain::listings) fn is_instant_for(mode: BookingMode, viewer: &Viewer) -> bool {
    match mode {
        BookingMode::Instant => true,
        BookingMode::InstantForVerified => viewer.user().is_some_and(|user| user.is_verified),
        BookingMode::Request => false,
    }
}

/// Evaluates one request for many listings, in two statements.
pub async fn evaluate_stays(
    app: &App,
    viewer: &Viewer,
    listings: &[Listing],
    request: &StayRequest,
) -> Result<HashMap<Uuid, StayEvaluation>, Error> {
    evaluate_without(app, app.db.read(), viewer, listings, request, None).await
}

/// Reads a listing in the transaction of a booking and evaluates the stay. The listing is locked: it cannot change
/// until the transaction ends.
pub async fn evaluate_for_booking(
    app: &App,
    txn: &impl ConnectionTrait,
    viewer: &Viewer,
    id: Uuid,
    request: &StayRequest,
) -> Result<Option<(Listing, StayEvaluation)>, Error> {
    let Some(listing) = lock_listing_shared(txn, id).await? else { return Ok(None) };
    let mut evaluations = evaluate_without(app, txn, viewer, std::slice::from_ref(&listing), request, None).await?;
    Ok(evaluations.remove(&id).map(|evaluation| (listing, evaluation)))
}

/// Evaluates another stay for an existing booking. The nights that this booking has claimed count as free.
pub async fn evaluate_for_alteration(
    app: &App,
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    listing: &Listing,
    booking_id: Uuid,
    request: &StayRequest,
) -> Result<StayEvaluation, Error> {
    let listings = std::slice::from_ref(listing);
    let mut evaluations = evaluate_without(app, db, viewer, listings, request, Some(booking_id)).await?;
    evaluations.remove(&listing.id).ok_or_else(|| Error::failed("the listing was not evaluated"))
}

/// Evaluates a request for many listings as if the booking `ignored` had claimed no nights.
async fn evaluate_without(
    app: &App,
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    listings: &[Listing],
    request: &StayRequest,
    ignored: Option<Uuid>,
) -> Result<HashMap<Uuid, StayEvaluation>, Error> {
    let now = app.clock.now();
    let ids: Vec<Uuid> = listings.iter().map(|listing| listing.id).collect();
    let (claimed, overrides) = match request.stay() {
        Some(stay) => {
            let end = stay.extended(MAX_PREPARATION_NIGHTS).check_out();
            let mut claimed = claimed_nights(db, &ids, stay.check_in(), end, now).await?;
            if ignored.is_some() {
                claimed.values_mut().for_each(|nights| nights.retain(|_, night| night.booking_id != ignored));
            }
            (claimed, night_overrides(db, &ids, stay.check_in(), stay.check_out()).await?)
        }
        None => Default::default(),
    };
    let fees = fees(app);
    let mut evaluations = HashMap::with_capacity(listings.len());
    for listing in listings {
        let nights = KnownNights { claimed: claimed.get(&listing.id), overrides: overrides.get(&listing.id) };
        evaluations.insert(listing.id, evaluate_listing(listing, viewer, request, nights, fees, now)?);
    }
    Ok(evaluations)
}

/// The claims and overrides of one listing's nights, as read from the database.
#[derive(Clone, Copy)]
pub(in crate::domain::listings) struct KnownNights<'a> {
    pub claimed: Option<&'a BTreeMap<NaiveDate, ClaimedNight>>,
    pub overrides: Option<&'a BTreeMap<NaiveDate, NightOverride>>,
}

impl KnownNights<'_> {
    /// What each claimed night is.
    pub fn claimed_states(self) -> BTreeMap<NaiveDate, NightState> {
        self.claimed.into_iter().flatten().map(|(&date, claim)| (date, claim.state)).collect()
    }

    /// One value of the overrides, by night.
    pub fn overridden<T>(self, value: fn(&NightOverride) -> Option<T>) -> BTreeMap<NaiveDate, T> {
        let overrides = self.overrides.into_iter().flatten();
        overrides.filter_map(|(&date, values)| value(values).map(|value| (date, value))).collect()
    }
}

/// Evaluates a request for one listing, without reading anything.
pub(in crate::domain::listings) fn evaluate_listing(
    listing: &Listing,
    viewer: &Viewer,
    request: &StayRequest,
    nights: KnownNights,
    fees: FeeModel,
    now: DateTime<Utc>,
) -> Result<StayEvaluation, Error> {
    let (prices, rules, zone) = (price_rules(listing)?, stay_rules(listing)?, zone(listing)?);
    let facts = StayFacts {
        published: listing.status == ListingStatus::Published,
        own_listing: viewer.is(listing.host_id),
        capacity: listing.capacity,
        rules: &rules,
        seasons: &prices.seasons,
        claimed: &nights.claimed_states(),
        min_nights_on: &nights.overridden(|values| values.min_nights),
        zone,
        now,
    };
    let violations = check_stay(&facts, request.check_in, request.check_out, request.guests);
    let price_of = |stay| {
        let request = PriceRequest {
            stay,
            guests: request.guests,
            today: date_in(now, zone),
            is_new_listing: listing.published_at.is_some_and(|at| now - at < NEW_LISTING_PERIOD),
            non_refundable: request.non_refundable,
            overrides: &nights.overridden(|values| values.price),
        };
        price(&prices, fees, &request).ok()
    };
    let instant = is_instant_for(listing.booking_mode, viewer);
    let mode = if instant { BookingMode::Instant } else { BookingMode::Request };
    Ok(StayEvaluation { violations, mode, price: request.stay().and_then(price_of) })
}
