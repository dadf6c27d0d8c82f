//! Opening a payment, authorizing its amount on the guest's card, and confirming it after the guest acted.

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ConnectionTrait};
use uuid::Uuid;

use super::attempt::{ChargeStatus, authorization, load, record};
use crate::domain::error::Error;
use crate::domain::payments::escrow::Shares;
use crate::domain::payments::gateway_timeout::with_timeout;
use crate::domain::payments::status::{Operation, PaymentState};
use crate::domain::payments::{Payment, table};
use crate::kernel::money::Money;
use crate::platform::gateway::{Intent, IntentState};
use crate::platform::{App, fail_point};

/// Maximum length of the processor's token for a payment method, in characters.
pub const MAX_PAYMENT_METHOD_CHARS: usize = 200;

/// A payment to open: the amount, the payment method, and how the amount is divided.
pub struct Charge {
    /// The booking that is paid for.
    pub booking_id: Uuid,
    /// The alteration that is paid for. `None` when the payment is for the booking itself.
    pub alteration_id: Option<Uuid>,
    /// The host, who earns the host's share.
    pub host_id: Uuid,
    /// The amount to charge.
    pub amount: Money,
    /// How the amount is divided; the shares sum to it. A share is negative if an alteration lowers it.
    pub shares: Shares,
    /// The processor's token for the payment method.
    pub method: String,
}

/// Inserts a payment in the caller's transaction. The processor is called later, by [`authorize_or_refresh`].
pub async fn open(app: &App, txn: &impl ConnectionTrait, charge: Charge) -> Result<Payment, Error> {
    let now = app.clock.now();
    let row = table::payment::ActiveModel {
        id: Set(app.clock.new_id()),
        booking_id: Set(charge.booking_id),
        alteration_id: Set(charge.alteration_id),
        host_id: Set(Some(charge.host_id)),
        state: Set(PaymentState::Processing),
        currency: Set(charge.amount.currency.code().to_owned()),
        amount_minor: Set(charge.amount.minor),
        authorized_minor: Set(0),
        captured_minor: Set(0),
        refunded_minor: Set(0),
        host_minor: Set(charge.shares.host),
        platform_minor: Set(charge.shares.platform),
        tax_minor: Set(charge.shares.tax),
        provider: Set(app.gateway.provider().to_owned()),
        provider_reference: Set(None),
        client_secret: Set(None),
        method: Set(charge.method),
        decline_code: Set(None),
        capture_before: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    Ok(row.insert(txn).await?)
}

/// Authorizes the payment's amount at the processor. Without a final answer yet, the same request is repeated with the
/// same idempotency key. While the guest has to act, the state at the processor is read instead.
pub async fn authorize_or_refresh(app: &App, payment_id: Uuid) -> Result<ChargeStatus, Error> {
    let payment = load(app, payment_id).await?;
    match payment.state {
        PaymentState::Processing => {
            fail_point::reach("authorize.asking").await;
            let answer = with_timeout(app.gateway.authorize(authorization(&payment))).await;
            fail_point::reach("authorize.answered").await;
            record(app, &payment, Operation::Authorize, answer).await
        }
        PaymentState::RequiresAction => {
            let Some(reference) = &payment.provider_reference else { return Ok(ChargeStatus::ActionRequired) };
            // The guest may have completed the action in the browser without calling this API afterwards.
            match with_timeout(app.gateway.read(reference)).await {
                Ok(Intent { state: IntentState::RequiresAction { .. }, .. }) => Ok(ChargeStatus::ActionRequired),
                answer => record(app, &payment, Operation::Confirm, answer).await,
            }
        }
        PaymentState::RequiresCapture => Ok(ChargeStatus::Authorized),
        PaymentState::Succeeded => Ok(ChargeStatus::Captured),
        PaymentState::RequiresPaymentMethod | PaymentState::Cancelled | PaymentState::Failed => {
            Ok(ChargeStatus::Closed)
        }
    }
}

/// Confirms the payment at the processor after the guest completed the action that the card's bank required.
pub async fn confirm(app: &App, payment_id: Uuid) -> Result<ChargeStatus, Error> {
    let payment = load(app, payment_id).await?;
    let Some(reference) = payment.provider_reference.clone().filter(|_| payment.state == PaymentState::RequiresAction)
    else {
        return authorize_or_refresh(app, payment.id).await;
    };
    fail_point::reach("confirm.asking").await;
    let answer = with_timeout(app.gateway.confirm(&reference)).await;
    fail_point::reach("confirm.answered").await;
    record(app, &payment, Operation::Confirm, answer).await
}
