//! The other side declines an alteration.

use uuid::Uuid;

use super::authorize_alteration::authorize_alteration;
use super::close_alteration::close_alteration;
use crate::domain::bookings::allowed_actions::AlterationAction;
use crate::domain::bookings::event::EventKind;
use crate::domain::bookings::state::AlterationState;
use crate::domain::bookings::{Alteration, Booking};
use crate::domain::error::{Error, Refusals};
use crate::domain::limits::MAX_REASON_CHARS;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Declines an alteration, with a reason for the side that requested it. The stay is unchanged.
pub async fn decline_alteration(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    reason: Option<&str>,
) -> Result<(Booking, Alteration), Error> {
    viewer.require_user()?;
    let mut checks = Refusals::default();
    let note = reason.map(|text| checks.text_or_empty(&["reason"], text, MAX_REASON_CHARS));
    checks.finish()?;
    let note = note.filter(|text| !text.is_empty());
    let found = authorize_alteration(app, viewer, id, AlterationAction::Decline).await?;
    close_alteration(app, viewer, found, EventKind::DeclineAlteration, AlterationState::Declined, note).await
}
