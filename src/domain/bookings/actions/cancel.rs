//! Guest, host or staff cancel a booking, for exactly the refund that they were shown.

use uuid::Uuid;

use super::authorize::{authorize, lost_race};
use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::cancellation::record::Cancellation;
use crate::domain::bookings::lifecycle::closing::{EarlyClose, canceller_in_role, close_paid, compute_cancellation};
use crate::domain::bookings::lifecycle::permission::{allowed_now, require_action};
use crate::domain::bookings::progress::follow_up;
use crate::domain::bookings::state::Actor;
use crate::domain::bookings::{Booking, read, replay};
use crate::domain::error::{Code, Detail, Error, Refusal, Refusals};
use crate::domain::limits::MAX_REASON_CHARS;
use crate::domain::payments::Refund;
use crate::domain::viewer::Viewer;
use crate::kernel::money::Money;
use crate::platform::{App, fail_point};

/// How the booking would be settled if the viewer cancelled it now. None if the viewer cannot cancel it.
pub fn preview_cancellation(app: &App, viewer: &Viewer, booking: &Booking) -> Result<Option<Cancellation>, Error> {
    let Some(actor) = read::viewer_role(viewer, booking) else { return Ok(None) };
    if !allowed_now(app, booking, actor)?.contains(&Action::Cancel) {
        return Ok(None);
    }
    compute_cancellation(app, booking, canceller_in_role(booking, actor, None), None).map(Some)
}

/// Cancels a booking, if the refund is still the one that the viewer was shown.
pub async fn cancel(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    expected_refund: Money,
    reason: Option<&str>,
) -> Result<(Booking, Option<Refund>), Error> {
    viewer.require_user()?;
    let mut checks = Refusals::default();
    let note = reason.map(|text| checks.text_or_empty(&["reason"], text, MAX_REASON_CHARS));
    checks.finish()?;
    let roles = [Actor::Guest, Actor::Host, Actor::Platform];
    let (booking, by) = authorize(app, viewer, id, &roles, Action::Cancel).await?;
    if expected_refund.currency.code() != booking.currency {
        let message = format!("must be in {}", booking.currency);
        return Err(Error::refused(Code::CurrencyMismatch, &["expectedRefund", "currency"], message));
    }
    // A refund goes back to the card that was charged, so the charge has to be complete first.
    fail_point::reach("cancel.charging").await;
    let booking = follow_up(app, booking).await;
    require_action(app, &booking, by.actor, Action::Cancel)?;
    let chosen = (by.actor == Actor::Platform).then_some(expected_refund.minor);
    let note = note.filter(|text| !text.is_empty());
    let cancellation = compute_cancellation(app, &booking, canceller_in_role(&booking, by.actor, chosen), note)?;
    if cancellation.refund != expected_refund.minor {
        let message = format!("the refund is now {}", Money::new(cancellation.refund, expected_refund.currency));
        let detail = Detail::Refund(serde_json::to_value(&cancellation).map_err(Error::failed)?);
        return Err(Refusal::at(Code::RefundChanged, &["expectedRefund", "amount"], message).with(detail).into());
    }
    let Some(refund) = close_paid(app, &booking, EarlyClose::cancellation(by), &cancellation).await? else {
        return Err(lost_race(app, viewer, id, by.actor).await);
    };
    fail_point::reach("cancel.committed").await;
    replay::cancel(app, viewer, id, refund.map(|refund| refund.id)).await
}
