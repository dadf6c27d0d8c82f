//! The contents of a quote, and the quote that a booking carries.

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::bookings::Booking;
use crate::domain::bookings::cancellation::{CleaningRule, Terms, Tier, schedule};
use crate::domain::bookings::state::Mode;
use crate::domain::error::Error;
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::pricing::Price;
use crate::domain::payments::Shares;
use crate::kernel::local_time::instant;
use crate::kernel::stay::Stay;
use crate::platform::App;

/// The smallest penalty of a host who cancels, in minor units of USD. There is no minimum in other currencies, because
/// exchange rates are not known.
const MINIMUM_PENALTY_USD_MINOR: i64 = 5_000;

/// The price and terms of a stay, promised to one guest until the quote expires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quote {
    /// ID of the quote. The booking that uses the quote stores it.
    pub id: Uuid,
    /// The listing that is quoted.
    #[serde(rename = "l")]
    pub listing_id: Uuid,
    /// The only person who can book the quote.
    #[serde(rename = "g")]
    pub guest_id: Uuid,
    /// The nights.
    #[serde(rename = "s")]
    pub stay: Stay,
    /// The price of the stay.
    #[serde(rename = "p")]
    pub price: Price,
    /// The cancellation policy.
    #[serde(rename = "c")]
    pub policy: CancellationPolicy,
    /// Whether the booking is confirmed at once or needs the host's answer.
    #[serde(rename = "m")]
    pub mode: Mode,
    /// The earliest check-in time, in the listing's time zone.
    #[serde(rename = "i")]
    pub check_in_time: NaiveTime,
    /// The latest check-out time, in the listing's time zone.
    #[serde(rename = "o")]
    pub check_out_time: NaiveTime,
    /// The listing's time zone.
    #[serde(rename = "z")]
    pub zone: Tz,
    /// When the quote was issued.
    #[serde(rename = "at")]
    pub issued_at: DateTime<Utc>,
    /// When the quote expires.
    #[serde(rename = "x")]
    pub expires_at: DateTime<Utc>,
}

impl Quote {
    /// The instant from which the guest can check in.
    pub fn check_in_at(&self) -> DateTime<Utc> {
        instant(self.stay.check_in(), self.check_in_time, self.zone)
    }

    /// The instant by which the guest must check out.
    pub fn check_out_at(&self) -> DateTime<Utc> {
        instant(self.stay.check_out(), self.check_out_time, self.zone)
    }

    /// How the total is shared between host, platform and taxes.
    pub(in crate::domain::bookings) fn shares(&self) -> Shares {
        let price = &self.price;
        Shares { host: price.payout, platform: price.guest_fee + price.host_fee, tax: price.taxes() }
    }

    /// The terms by which a cancellation of the booking is settled.
    pub(in crate::domain::bookings) fn terms(
        &self,
        app: &App,
        booked_at: DateTime<Utc>,
        confirmed_at: Option<DateTime<Utc>>,
    ) -> Terms<'_> {
        let is_usd = self.price.currency.code() == "USD";
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
            minimum_penalty_minor: if is_usd { MINIMUM_PENALTY_USD_MINOR } else { 0 },
        }
    }
}

/// What the guest would get back at each time, if the quote were booked and confirmed now.
pub fn cancellation_tiers(app: &App, quote: &Quote) -> Vec<Tier> {
    let now = app.clock.now();
    schedule(&quote.terms(app, now, Some(now)), now)
}

impl Booking {
    /// The quote that was booked; after an alteration, the quote of the alteration.
    pub fn quote(&self) -> Result<Quote, Error> {
        Quote::deserialize(&self.quote)
            .map_err(|error| Error::failed(format!("the quote of booking {} cannot be read: {error}", self.id)))
    }

    /// The booked nights.
    pub fn stay(&self) -> Result<Stay, Error> {
        Stay::new(self.check_in, self.check_out)
            .ok_or_else(|| Error::failed(format!("booking {} has no night", self.id)))
    }

    /// What the guest would get back at each time, from now on. A booking that is not confirmed yet is treated as
    /// confirmed now.
    pub fn cancellation_tiers(&self, app: &App) -> Result<Vec<Tier>, Error> {
        Ok(self.cancellation_tiers_of(app, &self.quote()?))
    }

    /// The same with another quote in place of the booked one, as after the alteration that the quote is for.
    pub fn cancellation_tiers_of(&self, app: &App, quote: &Quote) -> Vec<Tier> {
        let now = app.clock.now();
        schedule(&quote.terms(app, self.created_at, Some(self.confirmed_at.unwrap_or(now))), now)
    }
}
