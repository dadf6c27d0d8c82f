//! Asking for another stay in place of the one that is booked.

use chrono::{Days, TimeDelta};
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::apply::swap;
use super::{Alteration, MORE_WENT_BACK, by_id};
use crate::domain::bookings::lifecycle::progress::follow_up;
use crate::domain::bookings::lifecycle::state::{Action, Actor, AlterationState, BookingState};
use crate::domain::bookings::lifecycle::transition::{By, Step, conflict, paid_in_full, possible, require, take};
use crate::domain::bookings::quotes::quote::{policy, refusals};
use crate::domain::bookings::{Booking, Quote, read, table};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings::availability::stay_check::StayRule;
use crate::domain::listings::listing::policy::CancellationPolicy;
use crate::domain::listings::{self, StayRequest};
use crate::domain::viewer::Viewer;
use crate::kernel::local_time::{date_in, instant};
use crate::platform::database::is_duplicate;
use crate::platform::{App, fail_point};

/// How long the other side has to answer.
const ANSWER: TimeDelta = TimeDelta::hours(24);
const LONGEST_METHOD: usize = 200;
/// Long stays that are only shortened, a month ahead, need no answer.
const LONG_STAY_NIGHTS: i64 = 28;
const NOTICE_DAYS: u64 = 30;

