//! The payment of the difference of an alteration: authorized before the alteration is applied, captured after it.

use super::apply::apply_alteration;
use super::expire::close_alteration;
use super::read::find_paying;
use super::row::moves_arrival_after_check_in;
use crate::domain::bookings::deadlines::FOLLOW_UP_DELAY;
use crate::domain::bookings::event::{ActedBy, EventKind};
use crate::domain::bookings::lifecycle::closing::cancel_by_platform;
use crate::domain::bookings::state::{AlterationState, BookingState};
use crate::domain::bookings::{Alteration, Booking};
use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::payments::{self, ChargeStatus, NewRefund, Payment, Shares};
use crate::kernel::id::{Id, Kind};
use crate::platform::{App, fail_point};

/// Continues the payment of a difference after the guest did what the bank asked for. None if no difference is being
/// paid.
pub(in crate::domain::bookings) async fn confirm_difference(
    app: &App,
    booking: &Booking,
) -> Result<Option<ChargeStatus>, Error> {
    let Some(paying) = find_paying(app, booking.id).await? else { return Ok(None) };
    match payments::find_for_alteration(app.db.read(), paying.id).await? {
        Some(payment) => Ok(Some(payments::confirm(app, payment.id).await?)),
        None => Ok(None),
    }
}

/// Authorizes the difference, and applies the alteration once that is done. Returns whether the booking or the
/// alteration changed.
pub(super) async fn collect_difference(
    app: &App,
    booking: &Booking,
    alteration: &Alteration,
    is_expired: bool,
) -> Result<bool, Error> {
    let payment = payments::find_for_alteration(app.db.read(), alteration.id).await?;
    let payment = payment.ok_or_else(|| Error::failed(format!("alteration {} has no payment", alteration.id)))?;
    match payments::authorize_or_refresh(app, payment.id).await? {
        ChargeStatus::Authorized | ChargeStatus::Captured => apply_paid(app, booking, alteration).await?,
        ChargeStatus::Closed => close_alteration(app, booking, alteration, AlterationState::Declined).await?,
        ChargeStatus::ActionRequired | ChargeStatus::Unknown if is_expired => {
            close_alteration(app, booking, alteration, AlterationState::Expired).await?;
        }
        ChargeStatus::ActionRequired => return Ok(false),
        ChargeStatus::Unknown => return Err(Error::failed("the processor has not answered about the difference yet")),
    }
    Ok(true)
}

/// Applies an alteration whose difference is authorized, or closes it if that is not possible any more.
async fn apply_paid(app: &App, booking: &Booking, alteration: &Alteration) -> Result<(), Error> {
    let quote = alteration.quote()?;
    let now = app.clock.now();
    let preparation = booking.preparation_nights.unsigned_abs();
    let txn = app.db.begin_write().await?;
    fail_point::reach("alteration.collecting").await;
    listings::lock_calendar(&txn, booking.listing_id).await?;
    // The guest may have checked in since, or the hold may have ended and somebody else may have booked the nights.
    let hold = now + FOLLOW_UP_DELAY;
    if moves_arrival_after_check_in(booking, &quote)
        || !listings::claim_extra_nights(&txn, booking.listing_id, booking.id, quote.stay, preparation, now, hold)
            .await?
    {
        txn.rollback().await?;
        return close_alteration(app, booking, alteration, AlterationState::Expired).await;
    }
    if apply_alteration(app, &txn, booking, alteration, ActedBy::SYSTEM).await?.is_none() {
        return Ok(txn.rollback().await?);
    }
    fail_point::reach("alteration.committing").await;
    txn.commit().await?;
    fail_point::reach("alteration.committed").await;
    Ok(())
}

/// Captures the difference of an applied alteration. If the processor refuses it now, the booking is cancelled, as when
/// its own charge is refused, and everything that was paid is refunded. Returns whether the booking was cancelled.
pub(super) async fn capture_or_cancel(app: &App, booking: &Booking, alteration: &Alteration) -> Result<bool, Error> {
    if capture_difference(app, alteration).await? {
        return Ok(false);
    }
    cancel_by_platform(app, booking, EventKind::ChargeRefused).await?;
    Ok(true)
}

/// Captures the difference of an applied alteration of a closed booking. A completed stay cannot be cancelled, so a
/// refused charge is only logged: the host gets what is in escrow.
pub(super) async fn capture_after_stay(app: &App, booking: &Booking, alteration: &Alteration) -> Result<(), Error> {
    if booking.state != BookingState::Completed || capture_difference(app, alteration).await? {
        return Ok(());
    }
    let id = Id::new(Kind::Booking, booking.id);
    tracing::error!(booking.id = %id, "the charge for an alteration of a completed stay was refused");
    let txn = app.db.begin_write().await?;
    if let Some(escrow) = payments::lock_escrow(&txn, booking.id).await? {
        // Without a refund. This only adjusts the host's payouts to the money that is in escrow.
        let no_refund = NewRefund { id: app.clock.new_id(), reason: "", note: None };
        payments::settle_shares(app, &txn, booking.id, escrow.shares(), no_refund).await?;
    }
    Ok(txn.commit().await?)
}

/// Captures the difference of an alteration. Returns false if the processor refused it. An alteration without a
/// difference to pay has nothing to capture.
async fn capture_difference(app: &App, alteration: &Alteration) -> Result<bool, Error> {
    let Some(payment) = payments::find_for_alteration(app.db.read(), alteration.id).await? else { return Ok(true) };
    match payments::capture(app, payment.id).await? {
        ChargeStatus::Captured => Ok(true),
        ChargeStatus::Closed => Ok(false),
        _ => Err(Error::failed("the processor has not answered about the charge of the difference yet")),
    }
}

/// Releases the authorization of an alteration that was never applied. If the charge went through all the same, it is
/// refunded.
pub(super) async fn release_difference(app: &App, booking: &Booking, alteration: &Alteration) -> Result<(), Error> {
    let Some(payment) = payments::find_for_alteration(app.db.read(), alteration.id).await? else { return Ok(()) };
    if payment.captured_minor > 0 && payment.refunded_minor == payment.captured_minor {
        return payments::send_refunds(app, booking.id).await;
    }
    match payments::void(app, payment.id).await? {
        ChargeStatus::Closed => Ok(()),
        ChargeStatus::Captured => {
            let txn = app.db.begin_write().await?;
            let escrow = payments::lock_escrow(&txn, booking.id).await?;
            let payment = payments::find_for_alteration(&txn, alteration.id).await?;
            if let (Some(escrow), Some(payment)) = (escrow, payment)
                && payment.refunded_minor == 0
            {
                let shares = escrow.shares().minus(shares_of_payment(&payment)).without_negatives();
                let reason = "The stay was not changed.";
                let refund = NewRefund { id: app.clock.new_id(), reason, note: None };
                payments::settle_shares(app, &txn, booking.id, shares, refund).await?;
            }
            txn.commit().await?;
            payments::send_refunds(app, booking.id).await
        }
        _ => Err(Error::failed("the processor has not released the authorization yet")),
    }
}

fn shares_of_payment(payment: &Payment) -> Shares {
    Shares { host: payment.host_minor, platform: payment.platform_minor, tax: payment.tax_minor }
}
