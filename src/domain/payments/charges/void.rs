//! Voiding a payment that is no longer needed.

use uuid::Uuid;

use super::attempt::{ChargeStatus, authorization, load, record};
use crate::domain::error::Error;
use crate::domain::payments::gateway_timeout::with_timeout;
use crate::domain::payments::status::{Operation, PaymentState};
use crate::platform::gateway::{Intent, IntentState};
use crate::platform::{App, fail_point};

/// Voids the payment of a booking or an alteration that will not happen. If the processor captured the amount already,
/// the answer is [`ChargeStatus::Captured`] and the caller has to refund it in full.
pub async fn void(app: &App, payment_id: Uuid) -> Result<ChargeStatus, Error> {
    let payment = load(app, payment_id).await?;
    match payment.state {
        PaymentState::Cancelled | PaymentState::Failed => return Ok(ChargeStatus::Closed),
        PaymentState::Succeeded => return Ok(ChargeStatus::Captured),
        _ => {}
    }
    // The processor's state is read first: a request whose answer never arrived may still have taken effect.
    fail_point::reach("void.finding").await;
    let found = match &payment.provider_reference {
        Some(reference) => with_timeout(app.gateway.read(reference)).await.map(Some),
        None => with_timeout(app.gateway.find(&authorization(&payment))).await,
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return record(app, &payment, Operation::Void, Err(error)).await,
    };
    let answer = match found {
        None => Ok(Intent {
            reference: payment.provider_reference.clone().unwrap_or_else(|| format!("none:{}", payment.id)),
            state: IntentState::Cancelled,
            captured_minor: 0,
            capture_before: None,
        }),
        Some(intent) if intent.state == IntentState::Succeeded => Ok(intent),
        Some(intent) => {
            fail_point::reach("void.asking").await;
            with_timeout(app.gateway.void(&intent.reference)).await
        }
    };
    fail_point::reach("void.answered").await;
    record(app, &payment, Operation::Void, answer).await
}
