//! The beginning that most actions share: find the booking, check the role of the viewer, and check the state.

use uuid::Uuid;

use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::event::ActedBy;
use crate::domain::bookings::lifecycle::permission::{conflict_for, require_action};
use crate::domain::bookings::state::Actor;
use crate::domain::bookings::{Booking, read};
use crate::domain::error::{Code, Error};
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Finds a booking for a viewer who has one of these roles in it, and who can do `action` now.
pub(super) async fn authorize(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    roles: &[Actor],
    action: Action,
) -> Result<(Booking, ActedBy), Error> {
    let (booking, by) = find_in_role(app, viewer, id, roles).await?;
    require_action(app, &booking, by.actor, action)?;
    Ok((booking, by))
}

/// Finds a booking for a viewer who has one of these roles in it. Its state is not checked.
pub(super) async fn find_in_role(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    roles: &[Actor],
) -> Result<(Booking, ActedBy), Error> {
    let user = viewer.require_user()?;
    let booking = find_booking(app, viewer, id).await?;
    let actor = read::viewer_role(viewer, &booking).filter(|actor| roles.contains(actor));
    let actor = actor.ok_or_else(|| forbidden(roles))?;
    Ok((booking, ActedBy { actor, user_id: Some(user.user_id) }))
}

/// Finds a booking that the viewer may see.
pub(super) async fn find_booking(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))
}

/// The refusal of an action to a viewer who sees the booking but has none of these roles in it.
pub(super) fn forbidden(roles: &[Actor]) -> Error {
    let names = roles.iter().map(|role| match role {
        Actor::Guest => "the guest",
        Actor::Host => "the host",
        Actor::Platform => "staff",
        Actor::System => "the service",
    });
    let message = format!("only {} can do this", names.collect::<Vec<_>>().join(" or "));
    Error::refused(Code::Forbidden, &["id"], message)
}

/// The refusal of an action because another transition was committed since the booking was read. Reads the booking
/// again, so that the refusal has its current state.
pub(super) async fn lost_race(app: &App, viewer: &Viewer, id: Uuid, actor: Actor) -> Error {
    match find_booking(app, viewer, id).await {
        Ok(booking) => conflict_for(app, &booking, actor),
        Err(error) => error,
    }
}
