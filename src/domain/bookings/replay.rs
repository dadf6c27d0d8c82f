//! Answering for a booking whose effect is there already: what the first run goes on with after its transaction, and
//! what a run with the same idempotency key goes on with from where that one was.

use uuid::Uuid;

use super::actions::create::declined;
use super::lifecycle::progress::{advance, follow_up};
use super::lifecycle::state::BookingState;
use super::{Booking, alterations, read};
use crate::domain::error::{Code, Error};
use crate::domain::payments::{self, Reach, Refund};
use crate::domain::viewer::Viewer;
use crate::platform::App;

/// Moves a new booking on as far as the processor's answer lets it. A declined card is a refusal.
pub(super) async fn pay(app: &App, booking: Booking, field: &[&str]) -> Result<Booking, Error> {
    let booking = follow_up(app, booking).await;
    if booking.state == BookingState::PaymentExpired {
        return Err(declined(app, booking.id, field).await?);
    }
    Ok(booking)
}

/// Asks the processor to go on after the guest was at the bank; refuses when the bank still waits.
pub(super) async fn ask_again(app: &App, booking: Booking) -> Result<Booking, Error> {
    let change = alterations::confirm(app, &booking).await?;
    let reach = match change {
        Some(reach) => reach,
        None => payments::confirm(app, payments::of_booking(app.db.read(), booking.id).await?.id).await?,
    };
    if reach == Reach::ActionRequired {
        let message = "the bank still waits for you; finish there first";
        return Err(Error::refused(Code::PaymentActionRequired, &["id"], message));
    }
    let booking = pay(app, booking, &["id"]).await?;
    if change == Some(Reach::Over) {
        let message = "the card was declined for the difference; the booking stays as it is";
        return Err(Error::refused(Code::PaymentDeclined, &["id"], message));
    }
    Ok(booking)
}

async fn known(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))
}

/// Answers once more for a booking that was made.
pub async fn created(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    pay(app, known(app, viewer, id).await?, &["booking", "paymentMethodToken"]).await
}

/// Answers once more for a payment that was to be confirmed.
pub async fn payment_confirmed(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    ask_again(app, known(app, viewer, id).await?).await
}

/// Answers once more for a booking that has taken a step.
pub async fn stepped(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    Ok(follow_up(app, known(app, viewer, id).await?).await)
}

/// Answers for a booking that was cancelled: the refund is sent, now or by the queue.
pub async fn cancelled(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    refund: Option<Uuid>,
) -> Result<(Booking, Option<Refund>), Error> {
    app.queue.wake();
    if let Err(error) = advance(app, id).await {
        tracing::warn!(booking.id = %id, %error, "a refund will be sent later");
    }
    let booking = known(app, viewer, id).await?;
    let refund = match refund {
        Some(refund) => payments::refund_by_id(app, refund).await?,
        None => None,
    };
    Ok((booking, refund))
}
