//! Capturing an authorized payment.

use uuid::Uuid;

use super::attempt::{ChargeStatus, load, record};
use super::authorize::authorize_or_refresh;
use crate::domain::error::Error;
use crate::domain::payments::gateway_timeout::with_timeout;
use crate::domain::payments::status::{Operation, PaymentState};
use crate::platform::{App, fail_point};

/// Captures the authorized amount.
pub async fn capture(app: &App, payment_id: Uuid) -> Result<ChargeStatus, Error> {
    let payment = load(app, payment_id).await?;
    let Some(reference) = payment.provider_reference.clone().filter(|_| payment.state == PaymentState::RequiresCapture)
    else {
        return authorize_or_refresh(app, payment.id).await;
    };
    fail_point::reach("capture.asking").await;
    let answer = with_timeout(app.gateway.capture(&reference)).await;
    fail_point::reach("capture.answered").await;
    record(app, &payment, Operation::Capture, answer).await
}
