//! The guest withdraws a request.

use uuid::Uuid;

use super::authorize::authorize;
use super::close_request::close_request;
use crate::domain::bookings::Booking;
use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::event::EventKind;
use crate::domain::bookings::lifecycle::transition::Transition;
use crate::domain::bookings::state::{Actor, BookingState};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Withdraws a request. The authorization of the card is released.
pub async fn withdraw(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let (booking, by) = authorize(app, viewer, id, &[Actor::Guest], Action::Withdraw).await?;
    close_request(app, viewer, booking, Transition::new(BookingState::Withdrawn, EventKind::Withdraw, by)).await
}
