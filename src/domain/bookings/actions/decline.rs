//! The host declines a request.

use uuid::Uuid;

use super::authorize::authorize;
use super::close_request::close_request;
use crate::domain::bookings::Booking;
use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::event::EventKind;
use crate::domain::bookings::lifecycle::transition::Transition;
use crate::domain::bookings::state::{Actor, BookingState};
use crate::domain::error::{Error, Refusals};
use crate::domain::limits::MAX_REASON_CHARS;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Declines a request, with a reason for the guest. The authorization of the card is released.
pub async fn decline(app: &App, viewer: &Viewer, id: Uuid, reason: &str) -> Result<Booking, Error> {
    viewer.require_user()?;
    let mut checks = Refusals::default();
    let reason = checks.text(&["reason"], reason, MAX_REASON_CHARS);
    checks.finish()?;
    let (booking, by) = authorize(app, viewer, id, &[Actor::Host], Action::Decline).await?;
    let mut transition = Transition::new(BookingState::Declined, EventKind::Decline, by);
    transition.details.note = Some(reason);
    close_request(app, viewer, booking, transition).await
}
