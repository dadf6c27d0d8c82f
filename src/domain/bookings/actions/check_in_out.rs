//! Guest or host record that the guest has arrived or left.

use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::authorize::{authorize, lost_race};
use crate::domain::bookings::Booking;
use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::event::EventKind;
use crate::domain::bookings::lifecycle::transition::{Transition, apply};
use crate::domain::bookings::progress::follow_up;
use crate::domain::bookings::state::{Actor, BookingState};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Records that the guest has arrived.
pub async fn check_in(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = authorize(app, viewer, id, &[Actor::Guest, Actor::Host], Action::CheckIn).await?;
    let mut transition = Transition::new(BookingState::CheckedIn, EventKind::CheckIn, by);
    transition.change.seen_at = Set(Some(app.clock.now()));
    apply_action(app, viewer, booking, transition).await
}

/// Records that the guest has left.
pub async fn check_out(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = authorize(app, viewer, id, &[Actor::Guest, Actor::Host], Action::CheckOut).await?;
    apply_action(app, viewer, booking, Transition::new(BookingState::Completed, EventKind::CheckOut, by)).await
}

async fn apply_action(app: &App, viewer: &Viewer, booking: Booking, transition: Transition) -> Result<Booking, Error> {
    let actor = transition.by.actor;
    let txn = app.db.begin_write().await?;
    let Some(changed) = apply(app, &txn, &booking, transition).await? else {
        drop(txn);
        return Err(lost_race(app, viewer, booking.id, actor).await);
    };
    app.idempotency_key.record(&txn, &[changed.id]).await?;
    txn.commit().await?;
    // An open alteration of a stay that is over is closed at once.
    if changed.state.is_closed() { Ok(follow_up(app, changed).await) } else { Ok(changed) }
}