/// Asks the other side for another stay. The guest may name the card that pays a higher price. A change that needs no
/// answer is made at once, in the same transaction; the host is then told of it, and asked for nothing.
pub async fn request(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    wanted: StayRequest,
    method: Option<String>,
) -> Result<Alteration, Error> {
    let user = viewer.require_user()?;
    wanted.validate(&["stay"])?;
    let mut checks = Refusals::default();
    let method = method.map(|method| checks.text(&["paymentMethodToken"], &method, LONGEST_METHOD));
    checks.finish()?;
    let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    let actor = read::role(viewer, &booking).ok_or_else(|| Error::not_found(&["id"]))?;
    if actor == Actor::Platform {
        return Err(Error::refused(Code::Forbidden, &["id"], "this is for guest and host to agree on"));
    }
    require(app, &booking, actor, Action::RequestAlteration)?;
    let quote = quote(app, viewer, &booking, wanted).await?;
    if quote.price.total < booking.refunded_minor {
        return Err(Error::refused(Code::Invalid, &["stay"], MORE_WENT_BACK));
    }
    let now = app.clock.now();
    let begins = if booking.state == BookingState::CheckedIn { booking.check_out_at } else { booking.check_in_at };
    let expires_at = (now + ANSWER).min(begins.max(now + TimeDelta::hours(1)));
    let row = table::alteration::ActiveModel {
        // The quote is for this change and for nothing else; see `consumed`.
        id: Set(quote.id),
        booking_id: Set(id),
        state: Set(AlterationState::Pending),
        requested_by: Set(user.user_id),
        requested_as: Set(actor),
        quote: Set(serde_json::to_value(&quote).map_err(Error::failed)?),
        difference_minor: Set(quote.price.total - booking.total_minor),
        method: Set(method.filter(|_| actor == Actor::Guest)),
        expires_at: Set(expires_at),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let is_made = actor == Actor::Guest && needs_no_answer(app, &booking, &quote)?;
    let txn = app.db.begin_write().await?;
    if is_made {
        // Listing, booking, escrow, as everywhere.
        listings::lock_calendar(&txn, booking.listing_id).await?;
        read::lock(&txn, booking.id).await?;
        paid_in_full(&txn, &booking).await?;
    }
    fail_point::reach("alteration.writing").await;
    let alteration = match row.insert(&txn).await {
        Ok(alteration) => alteration,
        Err(error) if is_duplicate(&error) => {
            return Err(Error::refused(Code::StateConflict, &["id"], "another change of this booking is waiting"));
        }
        Err(error) => return Err(error.into()),
    };
    let by = By { actor, user_id: Some(user.user_id) };
    let mut step = Step::new(booking.state, "request_alteration", by);
    step.alteration_id = Some(alteration.id);
    step.look_again = vec![expires_at];
    step.is_news = !is_made;
    let mut taken = take(app, &txn, &booking, step).await?;
    if let Some(asked) = taken.take_if(|_| is_made) {
        taken = swap(app, &txn, &asked, &alteration, by).await?;
    }
    let Some(booking) = taken else {
        drop(txn);
        let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
        return Err(conflict(&booking, &possible(app, &booking, actor)?));
    };
    app.once.spend(&txn, &[alteration.id]).await?;
    fail_point::reach("alteration.asking").await;
    txn.commit().await?;
    fail_point::reach("alteration.asked").await;
    if !is_made {
        return Ok(alteration);
    }
    follow_up(app, booking).await;
    Ok(by_id(app, viewer, alteration.id).await?.map_or(alteration, |(alteration, _)| alteration))
}

/// Answers once more for a change that was asked for.
pub async fn requested(app: &App, viewer: &Viewer, id: Uuid) -> Result<Alteration, Error> {
    let (alteration, booking) = by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    if alteration.state == AlterationState::Accepted {
        follow_up(app, booking).await;
    }
    Ok(alteration)
}

/// The price promise of the other stay. What both sides may agree on is theirs; the calendar is not, and neither is
/// what has passed.
async fn quote(app: &App, viewer: &Viewer, booking: &Booking, wanted: StayRequest) -> Result<Quote, Error> {
    let old = booking.quote()?;
    let invalid = |field: &[&str], message: &str| Err(Error::refused(Code::Invalid, field, message));
    let wanted = StayRequest { non_refundable: old.price.non_refundable.is_some(), ..wanted };
    if wanted.stay() == Some(old.stay) && wanted.guests == old.price.guests {
        return invalid(&["stay"], "is what is booked already");
    }
    let today = date_in(app.clock.now(), old.zone);
    let arrival_stays = wanted.check_in == booking.check_in;
    if booking.state == BookingState::CheckedIn && !arrival_stays {
        return invalid(&["stay", "checkIn"], "cannot change any more: the guest has arrived");
    }
    if wanted.check_out <= today && wanted.check_in < wanted.check_out {
        return invalid(&["stay", "checkOut"], "has passed");
    }
    let mut found = listings::by_ids(app, &[booking.listing_id]).await?;
    let listing = found.remove(&booking.listing_id).ok_or_else(|| Error::failed("a booking has no listing"))?;
    let answer = listings::other_stay(app, app.db.read(), viewer, &listing, booking.id, &wanted).await?;
    let binding = answer.violations.into_iter().filter(|violation| match violation.rule {
        StayRule::DatesInvalid | StayRule::Capacity | StayRule::NightsTaken | StayRule::Preparation => true,
        StayRule::InThePast => !arrival_stays,
        _ => false,
    });
    Error::from_refusals(refusals(&binding.collect::<Vec<_>>(), &["stay"]))?;
    let (Some(price), Some(stay)) = (answer.price, wanted.stay()) else {
        return invalid(&["stay"], "has no price");
    };
    if price.currency != old.price.currency {
        return invalid(&["stay"], "is priced in another currency by now; cancel and book anew");
    }
    if price.total < booking.refunded_minor {
        return invalid(&["stay"], "costs less than was given back already");
    }
    let now = app.clock.now();
    let crossed = (stay.nights() >= LONG_STAY_NIGHTS) != (old.stay.nights() >= LONG_STAY_NIGHTS);
    let policy = if old.policy != CancellationPolicy::NonRefundable && crossed {
        policy(&listing, &wanted, stay)
    } else {
        old.policy
    };
    Ok(Quote { id: app.clock.id(), stay, price, policy, issued_at: now, expires_at: now + ANSWER, ..old })
}

/// Whether a long stay is only shortened, with a month's notice, and stays a long one.
fn needs_no_answer(app: &App, booking: &Booking, quote: &Quote) -> Result<bool, Error> {
    let old = booking.quote()?;
    let notice = date_in(app.clock.now(), old.zone).checked_add_days(Days::new(NOTICE_DAYS));
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
