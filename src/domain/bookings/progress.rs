//! Advancing a booking as far as its payment and the time allow. `advance` is the one function for this. It is called
//! by the request that made a change (`follow_up`), by the job of the queue, and by a replayed request.

use chrono::{DateTime, Utc};
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::deadlines::{AUTHORIZATION_MARGIN, REQUEST_TTL};
use super::event::{ActedBy, EventKind};
use super::lifecycle::closing::close_unpaid;
use super::lifecycle::competing_requests::decline_competing_requests;
use super::lifecycle::transition::{Transition, apply};
use super::payout_schedule::schedule_payouts;
use super::state::{BookingState, Mode};
use super::{Booking, alterations, table};
use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::payments::{self, ChargeStatus, NewRefund, Shares};
use crate::kernel::id::{Id, Kind};
use crate::platform::database::Transaction;
use crate::platform::{App, fail_point};

/// More than the longest chain of transitions of one advance. It ends the loop should a transition ever repeat.
const MAX_TRANSITIONS: usize = 8;

/// Advances a booking right after a change of it. What cannot be done now is left to the queue.
pub(super) async fn follow_up(app: &App, booking: Booking) -> Booking {
    app.queue.wake();
    match advance(app, booking.id).await {
        Ok(Some(advanced)) => advanced,
        Ok(None) => booking,
        Err(error) => {
            let id = Id::new(Kind::Booking, booking.id);
            tracing::warn!(booking.id = %id, %error, "booking is not advanced yet; the queue will try again");
            // Some transitions may have been committed before the error.
            let current = table::booking::Entity::find_by_id(booking.id).one(app.db.write()).await;
            current.ok().flatten().unwrap_or(booking)
        }
    }
}

/// Advances a booking until nothing more is due, and returns it. Repeating the call changes nothing.
///
/// Fails when the processor does not answer and the booking depends on the answer. The queue then tries again.
pub async fn advance(app: &App, id: Uuid) -> Result<Option<Booking>, Error> {
    for _ in 0..MAX_TRANSITIONS {
        let Some(booking) = table::booking::Entity::find_by_id(id).one(app.db.write()).await? else { return Ok(None) };
        let is_changed = match booking.state {
            BookingState::PendingPayment => settle_pending_payment(app, &booking).await?,
            BookingState::Requested => expire_request(app, &booking).await?,
            BookingState::Confirmed => capture_and_check_in(app, &booking).await?,
            BookingState::CheckedIn => capture_and_check_out(app, &booking).await?,
            BookingState::PaymentExpired
            | BookingState::Withdrawn
            | BookingState::Declined
            | BookingState::RequestExpired => release_payment(app, &booking).await?,
            // Closed because the charge was refused, not cancelled by a person: nobody may keep any of the money.
            BookingState::CancelledByPlatform if booking.cancellation.is_none() => {
                release_payment(app, &booking).await?
            }
            BookingState::CancelledByGuest
            | BookingState::CancelledByHost
            | BookingState::CancelledByPlatform
            | BookingState::Completed
            | BookingState::NoShow => finish_closed(app, &booking).await?,
        };
        if !is_changed {
            break;
        }
    }
    Ok(table::booking::Entity::find_by_id(id).one(app.db.write()).await?)
}

/// Asks the processor for the state of the payment. Without an answer the booking waits until its hold ends.
async fn settle_pending_payment(app: &App, booking: &Booking) -> Result<bool, Error> {
    let is_expired = booking.expires_at.is_some_and(|at| at <= app.clock.now());
    let payment = payments::load_for_booking(app.db.read(), booking.id).await?;
    match payments::authorize_or_refresh(app, payment.id).await? {
        ChargeStatus::Authorized | ChargeStatus::Captured => confirm_or_request(app, booking).await?,
        ChargeStatus::Closed => {
            close_unpaid(app, booking, BookingState::PaymentExpired, EventKind::PaymentFailed).await?
        }
        ChargeStatus::ActionRequired | ChargeStatus::Unknown if is_expired => {
            close_unpaid(app, booking, BookingState::PaymentExpired, EventKind::PaymentExpired).await?;
        }
        ChargeStatus::ActionRequired => return Ok(false),
        ChargeStatus::Unknown => return Err(Error::failed("the processor has not answered about the payment yet")),
    }
    Ok(true)
}

/// The card is authorized: confirms the booking at once, or sends the request to the host.
async fn confirm_or_request(app: &App, booking: &Booking) -> Result<(), Error> {
    let now = app.clock.now();
    let nights = booking.stay()?.nights().unsigned_abs();
    let txn = app.db.begin_write().await?;
    fail_point::reach("settle.locking").await;
    listings::lock_calendar(&txn, booking.listing_id).await?;
    let (transition, claimed) = match booking.mode {
        Mode::Instant => {
            let claimed = listings::confirm_claims(&txn, booking.id).await?;
            (Transition::to_confirmed(booking, EventKind::Confirm, ActedBy::SYSTEM, now), claimed)
        }
        Mode::Request => prepare_request(&txn, booking, now).await?,
    };
    if claimed != nights {
        // The hold had ended and somebody else booked the nights. The booking is closed and its payment released.
        txn.rollback().await?;
        return close_unpaid(app, booking, BookingState::PaymentExpired, EventKind::NightsLost).await;
    }
    if let Some(booking) = apply(app, &txn, booking, transition).await? {
        if booking.state == BookingState::Confirmed {
            fail_point::reach("settle.declining").await;
            decline_competing_requests(app, &txn, &booking).await?;
            schedule_payouts(app, &txn, &booking, booking.quote()?.shares().host).await?;
        }
        fail_point::reach("settle.committing").await;
        txn.commit().await?;
        fail_point::reach("settle.committed").await;
        app.queue.wake();
    }
    Ok(())
}

