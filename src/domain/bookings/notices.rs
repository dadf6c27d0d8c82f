//! The notices that guest and host get about events of a booking.

use serde::Deserialize;

use super::Booking;
use super::cancellation::record::Cancellation;
use super::event::{ActedBy, EventDetails, EventKind};
use super::state::Actor;
use crate::domain::error::Error;
use crate::domain::notifications::{Facts, Notice, NotificationKind, Side, notify};
use crate::kernel::id::{Id, Kind};
use crate::kernel::money::Money;
use crate::platform::App;
use crate::platform::database::Transaction;

/// A transition of a booking, as far as its notices need it.
pub(super) struct Transitioned {
    pub kind: EventKind,
    pub by: ActedBy,
    pub details: EventDetails,
}

const BOTH: &[Side] = &[Side::Guest, Side::Host];
const GUEST: &[Side] = &[Side::Guest];
const HOST: &[Side] = &[Side::Host];

/// The notice about an event and the sides that get it. The side that acted is left out later. None if neither side
/// gets a notice.
fn notice_for(kind: EventKind, actor: Actor) -> Option<(NotificationKind, &'static [Side])> {
    match kind {
        // The guest is still paying, and the host learns of the booking once it is a request or confirmed.
        EventKind::Create => None,
        EventKind::Request => Some((NotificationKind::BookingRequested, HOST)),
        EventKind::Confirm | EventKind::Accept => Some((NotificationKind::BookingConfirmed, BOTH)),
        // The host did not know of a booking that lost its nights before it was confirmed.
        EventKind::Decline | EventKind::NightsLost => Some((NotificationKind::BookingDeclined, GUEST)),
        EventKind::Withdraw => Some((NotificationKind::BookingWithdrawn, HOST)),
        EventKind::RequestExpired | EventKind::AuthorizationLost => {
            Some((NotificationKind::BookingRequestExpired, BOTH))
        }
        // The host did not know of a booking that was never paid for.
        EventKind::PaymentFailed | EventKind::PaymentExpired => Some((NotificationKind::BookingPaymentFailed, GUEST)),
        EventKind::Cancel | EventKind::ChargeRefused => Some((NotificationKind::BookingCancelled, BOTH)),
        EventKind::NoShow => Some((NotificationKind::BookingNoShow, GUEST)),
        // A check-in by the clock says only that the time has come. One by a person says that the guest is there.
        EventKind::CheckIn if actor == Actor::System => None,
        EventKind::CheckIn => Some((NotificationKind::BookingCheckedIn, BOTH)),
        EventKind::CheckOut => Some((NotificationKind::BookingCompleted, BOTH)),
        EventKind::Refund => Some((NotificationKind::BookingRefunded, BOTH)),
        EventKind::RequestAlteration => Some((NotificationKind::AlterationRequested, BOTH)),
        EventKind::AgreeAlteration => Some((NotificationKind::AlterationAgreed, BOTH)),
        EventKind::Alter => Some((NotificationKind::AlterationAccepted, BOTH)),
        EventKind::DeclineAlteration => Some((NotificationKind::AlterationDeclined, BOTH)),
        EventKind::WithdrawAlteration => Some((NotificationKind::AlterationWithdrawn, BOTH)),
        EventKind::AlterationExpired => Some((NotificationKind::AlterationExpired, BOTH)),
        EventKind::AlterationUnpaid => Some((NotificationKind::AlterationPaymentFailed, BOTH)),
    }
}

/// Notifies the sides of a transition, except the person who made it. `booking` is the booking after the transition.
pub(super) async fn notify_sides(
    app: &App,
    txn: &Transaction,
    booking: &Booking,
    event: &Transitioned,
) -> Result<(), Error> {
    let Some((kind, sides)) = notice_for(event.kind, event.by.actor) else { return Ok(()) };
    let by = match event.by.actor {
        Actor::Guest => Some(Side::Guest),
        Actor::Host => Some(Side::Host),
        Actor::Platform | Actor::System => None,
    };
    let subject = match event.details.alteration_id {
        Some(alteration) => Id::new(Kind::BookingAlteration, alteration),
        None => Id::new(Kind::Booking, booking.id),
    };
    let given_reason = event.details.note.as_deref();
    let mut notices = Vec::new();
    for &to in sides {
        let user_id = match to {
            Side::Guest => booking.guest_id,
            Side::Host => booking.host_id,
        };
        if event.by.user_id == Some(user_id) {
            continue;
        }
        let facts = Facts {
            to,
            by,
            code: Some(booking.code.clone()),
            stay: Some((booking.check_in, booking.check_out)),
            amount: amount_for(booking, kind, to, event)?,
            reason: given_reason.or(system_reason(event.kind, event.by.actor)).map(str::to_owned),
        };
        notices.push(Notice { user_id, kind, subject, facts });
    }
    notify(app, txn, notices).await
}

/// The reason that the service gives for an event that it caused itself.
fn system_reason(kind: EventKind, actor: Actor) -> Option<&'static str> {
    match kind {
        EventKind::Decline if actor == Actor::System => Some("Another guest has booked these nights."),
        EventKind::NightsLost => Some("somebody else booked the nights in the meantime."),
        EventKind::PaymentExpired => Some("the time to pay is over."),
        EventKind::RequestExpired => Some("the host did not answer in time."),
        EventKind::AuthorizationLost => Some("the card's authorization has ended."),
        EventKind::ChargeRefused => Some("the card was declined."),
        _ => None,
    }
}

/// The money that the event moves for that side. None if it moves none.
fn amount_for(
    booking: &Booking,
    kind: NotificationKind,
    to: Side,
    event: &Transitioned,
) -> Result<Option<Money>, Error> {
    let is_cancelled = matches!(kind, NotificationKind::BookingCancelled | NotificationKind::BookingNoShow);
    let minor = match (&booking.cancellation, kind) {
        (Some(stored), _) if is_cancelled => {
            let stored = Cancellation::deserialize(stored).map_err(Error::failed)?;
            Some(if to == Side::Guest { stored.refund } else { stored.host_keeps })
        }
        (_, NotificationKind::BookingRefunded) => event.details.refunded_minor,
        _ => None,
    };
    let currency = booking.currency.parse().map_err(Error::failed)?;
    Ok(minor.map(|minor| Money::new(minor, currency)))
}
