//! Moving a booking on as far as payment and time allow: one function for the one who booked, for the queue's safety
//! net and timers, and for whoever tries again.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::competing_requests;
use super::state::{BookingState, Mode};
use super::transition::{By, Step, take};
use crate::domain::bookings::{Booking, alterations, payout_schedule, table};
use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::payments::{self, Reach, Shares};
use crate::kernel::id::{Id, Kind};
use crate::platform::{App, fail_point};

/// The job that looks at a booking again.
pub const ADVANCE: &str = payments::LOOK_AT_BOOKING;
/// When the queue looks whether a step was followed up, should the one who took it be gone.
pub(in crate::domain::bookings) const SAFETY_NET: chrono::TimeDelta = chrono::TimeDelta::seconds(30);
/// How long a host has to answer a request.
const REQUEST: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// A request must end this long before the card's authorisation does.
const AUTHORIZATION_MARGIN: chrono::TimeDelta = chrono::TimeDelta::days(1);
/// More than the longest chain of steps that one look can take.
const MOST_STEPS: usize = 8;

/// Follows a step up at once; what cannot be done now the queue will do.
pub(in crate::domain::bookings) async fn follow_up(app: &App, booking: Booking) -> Booking {
    app.queue.wake();
    match advance(app, booking.id).await {
        Ok(Some(later)) => later,
        Ok(None) => booking,
        Err(error) => {
            tracing::warn!(booking.id = %Id::new(Kind::Booking, booking.id), %error, "a booking will be moved on later");
            // It may have come part of the way.
            let now = table::booking::Entity::find_by_id(booking.id).one(app.db.write()).await;
            now.ok().flatten().unwrap_or(booking)
        }
    }
}

/// Moves a booking on until nothing more is due. Repeating it changes nothing.
///
/// Fails when the processor gives no answer and the booking depends on it; the queue then tries again.
pub async fn advance(app: &App, id: Uuid) -> Result<Option<Booking>, Error> {
    for _ in 0..MOST_STEPS {
        let Some(booking) = table::booking::Entity::find_by_id(id).one(app.db.write()).await? else { return Ok(None) };
        let moved = match booking.state {
            BookingState::PendingPayment => settle(app, &booking).await?,
            BookingState::Requested => expire_request(app, &booking).await?,
            BookingState::Confirmed => confirmed(app, &booking).await?,
            BookingState::CheckedIn => check_out(app, &booking).await?,
            BookingState::PaymentExpired
            | BookingState::Withdrawn
            | BookingState::Declined
            | BookingState::RequestExpired => let_go(app, &booking).await?,
            // Ended because the charge was refused, not cancelled by anybody: nothing of it may be kept.
            BookingState::CancelledByPlatform if booking.cancellation.is_none() => let_go(app, &booking).await?,
            BookingState::CancelledByGuest
            | BookingState::CancelledByHost
            | BookingState::CancelledByPlatform
            | BookingState::Completed
            | BookingState::NoShow => ended(app, &booking).await?,
        };
        if !moved {
            break;
        }
    }
    Ok(table::booking::Entity::find_by_id(id).one(app.db.write()).await?)
}

/// Finds out what became of the payment. Without an answer the booking waits, until its hold has lapsed.
async fn settle(app: &App, booking: &Booking) -> Result<bool, Error> {
    let lapsed = booking.expires_at.is_some_and(|at| at <= app.clock.now());
    let payment = payments::of_booking(app.db.read(), booking.id).await?;
    match payments::reach(app, payment.id).await? {
        Reach::Authorized | Reach::Captured => paid(app, booking).await,
        Reach::Over => end(app, booking, BookingState::PaymentExpired, "payment_failed").await,
        Reach::ActionRequired | Reach::Unknown if lapsed => {
            end(app, booking, BookingState::PaymentExpired, "payment_expired").await
        }
        Reach::ActionRequired => Ok(false),
        Reach::Unknown => Err(Error::failed("the payment has no answer yet")),
    }
}

/// The money is set aside: confirm at once, or ask the host.
async fn paid(app: &App, booking: &Booking) -> Result<bool, Error> {
    let now = app.clock.now();
    let nights = booking.stay()?.nights().unsigned_abs();
    let txn = app.db.begin_write().await?;
    fail_point::reach("settle.locking").await;
    listings::lock_calendar(&txn, booking.listing_id).await?;
    let (step, held) = match booking.mode {
        Mode::Instant => {
            let held = listings::confirm_claims(&txn, booking.id).await?;
            (confirmation(booking, By::SYSTEM, now, "confirm"), held)
        }
        Mode::Request => {
            let payment = payments::of_booking(&txn, booking.id).await?;
            let ends = payment.capture_before.map_or(DateTime::<Utc>::MAX_UTC, |at| at - AUTHORIZATION_MARGIN);
            // Who books for tonight after check-in has begun still gets an answer, or knows by the time it is pointless.
            let arrival = if booking.check_in_at > now { booking.check_in_at } else { booking.check_out_at };
            let until = (now + REQUEST).min(arrival).min(ends);
            let held = if booking.holds_nights {
                let held = listings::extend_claims(&txn, booking.id, now, until).await?;
                held.saturating_sub(u64::try_from(booking.preparation_nights).unwrap_or(0))
            } else {
                let preparation = booking.preparation_nights.unsigned_abs();
                let free = listings::are_free(&txn, booking.listing_id, booking.stay()?, preparation, now).await?;
                if free { nights } else { 0 }
            };
            let mut step = Step::new(BookingState::Requested, "request", By::SYSTEM);
            step.expires_at = Some(until);
            step.look_again = vec![until];
            (step, held)
        }
    };
    if held != nights {
        // The hold had lapsed and somebody else took the nights. The booking ends and the money is let go.
        txn.rollback().await?;
        return end(app, booking, BookingState::PaymentExpired, "nights_lost").await;
    }
    if let Some(booking) = take(app, &txn, booking, step).await? {
        if booking.state == BookingState::Confirmed {
            fail_point::reach("settle.declining").await;
            competing_requests::decline(app, &txn, &booking).await?;
            payout_schedule::schedule(app, &txn, &booking, booking.quote()?.shares().host).await?;
        }
        fail_point::reach("settle.taking").await;
        txn.commit().await?;
        fail_point::reach("settle.taken").await;
        app.queue.wake();
    }
    Ok(true)
}

