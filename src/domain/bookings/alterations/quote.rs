//! The quote of an alteration, and whether the alteration needs the host's answer.

use chrono::Days;

use super::row::REFUNDED_MORE;
use crate::domain::bookings::Booking;
use crate::domain::bookings::deadlines::{ALTERATION_TTL, SHORTENING_NOTICE_DAYS};
use crate::domain::bookings::quotes::issue::policy_for;
use crate::domain::bookings::quotes::quote::Quote;
use crate::domain::bookings::quotes::refusals::stay_refusals;
use crate::domain::bookings::state::BookingState;
use crate::domain::error::{Code, Error};
use crate::domain::listings::availability::stay_check::StayRule;
use crate::domain::listings::cancellation_policy::CancellationPolicy;
use crate::domain::listings::limits::LONG_STAY_NIGHTS;
use crate::domain::listings::{self, Listing, StayRequest};
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::{date_in, instant};
use crate::kernel::stay::Stay;
use crate::platform::App;

/// Quotes the requested stay. The two sides can agree to break the host's rules for stays, but not to book nights that
/// are not free, more guests than the capacity, or days that have passed.
pub(in crate::domain::bookings) async fn quote_alteration(
    app: &App,
    viewer: &Viewer,
    booking: &Booking,
    wanted: StayRequest,
) -> Result<Quote, Error> {
    let old = booking.quote()?;
    let wanted = StayRequest { non_refundable: old.price.non_refundable.is_some(), ..wanted };
    check_request(app, booking, &old, &wanted)?;
    let mut found = listings::by_ids(app, &[booking.listing_id]).await?;
    let listing = found.remove(&booking.listing_id);
    let listing = listing.ok_or_else(|| Error::failed(format!("booking {} has no listing", booking.id)))?;
    let answer = listings::evaluate_for_alteration(app, app.db.read(), viewer, &listing, booking.id, &wanted).await?;
    let binding = answer.violations.into_iter().filter(|violation| match violation.rule {
        StayRule::DatesInvalid | StayRule::Capacity | StayRule::NightsTaken | StayRule::Preparation => true,
        StayRule::InThePast => wanted.check_in != booking.check_in,
        _ => false,
    });
    Error::from_refusals(stay_refusals(&binding.collect::<Vec<_>>(), &["stay"]))?;
    let invalid = |message: &str| Err(Error::refused(Code::Invalid, &["stay"], message));
    let (Some(price), Some(stay)) = (answer.price, wanted.stay()) else {
        return invalid("has no price");
    };
    if price.currency != old.price.currency {
        return invalid("now has a price in another currency; cancel and book again");
    }
    if price.total < booking.refunded_minor {
        return invalid(REFUNDED_MORE);
    }
    let now = app.clock.now();
    let policy = policy_after(&listing, &wanted, &old, stay);
    Ok(Quote { id: app.clock.new_id(), stay, price, policy, issued_at: now, expires_at: now + ALTERATION_TTL, ..old })
}

/// Refuses a stay that is booked already or has passed, and another check-in date after the guest has checked in.
fn check_request(app: &App, booking: &Booking, old: &Quote, wanted: &StayRequest) -> Result<(), Error> {
    let invalid = |field: &[&str], message: &str| Err(Error::refused(Code::Invalid, field, message));
    if wanted.stay() == Some(old.stay) && wanted.guests == old.price.guests {
        return invalid(&["stay"], "is the same as the booked stay");
    }
    if booking.state == BookingState::CheckedIn && wanted.check_in != booking.check_in {
        return invalid(&["stay", "checkIn"], "cannot change any more: the guest has checked in");
    }
    let today = date_in(app.clock.now(), old.zone);
    if wanted.check_out <= today && wanted.check_in < wanted.check_out {
        return invalid(&["stay", "checkOut"], "is in the past");
    }
    Ok(())
}

/// The policy of the booking is kept, unless a short stay becomes a long one or a long stay becomes a short one.
fn policy_after(listing: &Listing, wanted: &StayRequest, old: &Quote, stay: Stay) -> CancellationPolicy {
    let is_crossing = (stay.nights() >= LONG_STAY_NIGHTS) != (old.stay.nights() >= LONG_STAY_NIGHTS);
    if old.policy != CancellationPolicy::NonRefundable && is_crossing {
        policy_for(listing, wanted, stay)
    } else {
        old.policy
    }
}

/// Whether a guest can make the alteration without the host's answer: a long stay is only shortened, with enough
/// notice, and is still a long stay afterwards.
pub(in crate::domain::bookings) fn needs_no_answer(app: &App, booking: &Booking, quote: &Quote) -> Result<bool, Error> {
    let old = booking.quote()?;
    let notice = date_in(app.clock.now(), old.zone).checked_add_days(Days::new(SHORTENING_NOTICE_DAYS));
    Ok(old.stay.nights() >= LONG_STAY_NIGHTS
        && quote.stay.nights() >= LONG_STAY_NIGHTS
        && quote.stay.check_in() == old.stay.check_in()
        && quote.stay.check_out() < old.stay.check_out()
        && quote.price.guests == old.price.guests
        && quote.price.total <= booking.total_minor
        && notice.is_some_and(|notice| {
            instant(quote.stay.check_out(), quote.check_out_time, quote.zone)
                >= instant(notice, quote.check_out_time, quote.zone)
        }))
}
