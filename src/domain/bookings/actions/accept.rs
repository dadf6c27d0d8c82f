//! The host accepts a request.

use uuid::Uuid;

use super::authorize::{authorize, lost_race};
use crate::domain::bookings::Booking;
use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::deadlines::FOLLOW_UP_DELAY;
use crate::domain::bookings::event::EventKind;
use crate::domain::bookings::lifecycle::competing_requests::decline_competing_requests;
use crate::domain::bookings::lifecycle::permission::state_conflict;
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::payout_schedule::schedule_payouts;
use crate::domain::bookings::progress::follow_up;
use crate::domain::bookings::state::Actor;
use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::viewer::Viewer;
use crate::platform::{App, fail_point};

/// Confirms a requested booking. The guest is charged after the transaction.
pub async fn accept(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = authorize(app, viewer, id, &[Actor::Host], Action::Accept).await?;
    let now = app.clock.now();
    if booking.expires_at.is_some_and(|at| at <= now) {
        let booking = follow_up(app, booking).await;
        return Err(state_conflict(&booking, &[]));
    }
    let txn = app.db.begin_write().await?;
    fail_point::reach("accept.locking").await;
    listings::lock_calendar(&txn, booking.listing_id).await?;
    let transition = Transition::to_confirmed(&booking, EventKind::Accept, by, now);
    let Some(accepted) = apply(app, &txn, &booking, transition).await? else {
        drop(txn);
        return Err(lost_race(app, viewer, id, by.actor).await);
    };
    fail_point::reach("accept.claiming").await;
    let is_claimed = booking.holds_nights || {
        let (stay, preparation) = (booking.stay()?, booking.preparation_nights.unsigned_abs());
        let hold = now + FOLLOW_UP_DELAY;
        listings::claim_for_booking(&txn, booking.listing_id, id, stay, preparation, now, hold).await?
    };
    let claimed = if is_claimed { listings::confirm_claims(&txn, id).await? } else { 0 };
    if claimed != booking.stay()?.nights().unsigned_abs() {
        txn.rollback().await?;
        return Err(listings::nights_unavailable(app, booking.listing_id, booking.stay()?, &["id"]).await?.into());
    }
    fail_point::reach("accept.declining").await;
    decline_competing_requests(app, &txn, &accepted).await?;
    schedule_payouts(app, &txn, &accepted, accepted.quote()?.shares().host).await?;
    app.idempotency_key.record(&txn, &[id]).await?;
    fail_point::reach("accept.committing").await;
    txn.commit().await?;
    fail_point::reach("accept.committed").await;
    Ok(follow_up(app, accepted).await)
}
