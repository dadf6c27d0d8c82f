//! The beginning that all answers to an alteration share: find it, check the side of the viewer, and check its state.

use uuid::Uuid;

use super::authorize::forbidden;
use crate::domain::bookings::allowed_actions::{AlterationAction, allowed_alteration_actions};
use crate::domain::bookings::event::ActedBy;
use crate::domain::bookings::lifecycle::permission::conflict_for;
use crate::domain::bookings::progress::follow_up;
use crate::domain::bookings::state::Actor;
use crate::domain::bookings::{Alteration, Booking, alterations, read};
use crate::domain::error::{Code, Error};
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// An alteration that waits for an answer, its booking, and the side of the viewer.
pub(super) struct Answerable {
    pub alteration: Alteration,
    pub booking: Booking,
    pub by: ActedBy,
}

/// Finds an alteration for a viewer on the side that can do `action` with it, while it waits for an answer.
pub(super) async fn authorize_alteration(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    action: AlterationAction,
) -> Result<Answerable, Error> {
    let user = viewer.require_user()?;
    let found = alterations::by_id(app, viewer, id).await?;
    let (alteration, booking) = found.ok_or_else(|| Error::not_found(&["id"]))?;
    let actor = read::viewer_role(viewer, &booking).filter(|actor| *actor != Actor::Platform);
    let actor = actor.ok_or_else(|| forbidden(&[Actor::Guest, Actor::Host]))?;
    if !allowed_alteration_actions(actor, alteration.requested_as).contains(&action) {
        return Err(Error::refused(Code::Forbidden, &["id"], wrong_side(action)));
    }
    if !alterations::waits_for_answer(app, &alteration) {
        follow_up(app, booking.clone()).await;
        return Err(conflict_for(app, &booking, actor));
    }
    Ok(Answerable { alteration, booking, by: ActedBy { actor, user_id: Some(user.user_id) } })
}

fn wrong_side(action: AlterationAction) -> &'static str {
    match action {
        AlterationAction::Accept => "only the other side can accept the alteration",
        AlterationAction::Decline => {
            "only the other side can decline the alteration; the side that requested it can \
                                      withdraw it"
        }
        AlterationAction::Withdraw => "only the side that requested the alteration can withdraw it",
    }
}
