//! The guest never came: the host says so, and the money is settled as if the guest had cancelled at that moment.

use uuid::Uuid;

use super::cancel::{Ending, apply, compute};
use crate::domain::bookings::lifecycle::progress::follow_up;
use crate::domain::bookings::lifecycle::state::{Action, Actor, BookingState};
use crate::domain::bookings::lifecycle::transition::{By, conflict, possible, require};
use crate::domain::bookings::{Booking, read};
use crate::domain::error::{Code, Error};
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// The host reports that the guest never came, six hours after check-in at the earliest. A guest whom only the clock
/// has checked in can be missing; one who was seen cannot.
pub async fn report_no_show(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let user = viewer.require_user()?;
    let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
    if read::role(viewer, &booking) != Some(Actor::Host) {
        return Err(Error::refused(Code::Forbidden, &["id"], "this is for the other side to do"));
    }
    // The charge has to be there before part of it can go back.
    let booking = follow_up(app, booking).await;
    require(app, &booking, Actor::Host, Action::ReportNoShow)?;
    let cancellation = compute(app, &booking, Actor::Guest, None, None)?;
    let by = By { actor: Actor::Host, user_id: Some(user.user_id) };
    let ending = Ending { to: BookingState::NoShow, action: "no_show", by, block: false };
    if apply(app, &booking, ending, &cancellation).await?.is_none() {
        let booking = read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))?;
        return Err(conflict(&booking, &possible(app, &booking, Actor::Host)?));
    }
    Ok(follow_up(app, booking).await)
}
