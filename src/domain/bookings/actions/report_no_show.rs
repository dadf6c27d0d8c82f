//! The host reports that the guest did not arrive. The booking is settled as if the guest cancelled at that moment.

use uuid::Uuid;

use super::authorize::{find_in_role, lost_race};
use crate::domain::bookings::Booking;
use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::cancellation::Canceller;
use crate::domain::bookings::event::EventKind;
use crate::domain::bookings::lifecycle::closing::{EarlyClose, close_paid, compute_cancellation};
use crate::domain::bookings::lifecycle::permission::require_action;
use crate::domain::bookings::progress::follow_up;
use crate::domain::bookings::state::{Actor, BookingState};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Closes a booking whose guest did not arrive, from `NO_SHOW_DELAY` after check-in time on. A booking that only the
/// clock has checked in can be reported. One whose arrival a person recorded cannot.
pub async fn report_no_show(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = find_in_role(app, viewer, id, &[Actor::Host]).await?;
    // The charge has to be complete before a part of it can be refunded.
    let booking = follow_up(app, booking).await;
    require_action(app, &booking, by.actor, Action::ReportNoShow)?;
    let cancellation = compute_cancellation(app, &booking, Canceller::NoShow, None)?;
    let close = EarlyClose { to: BookingState::NoShow, kind: EventKind::NoShow, by, blocks_nights: false };
    if close_paid(app, &booking, close, &cancellation).await?.is_none() {
        return Err(lost_race(app, viewer, id, by.actor).await);
    }
    Ok(follow_up(app, booking).await)
}
