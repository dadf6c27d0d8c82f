//! Who is told of which step of a booking.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::Booking;
use super::actions::cancel::Cancellation;
use super::lifecycle::state::Actor;
use super::lifecycle::transition::By;
use crate::domain::error::Error;
use crate::domain::notifications::{Facts, Notice, NotificationKind as News, Side, notify};
use crate::kernel::id::{Id, Kind};
use crate::kernel::money::Money;
use crate::platform::App;
use crate::platform::database::Transaction;

/// Something that happened to a booking.
pub(super) struct Deed<'a> {
    /// The word for it.
    pub action: &'a str,
    pub by: By,
    /// What was said with it.
    pub data: Option<Value>,
    /// The change of the stay that it is about.
    pub about: Option<Uuid>,
}

const BOTH: &[Side] = &[Side::Guest, Side::Host];
const GUEST: &[Side] = &[Side::Guest];
const HOST: &[Side] = &[Side::Host];
const NOBODY: &[Side] = &[];

/// Who should know of a deed, and as what. A word without a line here is a mistake, not silence.
fn line(action: &str, by: Actor) -> Result<(News, &'static [Side]), Error> {
    let by_clock = by == Actor::System;
    Ok(match action {
        "request" => (News::BookingRequested, HOST),
        "confirm" | "accept" => (News::BookingConfirmed, BOTH),
        // The host has not heard of a booking that lost its nights before it was one.
        "decline" | "nights_lost" => (News::BookingDeclined, GUEST),
        "withdraw" => (News::BookingWithdrawn, HOST),
        "request_expired" | "authorization_lost" => (News::BookingRequestExpired, BOTH),
        // The host has not heard of it yet.
        "payment_failed" | "payment_expired" => (News::BookingPaymentFailed, GUEST),
        "cancel" | "charge_refused" => (News::BookingCancelled, BOTH),
        "no_show" => (News::BookingNoShow, GUEST),
        // That a day has come is no news; that somebody is there is.
        "check_in" => (News::BookingCheckedIn, if by_clock { NOBODY } else { BOTH }),
        "check_out" => (News::BookingCompleted, BOTH),
        "refund" => (News::BookingRefunded, BOTH),
        "request_alteration" => (News::AlterationRequested, BOTH),
        "agree_alteration" => (News::AlterationAgreed, BOTH),
        "alter" => (News::AlterationAccepted, BOTH),
        "decline_alteration" => (News::AlterationDeclined, BOTH),
        "withdraw_alteration" => (News::AlterationWithdrawn, BOTH),
        "alteration_expired" => (News::AlterationExpired, BOTH),
        "alteration_unpaid" => (News::AlterationPaymentFailed, BOTH),
        other => return Err(Error::failed(format!("nobody knows whom to tell of `{other}`"))),
    })
}

/// Tells those who should know of a deed, but not the one who did it. `booking` is as the deed left it.
pub(super) async fn tell(app: &App, txn: &Transaction, booking: &Booking, deed: &Deed<'_>) -> Result<(), Error> {
    let (kind, sides) = line(deed.action, deed.by.actor)?;
    let by = match deed.by.actor {
        Actor::Guest => Some(Side::Guest),
        Actor::Host => Some(Side::Host),
        Actor::Platform | Actor::System => None,
    };
    let subject = match deed.about {
        Some(alteration) => Id::new(Kind::BookingAlteration, alteration),
        None => Id::new(Kind::Booking, booking.id),
    };
    let said = deed.data.as_ref().and_then(|data| data.get("reason")).and_then(Value::as_str);
    let mut notices = Vec::new();
    for &to in sides {
        let user_id = match to {
            Side::Guest => booking.guest_id,
            Side::Host => booking.host_id,
        };
        if deed.by.user_id == Some(user_id) {
            continue;
        }
        let facts = Facts {
            to,
            by,
            code: Some(booking.code.clone()),
            stay: Some((booking.check_in, booking.check_out)),
            amount: amount(booking, kind, to, deed)?,
            reason: said.or(why(deed.action)).map(str::to_owned),
        };
        notices.push(Notice { user_id, kind, subject, facts });
    }
    notify(app, txn, notices).await
}

/// What the service has to say about its own deeds.
fn why(action: &str) -> Option<&'static str> {
    match action {
        "nights_lost" => Some("the nights went to somebody else meanwhile."),
        "payment_expired" => Some("the time to pay is over."),
        "request_expired" => Some("the host did not answer in time."),
        "authorization_lost" => Some("the money that was set aside for it is gone."),
        "charge_refused" => Some("the card was declined."),
        _ => None,
    }
}

/// The money of that side that a deed moves.
fn amount(booking: &Booking, kind: News, to: Side, deed: &Deed<'_>) -> Result<Option<Money>, Error> {
    let ended = matches!(kind, News::BookingCancelled | News::BookingNoShow);
    let minor = match (&booking.cancellation, kind) {
        (Some(done), _) if ended => {
            let done = Cancellation::deserialize(done).map_err(Error::failed)?;
            Some(if to == Side::Guest { done.refund } else { done.host_keeps })
        }
        (_, News::BookingRefunded) => deed.data.as_ref().and_then(|data| data.get("amount")).and_then(Value::as_i64),
        _ => None,
    };
    let currency = booking.currency.parse().map_err(Error::failed)?;
    Ok(minor.map(|minor| Money::new(minor, currency)))
}