/// The transition to REQUESTED, and the number of nights that are claimed or free for the booking.
async fn prepare_request(txn: &Transaction, booking: &Booking, now: DateTime<Utc>) -> Result<(Transition, u64), Error> {
    let payment = payments::load_for_booking(txn, booking.id).await?;
    let last = payment.capture_before.map_or(DateTime::<Utc>::MAX_UTC, |at| at - AUTHORIZATION_MARGIN);
    // A request for tonight can be made after check-in time. It expires at check-out at the latest.
    let arrival = if booking.check_in_at > now { booking.check_in_at } else { booking.check_out_at };
    let expires_at = (now + REQUEST_TTL).min(arrival).min(last);
    let nights = if booking.holds_nights {
        let held = listings::extend_claims(txn, booking.id, now, expires_at).await?;
        held.saturating_sub(u64::try_from(booking.preparation_nights).unwrap_or(0))
    } else {
        let (stay, preparation) = (booking.stay()?, booking.preparation_nights.unsigned_abs());
        let is_free = listings::are_nights_free(txn, booking.listing_id, stay, preparation, now).await?;
        if is_free { stay.nights().unsigned_abs() } else { 0 }
    };
    let mut transition = Transition::new(BookingState::Requested, EventKind::Request, ActedBy::SYSTEM);
    transition.expires_at = Some(expires_at);
    transition.advance_at = vec![expires_at];
    Ok((transition, nights))
}

async fn expire_request(app: &App, booking: &Booking) -> Result<bool, Error> {
    if booking.expires_at.is_some_and(|at| at <= app.clock.now()) {
        close_unpaid(app, booking, BookingState::RequestExpired, EventKind::RequestExpired).await?;
        return Ok(true);
    }
    // The authorization can end before the host answers. Then the host could not be paid, so the request is closed.
    let payment = payments::load_for_booking(app.db.read(), booking.id).await?;
    if payments::authorize_or_refresh(app, payment.id).await? == ChargeStatus::Closed {
        close_unpaid(app, booking, BookingState::RequestExpired, EventKind::AuthorizationLost).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Charges the guest, then checks the guest in when it is time.
async fn capture_and_check_in(app: &App, booking: &Booking) -> Result<bool, Error> {
    let due = (booking.check_in_at, BookingState::CheckedIn, EventKind::CheckIn);
    capture_and_apply_when_due(app, booking, due).await
}

/// Charges the guest if that was not done, then checks the guest out when it is time. A person can check the guest in
/// before the processor has answered about the charge.
async fn capture_and_check_out(app: &App, booking: &Booking) -> Result<bool, Error> {
    let due = (booking.check_out_at, BookingState::Completed, EventKind::CheckOut);
    capture_and_apply_when_due(app, booking, due).await
}

/// Charges the guest, advances the alterations, sends the refunds that are owed, and applies the transition that is
/// due. A charge that the processor refuses closes the booking.
async fn capture_and_apply_when_due(
    app: &App,
    booking: &Booking,
    (at, to, kind): (DateTime<Utc>, BookingState, EventKind),
) -> Result<bool, Error> {
    let payment = payments::load_for_booking(app.db.read(), booking.id).await?;
    match payments::capture(app, payment.id).await? {
        ChargeStatus::Captured => {}
        ChargeStatus::Closed => {
            close_unpaid(app, booking, BookingState::CancelledByPlatform, EventKind::ChargeRefused).await?;
            return Ok(true);
        }
        _ => return Err(Error::failed("the processor has not answered about the charge yet")),
    }
    // While an alteration depends on money, the booking does not change until the money is settled.
    if alterations::advance(app, booking).await? {
        return Ok(true);
    }
    // A refund that the processor has not answered about does not keep a guest from checking in.
    let sent = payments::send_refunds(app, booking.id).await;
    if app.clock.now() < at {
        return sent.map(|()| false);
    }
    let txn = app.db.begin_write().await?;
    if apply(app, &txn, booking, Transition::new(to, kind, ActedBy::SYSTEM)).await?.is_some() {
        txn.commit().await?;
    }
    Ok(true)
}

/// Releases the authorization of a booking that was closed before it was charged. If the charge went through all the
/// same, it is refunded in full.
async fn release_payment(app: &App, booking: &Booking) -> Result<bool, Error> {
    let payment = payments::load_for_booking(app.db.read(), booking.id).await?;
    match payments::void(app, payment.id).await? {
        ChargeStatus::Closed => Ok(false),
        ChargeStatus::Captured => {
            let txn = app.db.begin_write().await?;
            let reason = "The booking did not take place.";
            let refund = NewRefund { id: app.clock.new_id(), reason, note: None };
            payments::settle_shares(app, &txn, booking.id, Shares::default(), refund).await?;
            txn.commit().await?;
            payments::send_refunds(app, booking.id).await?;
            Ok(false)
        }
        _ => Err(Error::failed("the processor has not released the authorization yet")),
    }
}

/// What is left to do for a closed booking: sends the refunds that are owed and closes its alterations.
async fn finish_closed(app: &App, booking: &Booking) -> Result<bool, Error> {
    if booking.state == BookingState::Completed {
        // A person can check the guest out before the processor has answered about the charge.
        let payment = payments::load_for_booking(app.db.read(), booking.id).await?;
        match payments::capture(app, payment.id).await? {
            ChargeStatus::Captured => {}
            ChargeStatus::Closed => {
                let id = Id::new(Kind::Booking, booking.id);
                tracing::error!(booking.id = %id, "the charge of a completed stay was refused");
            }
            _ => return Err(Error::failed("the processor has not answered about the charge yet")),
        }
    }
    alterations::close_all(app, booking).await?;
    payments::send_refunds(app, booking.id).await?;
    Ok(false)
}