/// The step into CONFIRMED, with the looks at payment, arrival and departure that follow.
pub(in crate::domain::bookings) fn confirmation(
    booking: &Booking,
    by: By,
    now: DateTime<Utc>,
    action: &'static str,
) -> Step<'static> {
    let mut step = Step::new(BookingState::Confirmed, action, by);
    step.change.confirmed_at = Set(Some(now));
    step.look_again = vec![now + SAFETY_NET, booking.check_in_at, booking.check_out_at];
    step
}

/// Ends a booking that came to nothing and frees its nights.
pub(in crate::domain::bookings) async fn end(
    app: &App,
    booking: &Booking,
    to: BookingState,
    action: &'static str,
) -> Result<bool, Error> {
    let txn = app.db.begin_write().await?;
    let mut step = Step::new(to, action, By::SYSTEM);
    step.look_again = vec![app.clock.now() + SAFETY_NET];
    if take(app, &txn, booking, step).await?.is_some() {
        fail_point::reach("end.freeing").await;
        listings::release_claims(&txn, booking.id, booking.check_in, false).await?;
        payments::unschedule(app, &txn, booking.id).await?;
        fail_point::reach("end.taking").await;
        txn.commit().await?;
        fail_point::reach("end.taken").await;
        app.queue.wake();
    }
    Ok(true)
}

async fn expire_request(app: &App, booking: &Booking) -> Result<bool, Error> {
    if booking.expires_at.is_some_and(|at| at <= app.clock.now()) {
        return end(app, booking, BookingState::RequestExpired, "request_expired").await;
    }
    // What was set aside may be gone before the host has answered; then there is nothing to accept.
    let payment = payments::of_booking(app.db.read(), booking.id).await?;
    if payments::reach(app, payment.id).await? == Reach::Over {
        return end(app, booking, BookingState::RequestExpired, "authorization_lost").await;
    }
    Ok(false)
}

/// Charges the guest, then lets them in when the time has come. A charge that the processor refuses ends the booking.
async fn confirmed(app: &App, booking: &Booking) -> Result<bool, Error> {
    let due = (booking.check_in_at, BookingState::CheckedIn, "check_in");
    charged(app, booking, due).await
}

/// Lets the guest out when the time has come. Who arrived by hand may have done so before the charge had an answer.
async fn check_out(app: &App, booking: &Booking) -> Result<bool, Error> {
    let due = (booking.check_out_at, BookingState::Completed, "check_out");
    charged(app, booking, due).await
}

async fn charged(
    app: &App,
    booking: &Booking,
    (at, to, action): (DateTime<Utc>, BookingState, &'static str),
) -> Result<bool, Error> {
    let payment = payments::of_booking(app.db.read(), booking.id).await?;
    match payments::capture(app, payment.id).await? {
        Reach::Captured => {}
        Reach::Over => return end(app, booking, BookingState::CancelledByPlatform, "charge_refused").await,
        _ => return Err(Error::failed("the charge has no answer yet")),
    }
    // A stay in the middle of a change that needs money is not touched until the money is settled.
    if alterations::advance(app, booking).await? {
        return Ok(true);
    }
    // A refund that has no answer yet does not keep a guest from arriving.
    let sent = payments::send_refunds(app, booking.id).await;
    if app.clock.now() < at {
        return sent.map(|()| false);
    }
    step(app, booking, Step::new(to, action, By::SYSTEM)).await
}

async fn step(app: &App, booking: &Booking, step: Step<'_>) -> Result<bool, Error> {
    let txn = app.db.begin_write().await?;
    if take(app, &txn, booking, step).await?.is_some() {
        txn.commit().await?;
    }
    Ok(true)
}

/// Gives back what was set aside for a booking that came to nothing; what was taken all the same is refunded in full.
async fn let_go(app: &App, booking: &Booking) -> Result<bool, Error> {
    let payment = payments::of_booking(app.db.read(), booking.id).await?;
    match payments::void(app, payment.id).await? {
        Reach::Over => Ok(false),
        Reach::Captured => {
            let txn = app.db.begin_write().await?;
            payments::escrow::divide(app, &txn, booking.id, Shares::default(), "The booking came to nothing.").await?;
            txn.commit().await?;
            payments::send_refunds(app, booking.id).await?;
            Ok(false)
        }
        _ => Err(Error::failed("the processor has not let go of the money yet")),
    }
}

/// What is left to do for a booking that is over: pay back what is owed, and let go of a change that was under way.
async fn ended(app: &App, booking: &Booking) -> Result<bool, Error> {
    if booking.state == BookingState::Completed {
        // Who left by hand may have done so before a charge had an answer.
        let payment = payments::of_booking(app.db.read(), booking.id).await?;
        match payments::capture(app, payment.id).await? {
            Reach::Captured => {}
            Reach::Over => {
                tracing::error!(booking.id = %Id::new(Kind::Booking, booking.id), "a stay was never paid for")
            }
            _ => return Err(Error::failed("the charge has no answer yet")),
        }
    }
    alterations::give_up(app, booking).await?;
    payments::send_refunds(app, booking.id).await?;
    Ok(false)
}
