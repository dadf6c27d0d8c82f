//! Moving changes on: collecting the difference, swapping the stay, and letting go of what came to nothing.

use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::{Alteration, all, arrived_elsewhere, difference, set};
use crate::domain::bookings::actions::cancel;
use crate::domain::bookings::lifecycle::competing_requests;
use crate::domain::bookings::lifecycle::progress::SAFETY_NET;
use crate::domain::bookings::lifecycle::state::{AlterationState, BookingState};
use crate::domain::bookings::lifecycle::transition::{By, Step, take};
use crate::domain::bookings::{Booking, payout_schedule};
use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::payments::{self, Payment, Reach};
use crate::kernel::id::{Id, Kind};
use crate::platform::database::Transaction;
use crate::platform::{App, fail_point};

/// Moves every change of a booking on; whether the booking was changed by it. Repeating it changes nothing.
///
/// Fails when the processor gives no answer and the change depends on it.
pub(in crate::domain::bookings) async fn advance(app: &App, booking: &Booking) -> Result<bool, Error> {
    for alteration in all(app.db.read(), booking.id).await? {
        let lapsed = alteration.expires_at <= app.clock.now();
        let moved = match alteration.state {
            AlterationState::Pending if lapsed => end(app, booking, &alteration, AlterationState::Expired).await?,
            AlterationState::Pending => false,
            AlterationState::Paying => collect(app, booking, &alteration, lapsed).await?,
            AlterationState::Accepted => charge(app, booking, &alteration).await?,
            AlterationState::Declined | AlterationState::Withdrawn | AlterationState::Expired => {
                let_go(app, booking, &alteration).await?;
                false
            }
        };
        if moved {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends what was under way when a booking is over, and lets go of its money.
pub(in crate::domain::bookings) async fn give_up(app: &App, booking: &Booking) -> Result<(), Error> {
    for alteration in all(app.db.read(), booking.id).await? {
        match alteration.state {
            AlterationState::Pending | AlterationState::Paying => {
                end(app, booking, &alteration, AlterationState::Expired).await?;
                let_go(app, booking, &alteration).await?;
            }
            AlterationState::Accepted => collected(app, booking, &alteration).await?,
            _ => let_go(app, booking, &alteration).await?,
        }
    }
    Ok(())
}

/// Whether the difference of a change is being paid.
pub(in crate::domain::bookings) async fn is_being_paid(app: &App, booking_id: Uuid) -> Result<bool, Error> {
    let open = all(app.db.read(), booking_id).await?;
    Ok(open.iter().any(|alteration| alteration.state == AlterationState::Paying))
}

/// Goes on with the payment of a difference after the guest did what the bank asked for; nothing when none waits.
pub(in crate::domain::bookings) async fn confirm(app: &App, booking: &Booking) -> Result<Option<Reach>, Error> {
    let open = all(app.db.read(), booking.id).await?;
    let Some(paying) = open.iter().find(|alteration| alteration.state == AlterationState::Paying) else {
        return Ok(None);
    };
    match payments::of_alteration(app.db.read(), paying.id).await? {
        Some(payment) => Ok(Some(payments::confirm(app, payment.id).await?)),
        None => Ok(None),
    }
}

/// Sets the difference aside; once it is, the stay is swapped.
async fn collect(app: &App, booking: &Booking, alteration: &Alteration, lapsed: bool) -> Result<bool, Error> {
    let payment = payment(app, alteration).await?;
    match payments::reach(app, payment.id).await? {
        Reach::Authorized | Reach::Captured => {}
        Reach::Over => return end(app, booking, alteration, AlterationState::Declined).await,
        Reach::ActionRequired | Reach::Unknown if lapsed => {
            return end(app, booking, alteration, AlterationState::Expired).await;
        }
        Reach::ActionRequired => return Ok(false),
        Reach::Unknown => return Err(Error::failed("the payment of a difference has no answer yet")),
    }
    let quote = alteration.quote()?;
    let now = app.clock.now();
    let preparation = booking.preparation_nights.unsigned_abs();
    let txn = app.db.begin_write().await?;
    fail_point::reach("alteration.collecting").await;
    listings::lock_calendar(&txn, booking.listing_id).await?;
    // The guest may have arrived; the hold may have lapsed and somebody else may have the nights.
    let hold = now + SAFETY_NET;
    if arrived_elsewhere(booking, &quote)
        || !listings::claim_more(&txn, booking.listing_id, booking.id, quote.stay, preparation, now, hold).await?
    {
        txn.rollback().await?;
        return end(app, booking, alteration, AlterationState::Expired).await;
    }
    if swap(app, &txn, booking, alteration, By::SYSTEM).await?.is_none() {
        txn.rollback().await?;
        return Ok(true);
    }
    fail_point::reach("alteration.swapping").await;
    txn.commit().await?;
    fail_point::reach("alteration.swapped").await;
    Ok(true)
}

/// Puts the other stay in the place of the one that was booked: nights, price, shares and payouts, and what is owed to
/// the guest. Nothing when somebody else was faster; the transaction must then be rolled back.
pub(super) async fn swap(
    app: &App,
    txn: &Transaction,
    booking: &Booking,
    alteration: &Alteration,
    by: By,
) -> Result<Option<Booking>, Error> {
    let quote = alteration.quote()?;
    let now = app.clock.now();
    let mut step = Step::new(booking.state, "alter", by);
    step.data = Some(serde_json::json!({
        "checkIn": quote.stay.check_in(), "checkOut": quote.stay.check_out(), "was": {
            "checkIn": booking.check_in, "checkOut": booking.check_out,
        },
    }));
    step.alteration_id = Some(alteration.id);
    let guests = quote.price.guests;
    step.change.check_in = Set(quote.stay.check_in());
    step.change.check_out = Set(quote.stay.check_out());
    step.change.check_in_at = Set(quote.check_in_at());
    step.change.check_out_at = Set(quote.check_out_at());
    step.change.adults = Set(guests.adults);
    step.change.children = Set(guests.children);
    step.change.infants = Set(guests.infants);
    step.change.pets = Set(guests.pets);
    step.change.total_minor = Set(quote.price.total);
    step.change.quote = Set(alteration.quote.clone());
    step.look_again = vec![now + SAFETY_NET, quote.check_in_at(), quote.check_out_at()];
    let Some(altered) = take(app, txn, booking, step).await? else { return Ok(None) };
    if !set(app, txn, alteration, AlterationState::Accepted).await? {
        return Ok(None);
    }
    fail_point::reach("alteration.moving").await;
    let nights = listings::move_claims(txn, booking.id, quote.stay, booking.preparation_nights.unsigned_abs()).await?;
    if nights != quote.stay.nights().unsigned_abs() {
        return Ok(None);
    }
    fail_point::reach("alteration.dividing").await;
    let escrow = payments::escrow::lock(txn, booking.id).await?;
    let escrow = escrow.ok_or_else(|| Error::failed(format!("booking {} holds no money", booking.id)))?;
    let shares = escrow.shares().plus(difference(booking, &quote)?).settled();
    // The same price may be divided otherwise.
    if alteration.difference_minor <= 0 {
        payments::escrow::divide(app, txn, booking.id, shares, "The stay was changed.").await?;
    }
    payout_schedule::schedule(app, txn, &altered, shares.host).await?;
    competing_requests::decline(app, txn, &altered).await?;
    Ok(Some(altered))
}

/// Takes the difference that was set aside. One that the processor refuses now ends the booking, as the booking's own
/// charge would, and everything that was paid goes back.
async fn charge(app: &App, booking: &Booking, alteration: &Alteration) -> Result<bool, Error> {
    match take_difference(app, alteration).await? {
        true => Ok(false),
        false => cancel::by_platform(app, booking, "charge_refused").await,
    }
}

/// The same when the stay is over: it cannot be ended for want of the money.
async fn collected(app: &App, booking: &Booking, alteration: &Alteration) -> Result<(), Error> {
    if booking.state != BookingState::Completed || take_difference(app, alteration).await? {
        return Ok(());
    }
    tracing::error!(booking.id = %Id::new(Kind::Booking, booking.id), "a change of a stay was never paid for");
    let txn = app.db.begin_write().await?;
    if let Some(escrow) = payments::escrow::lock(&txn, booking.id).await? {
        // Nothing goes back; the host is scheduled to be paid what is there.
        payments::escrow::divide(app, &txn, booking.id, escrow.shares(), "").await?;
    }
    Ok(txn.commit().await?)
}

/// Whether the difference of a change was taken, if there was one.
async fn take_difference(app: &App, alteration: &Alteration) -> Result<bool, Error> {
    let Some(payment) = payments::of_alteration(app.db.read(), alteration.id).await? else { return Ok(true) };
    match payments::capture(app, payment.id).await? {
        Reach::Captured => Ok(true),
        Reach::Over => Ok(false),
        _ => Err(Error::failed("the charge of a difference has no answer yet")),
    }
}

/// Ends a change that came to nothing and frees the nights that it held.
async fn end(app: &App, booking: &Booking, alteration: &Alteration, state: AlterationState) -> Result<bool, Error> {
    let txn = app.db.begin_write().await?;
    // Who knows that the booking is over need not be told that its change is.
    if !booking.state.is_over() {
        let action = if state == AlterationState::Declined { "alteration_unpaid" } else { "alteration_expired" };
        let mut step = Step::new(booking.state, action, By::SYSTEM);
        step.alteration_id = Some(alteration.id);
        if take(app, &txn, booking, step).await?.is_none() {
            return Ok(true);
        }
    }
    if !set(app, &txn, alteration, state).await? {
        return Ok(true);
    }
    if alteration.state == AlterationState::Paying && booking.state != BookingState::CancelledByHost {
        let preparation = booking.preparation_nights.unsigned_abs();
        listings::release_more(&txn, booking.id, booking.stay()?, preparation).await?;
    }
    txn.commit().await?;
    Ok(true)
}

/// Lets go of the money of a change that came to nothing; what was taken all the same goes back.
async fn let_go(app: &App, booking: &Booking, alteration: &Alteration) -> Result<(), Error> {
    let Some(payment) = payments::of_alteration(app.db.read(), alteration.id).await? else { return Ok(()) };
    if payment.captured_minor > 0 && payment.refunded_minor == payment.captured_minor {
        return payments::send_refunds(app, booking.id).await;
    }
    match payments::void(app, payment.id).await? {
        Reach::Over => Ok(()),
        Reach::Captured => {
            let txn = app.db.begin_write().await?;
            let escrow = payments::escrow::lock(&txn, booking.id).await?;
            let payment = payments::of_alteration(&txn, alteration.id).await?;
            if let (Some(escrow), Some(payment)) = (escrow, payment)
                && payment.refunded_minor == 0
            {
                let shares = escrow.shares().minus(shares_of(&payment)).settled();
                payments::escrow::divide(app, &txn, booking.id, shares, "The change came to nothing.").await?;
            }
            txn.commit().await?;
            payments::send_refunds(app, booking.id).await
        }
        _ => Err(Error::failed("the processor has not let go of the money yet")),
    }
}

fn shares_of(payment: &Payment) -> payments::Shares {
    payments::Shares { host: payment.host_minor, platform: payment.platform_minor, tax: payment.tax_minor }
}

async fn payment(app: &App, alteration: &Alteration) -> Result<Payment, Error> {
    let payment = payments::of_alteration(app.db.read(), alteration.id).await?;
    payment.ok_or_else(|| Error::failed(format!("alteration {} has no payment", alteration.id)))
}
