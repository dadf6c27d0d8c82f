//! Guest or host request another stay in place of the booked one.

use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::authorize::{authorize, lost_race};
use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::alterations::{self, apply_alteration, needs_no_answer, quote_alteration};
use crate::domain::bookings::deadlines::{ALTERATION_MIN_TTL, ALTERATION_TTL};
use crate::domain::bookings::event::{ActedBy, EventKind};
use crate::domain::bookings::lifecycle::locks::lock_booking;
use crate::domain::bookings::lifecycle::permission::require_paid_in_full;
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::progress::follow_up;
use crate::domain::bookings::quotes::quote::Quote;
use crate::domain::bookings::state::{Actor, AlterationState, BookingState};
use crate::domain::bookings::{Alteration, Booking, table};
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::listings::{self, StayRequest};
use crate::domain::payments::MAX_PAYMENT_METHOD_CHARS;
use crate::domain::viewer::Viewer;
use crate::platform::database::{Transaction, is_duplicate};
use crate::platform::{App, fail_point};

/// Requests another stay from the other side. A guest can name the card that pays a higher price.
///
/// An alteration that needs no answer is applied at once, in the same transaction. The host is then notified that the
/// stay was changed, and not asked for an answer.
pub async fn request_alteration(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    wanted: StayRequest,
    method: Option<String>,
) -> Result<(Booking, Alteration), Error> {
    viewer.require_user()?;
    wanted.validate(&["stay"])?;
    let mut checks = Refusals::default();
    let method = method.map(|method| checks.text(&["paymentMethodToken"], &method, MAX_PAYMENT_METHOD_CHARS));
    checks.finish()?;
    let roles = [Actor::Guest, Actor::Host];
    let (booking, by) = authorize(app, viewer, id, &roles, Action::RequestAlteration).await?;
    let quote = quote_alteration(app, viewer, &booking, wanted).await?;
    let row = new_row(app, &booking, &quote, by, method)?;
    let is_applied = by.actor == Actor::Guest && needs_no_answer(app, &booking, &quote)?;
    let txn = app.db.begin_write().await?;
    if is_applied {
        listings::lock_calendar(&txn, booking.listing_id).await?;
        lock_booking(&txn, booking.id).await?;
        require_paid_in_full(&txn, &booking).await?;
    }
    let alteration = insert(&txn, row).await?;
    let mut transition = Transition::new(booking.state, EventKind::RequestAlteration, by);
    transition.details.alteration_id = Some(alteration.id);
    transition.advance_at = vec![alteration.expires_at];
    transition.is_notified = !is_applied;
    let mut changed = apply(app, &txn, &booking, transition).await?;
    if let Some(requested) = changed.take_if(|_| is_applied) {
        changed = apply_alteration(app, &txn, &requested, &alteration, by).await?;
    }
    let Some(booking) = changed else {
        drop(txn);
        return Err(lost_race(app, viewer, id, by.actor).await);
    };
    app.idempotency_key.record(&txn, &[alteration.id]).await?;
    fail_point::reach("alteration.requesting").await;
    txn.commit().await?;
    fail_point::reach("alteration.requested").await;
    if !is_applied {
        return Ok((booking, alteration));
    }
    let booking = follow_up(app, booking).await;
    let applied = alterations::by_id(app, viewer, alteration.id).await?;
    Ok((booking, applied.map_or(alteration, |(alteration, _)| alteration)))
}

fn new_row(
    app: &App,
    booking: &Booking,
    quote: &Quote,
    by: ActedBy,
    method: Option<String>,
) -> Result<table::alteration::ActiveModel, Error> {
    let now = app.clock.now();
    let user_id = by.user_id.ok_or_else(|| Error::failed("an alteration is requested by a person"))?;
    // The answer is of no use once the stay begins, or for a guest who has checked in, once it ends.
    let last = if booking.state == BookingState::CheckedIn { booking.check_out_at } else { booking.check_in_at };
    Ok(table::alteration::ActiveModel {
        // The quote belongs to this alteration and cannot be booked; see `find_booking_of_quote`.
        id: Set(quote.id),
        booking_id: Set(booking.id),
        state: Set(AlterationState::Pending),
        requested_by: Set(user_id),
        requested_as: Set(by.actor),
        quote: Set(serde_json::to_value(quote).map_err(Error::failed)?),
        difference_minor: Set(quote.price.total - booking.total_minor),
        method: Set(method.filter(|_| by.actor == Actor::Guest)),
        decline_note: Set(None),
        expires_at: Set((now + ALTERATION_TTL).min(last.max(now + ALTERATION_MIN_TTL))),
        created_at: Set(now),
        updated_at: Set(now),
    })
}

/// Inserts an alteration. A unique index refuses a second open alteration of the same booking.
async fn insert(txn: &Transaction, row: table::alteration::ActiveModel) -> Result<Alteration, Error> {
    fail_point::reach("alteration.writing").await;
    match row.insert(txn).await {
        Ok(alteration) => Ok(alteration),
        Err(error) if is_duplicate(&error) => {
            let message = "the booking has another open alteration";
            Err(Error::refused(Code::StateConflict, &["id"], message))
        }
        Err(error) => Err(error.into()),
    }
}
