//! Closing a request: the common part of declining and withdrawing.

use super::authorize::lost_race;
use crate::domain::bookings::Booking;
use crate::domain::bookings::deadlines::FOLLOW_UP_DELAY;
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::progress::follow_up;
use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Applies a transition that closes a request, and releases its nights and its authorization.
pub(super) async fn close_request(
    app: &App,
    viewer: &Viewer,
    booking: Booking,
    mut transition: Transition,
) -> Result<Booking, Error> {
    let actor = transition.by.actor;
    transition.advance_at = vec![app.clock.now() + FOLLOW_UP_DELAY];
    let txn = app.db.begin_write().await?;
    let Some(closed) = apply(app, &txn, &booking, transition).await? else {
        drop(txn);
        return Err(lost_race(app, viewer, booking.id, actor).await);
    };
    listings::release_claims(&txn, booking.id, booking.check_in, false).await?;
    app.idempotency_key.record(&txn, &[booking.id]).await?;
    txn.commit().await?;
    Ok(follow_up(app, closed).await)
}
