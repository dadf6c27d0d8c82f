//! Applying an alteration: the new stay replaces the booked one in one transaction.

use sea_orm::ActiveValue::Set;

use super::row::{difference_in_shares, set_state};
use crate::domain::bookings::deadlines::FOLLOW_UP_DELAY;
use crate::domain::bookings::event::{ActedBy, EventDetails, EventKind};
use crate::domain::bookings::lifecycle::competing_requests::decline_competing_requests;
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::payout_schedule::schedule_payouts;
use crate::domain::bookings::quotes::quote::Quote;
use crate::domain::bookings::state::AlterationState;
use crate::domain::bookings::{Alteration, Booking};
use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::payments::{self, NewRefund};
use crate::platform::database::Transaction;
use crate::platform::{App, fail_point};

/// Replaces the booked stay by that of the alteration: nights, price, shares, payouts and the refund that is owed to
/// the guest. None if booking or alteration changed since they were read, or the nights are not claimed. The caller
/// then has to roll the transaction back.
pub(in crate::domain::bookings) async fn apply_alteration(
    app: &App,
    txn: &Transaction,
    booking: &Booking,
    alteration: &Alteration,
    by: ActedBy,
) -> Result<Option<Booking>, Error> {
    let quote = alteration.quote()?;
    let refund_id = app.clock.new_id();
    let mut transition = new_stay(booking, alteration, &quote, by)?;
    transition.details.refund_id = (alteration.difference_minor < 0).then_some(refund_id);
    transition.advance_at = vec![app.clock.now() + FOLLOW_UP_DELAY, quote.check_in_at(), quote.check_out_at()];
    let Some(altered) = apply(app, txn, booking, transition).await? else { return Ok(None) };
    if !set_state(app, txn, alteration, AlterationState::Accepted).await? {
        return Ok(None);
    }
    fail_point::reach("alteration.swapping").await;
    let nights = listings::swap_nights(txn, booking.id, quote.stay, booking.preparation_nights.unsigned_abs()).await?;
    if nights != quote.stay.nights().unsigned_abs() {
        return Ok(None);
    }
    fail_point::reach("alteration.settling").await;
    let escrow = payments::lock_escrow(txn, booking.id).await?;
    let escrow = escrow.ok_or_else(|| Error::failed(format!("booking {} has no escrow", booking.id)))?;
    let shares = escrow.shares().plus(difference_in_shares(booking, &quote)?).without_negatives();
    // Also when the price is the same: the shares of host, platform and taxes can differ.
    if alteration.difference_minor <= 0 {
        let refund = NewRefund { id: refund_id, reason: "The stay was changed.", note: None };
        payments::settle_shares(app, txn, booking.id, shares, refund).await?;
    }
    schedule_payouts(app, txn, &altered, shares.host).await?;
    decline_competing_requests(app, txn, &altered).await?;
    Ok(Some(altered))
}

/// The transition that stores the new stay, with the dates before and after in its event.
fn new_stay(booking: &Booking, alteration: &Alteration, quote: &Quote, by: ActedBy) -> Result<Transition, Error> {
    let mut transition = Transition::new(booking.state, EventKind::Alter, by);
    transition.details = EventDetails {
        alteration_id: Some(alteration.id),
        stay_before: Some(booking.stay()?),
        stay_after: Some(quote.stay),
        ..EventDetails::default()
    };
    let guests = quote.price.guests;
    let change = &mut transition.change;
    change.check_in = Set(quote.stay.check_in());
    change.check_out = Set(quote.stay.check_out());
    change.check_in_at = Set(quote.check_in_at());
    change.check_out_at = Set(quote.check_out_at());
    change.adults = Set(guests.adults);
    change.children = Set(guests.children);
    change.infants = Set(guests.infants);
    change.pets = Set(guests.pets);
    change.total_minor = Set(quote.price.total);
    change.quote = Set(alteration.quote.clone());
    Ok(transition)
}
