//! Price promises: signed, immutable, honoured until they expire as long as the nights are free.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::bookings::cancellation::{CleaningRule, Terms, Tier, schedule};
use crate::domain::bookings::lifecycle::state::{BookingState, Mode};
use crate::domain::bookings::{Booking, table};
use crate::domain::error::{Code, Detail, Error, Refusal};
use crate::domain::listings::availability::stay_check::{StayRule, Violation};
use crate::domain::listings::enums::BookingMode;
use crate::domain::listings::listing::policy::CancellationPolicy;
use crate::domain::listings::pricing::Price;
use crate::domain::listings::{self, Listing, StayAnswer, StayRequest};
use crate::domain::payments::Shares;
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::instant;
use crate::kernel::stay::Stay;
use crate::platform::App;

/// How long a quote holds its price.
pub const LIFE: TimeDelta = TimeDelta::minutes(30);
/// Stays from this many nights on follow the long-term policy.
const LONG_TERM_NIGHTS: i64 = 28;
/// The least a cancelling host pays, in minor units of USD; other currencies have no minimum until rates are known.
const MINIMUM_PENALTY_USD_MINOR: i64 = 5_000;
/// A sanity limit on what is read back.
const LONGEST_TOKEN: usize = 32_768;

/// A price promise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// Its id; a booking that came of it carries it.
    pub id: Uuid,
    /// For which listing.
    #[serde(rename = "l")]
    pub listing_id: Uuid,
    /// To whom.
    #[serde(rename = "g")]
    pub guest_id: Uuid,
    /// The nights.
    #[serde(rename = "s")]
    pub stay: Stay,
    /// What they cost.
    #[serde(rename = "p")]
    pub price: Price,
    /// What a cancellation will cost.
    #[serde(rename = "c")]
    pub policy: CancellationPolicy,
    /// Whether a booking is confirmed at once.
    #[serde(rename = "m")]
    pub mode: Mode,
    /// When the day of arrival begins for the guest, by the listing's clock.
    #[serde(rename = "i")]
    pub check_in_time: NaiveTime,
    /// When the guest must have left, by the listing's clock.
    #[serde(rename = "o")]
    pub check_out_time: NaiveTime,
    /// The zone of the listing's clock.
    #[serde(rename = "z")]
    pub zone: Tz,
    /// When it was made.
    #[serde(rename = "at")]
    pub issued_at: DateTime<Utc>,
    /// Until when it holds.
    #[serde(rename = "x")]
    pub expires_at: DateTime<Utc>,
}

impl Quote {
    /// The instant from which the guest may arrive.
    pub fn check_in_at(&self) -> DateTime<Utc> {
        instant(self.stay.check_in(), self.check_in_time, self.zone)
    }

    /// The instant by which the guest must have left.
    pub fn check_out_at(&self) -> DateTime<Utc> {
        instant(self.stay.check_out(), self.check_out_time, self.zone)
    }

    /// To whom the total belongs.
    pub(in crate::domain::bookings) fn shares(&self) -> Shares {
        let price = &self.price;
        Shares { host: price.payout, platform: price.guest_fee + price.host_fee, tax: price.taxes() }
    }

    /// What a cancellation is settled by.
    pub(in crate::domain::bookings) fn terms(
        &self,
        app: &App,
        booked_at: DateTime<Utc>,
        confirmed_at: Option<DateTime<Utc>>,
    ) -> Terms<'_> {
        let usd = self.price.currency.code() == "USD";
        Terms {
            price: &self.price,
            stay: self.stay,
            policy: self.policy,
            check_in_time: self.check_in_time,
            check_out_time: self.check_out_time,
            zone: self.zone,
            booked_at,
            confirmed_at,
            fees_rule: if app.config.cleaning_pro_rata {
                CleaningRule::ProRata
            } else {
                CleaningRule::RefundIfNotCheckedIn
            },
            minimum_penalty_minor: if usd { MINIMUM_PENALTY_USD_MINOR } else { 0 },
        }
    }
}

/// What came of asking for a quote: the promise, or why there is none.
#[derive(Clone, Debug)]
pub struct QuoteOutcome {
    /// The listing.
    pub listing: Listing,
    /// Price and availability as they are now.
    pub answer: StayAnswer,
    /// The promise, when the stay can be booked.
    pub quote: Option<Quote>,
    /// Why there is none.
    pub refusals: Vec<Refusal>,
}

