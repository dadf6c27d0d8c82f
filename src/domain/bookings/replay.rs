//! Responses of mutations whose effect is committed: the work after the transaction, for the first run and for a replay
//! with the same idempotency key. A replay continues where the first run stopped.

use uuid::Uuid;

use super::alterations::{self, Alteration};
use super::progress::{advance, follow_up};
use super::state::{AlterationState, BookingState};
use super::{Booking, read};
use crate::domain::error::{Code, Error};
use crate::domain::payments::status::PaymentState;
use crate::domain::payments::{self, ChargeStatus, Refund};
use crate::domain::viewer::Viewer;
use crate::platform::App;

const DIFFERENCE_DECLINED: &str = "the card was declined for the difference; the booking is unchanged";

async fn load_booking(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    read::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))
}

async fn load_alteration(app: &App, viewer: &Viewer, id: Uuid) -> Result<(Alteration, Booking), Error> {
    alterations::by_id(app, viewer, id).await?.ok_or_else(|| Error::not_found(&["id"]))
}

/// Rebuilds the response of `bookingCreate`.
pub async fn create(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    finish_payment(app, load_booking(app, viewer, id).await?, &["booking", "paymentMethodToken"]).await
}

/// Rebuilds the response of `bookingPaymentConfirm`.
pub async fn confirm_payment(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    finish_confirmation(app, load_booking(app, viewer, id).await?).await
}

/// Rebuilds the response of a mutation that applied one transition to a booking, such as `bookingAccept`.
pub async fn transition(app: &App, viewer: &Viewer, id: Uuid) -> Result<Booking, Error> {
    Ok(follow_up(app, load_booking(app, viewer, id).await?).await)
}

/// Rebuilds the response of `bookingCancel` or `bookingRefund`. The refund is sent now, or later by the queue.
pub async fn cancel(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    refund: Option<Uuid>,
) -> Result<(Booking, Option<Refund>), Error> {
    app.queue.wake();
    if let Err(error) = advance(app, id).await {
        tracing::warn!(booking.id = %id, %error, "refund is not sent yet; the queue will try again");
    }
    let booking = load_booking(app, viewer, id).await?;
    let refund = match refund {
        Some(refund) => payments::refund_by_id(app, refund).await?,
        None => None,
    };
    Ok((booking, refund))
}

/// Rebuilds the response of `bookingAlterationRequest`.
pub async fn request_alteration(app: &App, viewer: &Viewer, id: Uuid) -> Result<(Booking, Alteration), Error> {
    let (alteration, mut booking) = load_alteration(app, viewer, id).await?;
    if alteration.state == AlterationState::Accepted {
        booking = follow_up(app, booking).await;
    }
    Ok((booking, alteration))
}

/// Rebuilds the response of an answer to an alteration, such as `bookingAlterationAccept`.
pub async fn respond_to_alteration(app: &App, viewer: &Viewer, id: Uuid) -> Result<(Booking, Alteration), Error> {
    let (_, booking) = load_alteration(app, viewer, id).await?;
    let booking = follow_up(app, booking).await;
    check_difference(app, viewer, booking, id).await
}

/// Advances a new booking as far as the processor's answer allows. A declined card is a refusal.
pub(super) async fn finish_payment(app: &App, booking: Booking, field: &[&str]) -> Result<Booking, Error> {
    let booking = follow_up(app, booking).await;
    if booking.state == BookingState::PaymentExpired {
        return Err(payment_refusal(app, booking.id, field).await?);
    }
    Ok(booking)
}

/// Continues a payment after the guest did what the bank asked for. Refuses if the bank still asks for it.
pub(super) async fn finish_confirmation(app: &App, booking: Booking) -> Result<Booking, Error> {
    let difference = alterations::confirm_difference(app, &booking).await?;
    let status = match difference {
        Some(status) => status,
        None => payments::confirm(app, payments::load_for_booking(app.db.read(), booking.id).await?.id).await?,
    };
    if status == ChargeStatus::ActionRequired {
        let message = "the bank still waits for the guest's confirmation; complete it there first";
        return Err(Error::refused(Code::PaymentActionRequired, &["id"], message));
    }
    let booking = finish_payment(app, booking, &["id"]).await?;
    if difference == Some(ChargeStatus::Closed) {
        return Err(Error::refused(Code::PaymentDeclined, &["id"], DIFFERENCE_DECLINED));
    }
    Ok(booking)
}

/// The booking and its alteration after an answer. Refuses if the card was declined for the difference.
pub(super) async fn check_difference(
    app: &App,
    viewer: &Viewer,
    booking: Booking,
    alteration_id: Uuid,
) -> Result<(Booking, Alteration), Error> {
    let (alteration, _) = load_alteration(app, viewer, alteration_id).await?;
    let has_payment = payments::find_for_alteration(app.db.read(), alteration_id).await?.is_some();
    if has_payment && alteration.state == AlterationState::Declined {
        return Err(Error::refused(Code::PaymentDeclined, &["paymentMethodToken"], DIFFERENCE_DECLINED));
    }
    Ok((booking, alteration))
}

/// The refusal when the payment of a booking failed, with the processor's reason.
async fn payment_refusal(app: &App, booking_id: Uuid, field: &[&str]) -> Result<Error, Error> {
    let payment = payments::load_for_booking(app.db.read(), booking_id).await?;
    let message = match payment.decline_code.filter(|_| payment.state == PaymentState::Failed) {
        Some(reason) => format!("the card was declined: {reason}"),
        None => "the payment was not completed in time; there is no booking and nothing was charged".to_owned(),
    };
    Ok(Error::refused(Code::PaymentDeclined, field, message))
}
