//! The side that requested an alteration withdraws it.

use uuid::Uuid;

use super::authorize_alteration::authorize_alteration;
use super::close_alteration::close_alteration;
use crate::domain::bookings::allowed_actions::AlterationAction;
use crate::domain::bookings::event::EventKind;
use crate::domain::bookings::state::AlterationState;
use crate::domain::bookings::{Alteration, Booking};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Withdraws an alteration that the viewer requested. The stay is unchanged.
pub async fn withdraw_alteration(app: &App, viewer: &Viewer, id: Uuid) -> Result<(Booking, Alteration), Error> {
    let found = authorize_alteration(app, viewer, id, AlterationAction::Withdraw).await?;
    close_alteration(app, viewer, found, EventKind::WithdrawAlteration, AlterationState::Withdrawn, None).await
}