/// Makes a price promise to the viewer.
pub async fn quote(app: &App, viewer: &Viewer, listing_id: Uuid, request: StayRequest) -> Result<QuoteOutcome, Error> {
    let guest = viewer.require_user()?;
    request.validate(&["stay"])?;
    let mut found = listings::by_ids(app, &[listing_id]).await?;
    let listing = found.remove(&listing_id).filter(|listing| listings::may_see(viewer, listing));
    let listing = listing.ok_or_else(|| Error::not_found(&["listingId"]))?;
    if request.non_refundable && listing.non_refundable_discount_ppm.is_none() {
        return Err(Error::refused(Code::Invalid, &["nonRefundable"], "this listing has no non-refundable price"));
    }
    let mut answers = listings::stays(app, viewer, std::slice::from_ref(&listing), &request).await?;
    let answer = answers.remove(&listing_id).ok_or_else(|| Error::failed("no answer for the listing"))?;
    let refusals = refusals(&answer.violations, &["stay"]);
    let promise = match (&answer.price, request.stay()) {
        (Some(price), Some(stay)) if refusals.is_empty() => {
            let now = app.clock.now();
            Some(Quote {
                id: app.clock.id(),
                listing_id,
                guest_id: guest.user_id,
                stay,
                price: price.clone(),
                policy: policy(&listing, &request, stay),
                mode: if answer.mode == BookingMode::Instant { Mode::Instant } else { Mode::Request },
                check_in_time: listing.check_in_from,
                check_out_time: listing.check_out_by,
                zone: listings::zone(&listing)?,
                issued_at: now,
                expires_at: now + LIFE,
            })
        }
        _ => None,
    };
    Ok(QuoteOutcome { listing, answer, quote: promise, refusals })
}

pub(in crate::domain::bookings) fn policy(listing: &Listing, request: &StayRequest, stay: Stay) -> CancellationPolicy {
    if request.non_refundable {
        CancellationPolicy::NonRefundable
    } else if stay.nights() >= LONG_TERM_NIGHTS {
        listing.long_term_policy
    } else {
        listing.cancellation_policy
    }
}

/// Broken stay rules as refusals: taken nights by name, everything else as a rule.
pub(in crate::domain::bookings) fn refusals(violations: &[Violation], field: &[&str]) -> Vec<Refusal> {
    let refusals = violations.iter().map(|violation| match violation.rule {
        StayRule::NightsTaken | StayRule::Preparation => {
            let nights = violation.nights.iter().map(|night| (night.date, night.state.word().to_owned())).collect();
            Refusal::at(Code::NightsUnavailable, field, violation.message.clone()).with(Detail::Nights(nights))
        }
        _ => Refusal::at(Code::StayRuleViolated, field, violation.message.clone()),
    });
    refusals.collect()
}

/// Writes a quote as the token that clients carry.
pub fn sign(app: &App, quote: &Quote) -> Result<String, Error> {
    app.keys.sign_quote(quote).ok_or_else(|| Error::failed("the quote could not be signed"))
}

/// Reads a token that was made for the viewer. A token that was changed, or made for somebody else, is no quote.
pub fn read_quote(app: &App, viewer: &Viewer, token: &str) -> Option<Quote> {
    let token = Some(token).filter(|token| token.len() <= LONGEST_TOKEN)?;
    app.keys.verify_quote::<Quote>(token).filter(|quote| viewer.is(quote.guest_id) || viewer.is_staff())
}

/// The booking that used a quote up, if any did. The quote of a change was never for anything else.
pub async fn consumed(db: &impl ConnectionTrait, quote_id: Uuid) -> Result<Option<Booking>, Error> {
    if let Some(change) = table::alteration::Entity::find_by_id(quote_id).one(db).await? {
        return Ok(table::booking::Entity::find_by_id(change.booking_id).one(db).await?);
    }
    Ok(table::booking::Entity::find()
        .filter(table::booking::Column::QuoteId.eq(quote_id))
        .filter(table::booking::Column::State.ne(BookingState::PaymentExpired))
        .one(db)
        .await?)
}

/// What a guest would get back, step by step over time, if the booking were confirmed now.
pub fn policy_tiers(app: &App, quote: &Quote) -> Vec<Tier> {
    let now = app.clock.now();
    schedule(&quote.terms(app, now, Some(now)), now)
}

impl Booking {
    /// The quote that the booking came of.
    pub fn quote(&self) -> Result<Quote, Error> {
        Quote::deserialize(&self.quote).map_err(|_| Error::failed(format!("booking {} has no quote", self.id)))
    }

    /// The nights.
    pub fn stay(&self) -> Result<Stay, Error> {
        Stay::new(self.check_in, self.check_out)
            .ok_or_else(|| Error::failed(format!("booking {} has no night", self.id)))
    }

    /// What the guest would get back, step by step over time.
    pub fn tiers(&self, app: &App) -> Result<Vec<Tier>, Error> {
        let now = app.clock.now();
        let quote = self.quote()?;
        Ok(schedule(&quote.terms(app, self.created_at, Some(self.confirmed_at.unwrap_or(now))), now))
    }
}

/// Whether a booking used the quote up.
pub async fn is_consumed(app: &App, quote_id: Uuid) -> Result<bool, Error> {
    Ok(consumed(app.db.read(), quote_id).await?.is_some())
}

/// The quote with this id, if a booking that the viewer may know of came of it.
pub async fn booked_quote(app: &App, viewer: &Viewer, quote_id: Uuid) -> Result<Option<Quote>, Error> {
    let booking = consumed(app.db.read(), quote_id).await?;
    booking
        .filter(|booking| crate::domain::bookings::role(viewer, booking).is_some())
        .map(|booking| booking.quote())
        .transpose()
}
