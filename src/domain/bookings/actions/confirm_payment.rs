//! The guest continues a payment after doing what the bank asked for.

use uuid::Uuid;

use super::authorize::authorize;
use crate::domain::bookings::allowed_actions::Action;
use crate::domain::bookings::replay::finish_confirmation;
use crate::domain::bookings::state::Actor;
use crate::domain::bookings::{Booking, alterations, read};
use crate::domain::error::Error;
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Continues the payment of a booking, or of the difference of its alteration. Refuses if the bank still waits for the
/// guest, or if the card was declined.
pub async fn confirm_payment(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    let booking = read::by_id(app, viewer, id).await?.filter(|booking| viewer.is(booking.guest_id));
    if let Some(booking) = booking
        && alterations::find_paying(app, id).await?.is_some()
    {
        app.idempotency_key.record(app.db.write(), &[id]).await?;
        return finish_confirmation(app, booking).await;
    }
    let (booking, _) = authorize(app, viewer, id, &[Actor::Guest], Action::ConfirmPayment).await?;
    // The effect is at the processor. The idempotency key is recorded before the processor is asked, so that a replay
    // continues a run that was cut short.
    app.idempotency_key.record(app.db.write(), &[id]).await?;
    finish_confirmation(app, booking).await
}
