//! Recording an attempt at the processor: the attempt's row and the payment's new state, in one transaction.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::payments::escrow::receive_charge;
use crate::domain::payments::fees::{FEE_DELAY, RECORD_FEE};
use crate::domain::payments::status::{Operation, Outcome, PaymentState};
use crate::domain::payments::{Payment, table};
use crate::kernel::id::{Id, Kind};
use crate::platform::gateway::{Authorization, GatewayError, Intent, IntentState};
use crate::platform::queue::{NewJob, enqueue};
use crate::platform::{App, fail_point};

/// What a caller needs to know about a payment after the processor was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeStatus {
    /// The processor gave no final answer. Check later.
    Unknown,
    /// The guest has to act first, for example by 3-D Secure.
    ActionRequired,
    /// The amount is authorized.
    Authorized,
    /// The amount is captured.
    Captured,
    /// The payment failed or was cancelled. Nothing will be captured.
    Closed,
}

/// Loads a payment from the writer connection; fails if it does not exist.
pub(super) async fn load(app: &App, id: Uuid) -> Result<Payment, Error> {
    let payment = table::payment::Entity::find_by_id(id).one(app.db.write()).await?;
    payment.ok_or_else(|| Error::failed(format!("there is no payment {id}")))
}

/// The authorization request of a payment. It is the same on every call, so the processor recognizes a repetition.
pub(super) fn authorization(payment: &Payment) -> Authorization {
    Authorization {
        idempotency_key: idempotency_key(payment),
        amount_minor: payment.amount_minor,
        currency: payment.currency.clone(),
        method: payment.method.clone(),
    }
}

fn idempotency_key(payment: &Payment) -> String {
    Id::new(Kind::Payment, payment.id).to_string()
}

/// Records the attempt and changes the payment's state, unless the payment changed since `seen` was read.
pub(super) async fn record(
    app: &App,
    seen: &Payment,
    operation: Operation,
    answer: Result<Intent, GatewayError>,
) -> Result<ChargeStatus, Error> {
    let txn = app.db.begin_write().await?;
    let status = record_in(app, &txn, seen, operation, &answer).await?;
    txn.commit().await?;
    fail_point::reach(recorded_fail_point(operation)).await;
    Ok(status)
}

/// Does the same as [`record`], in the caller's transaction.
pub(in crate::domain::payments) async fn record_in(
    app: &App,
    txn: &impl ConnectionTrait,
    seen: &Payment,
    operation: Operation,
    answer: &Result<Intent, GatewayError>,
) -> Result<ChargeStatus, Error> {
    let (outcome, status, update) = interpret(seen, operation, answer);
    if let Err(error) = answer {
        tracing::warn!(payment.id = %idempotency_key(seen), ?operation, %error, "the processor returned no intent");
    }
    // Two callers that asked at the same time get the same answer. It is one attempt, recorded by the first of them.
    if update_payment(app, txn, seen, &update).await? {
        if update.state == Some(PaymentState::Succeeded) && seen.state != PaymentState::Succeeded {
            record_capture(app, txn, seen, update.captured_minor).await?;
        }
        let attempt = table::attempt::ActiveModel {
            id: Set(app.clock.new_id()),
            payment_id: Set(seen.id),
            at: Set(app.clock.now()),
            operation: Set(operation),
            outcome: Set(outcome),
            decline_code: Set(update.decline_code),
        };
        fail_point::reach("record.noting").await;
        table::attempt::Entity::insert(attempt).exec_without_returning(txn).await?;
    }
    fail_point::reach(recording_fail_point(operation)).await;
    Ok(status)
}

/// Updates the payment if it is still in the state that was seen. Returns false if another caller was faster.
async fn update_payment(
    app: &App,
    txn: &impl ConnectionTrait,
    seen: &Payment,
    update: &PaymentUpdate,
) -> Result<bool, Error> {
    use table::payment::Column;
    let Some(state) = update.state else { return Ok(true) };
    fail_point::reach("record.moving").await;
    let updated = table::payment::Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::AuthorizedMinor, Expr::value(update.authorized_minor))
        .col_expr(Column::CapturedMinor, Expr::value(update.captured_minor))
        .col_expr(Column::ProviderReference, Expr::value(update.reference.clone()))
        .col_expr(Column::ClientSecret, Expr::value(update.client_secret.clone()))
        .col_expr(Column::DeclineCode, Expr::value(update.decline_code.clone()))
        .col_expr(Column::CaptureBefore, Expr::value(update.capture_before))
        .col_expr(Column::UpdatedAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(seen.id))
        .filter(Column::State.eq(seen.state))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Puts the captured amount into the booking's escrow, and schedules the job that records the processor's fee.
async fn record_capture(
    app: &App,
    txn: &impl ConnectionTrait,
    payment: &Payment,
    captured_minor: i64,
) -> Result<(), Error> {
    if captured_minor != payment.amount_minor {
        return Err(Error::failed("the processor captured a different amount than was requested"));
    }
    receive_charge(app, txn, payment).await?;
    if app.gateway.has_fees() {
        let at = app.clock.now() + FEE_DELAY;
        enqueue(txn, &app.clock, NewJob::about(RECORD_FEE, payment.id, at)).await?;
    }
    Ok(())
}

fn recording_fail_point(operation: Operation) -> &'static str {
    match operation {
        Operation::Authorize => "authorize.recording",
        Operation::Confirm => "confirm.recording",
        Operation::Capture => "capture.recording",
        Operation::Void => "void.recording",
    }
}

fn recorded_fail_point(operation: Operation) -> &'static str {
    match operation {
        Operation::Authorize => "authorize.recorded",
        Operation::Confirm => "confirm.recorded",
        Operation::Capture => "capture.recorded",
        Operation::Void => "void.recorded",
    }
}

/// The new values of a payment's columns. Without a `state` the payment is not updated.
#[derive(Default)]
struct PaymentUpdate {
    state: Option<PaymentState>,
    authorized_minor: i64,
    captured_minor: i64,
    reference: Option<String>,
    client_secret: Option<String>,
    decline_code: Option<String>,
    capture_before: Option<chrono::DateTime<chrono::Utc>>,
}

/// Derives the attempt's outcome, the status for the caller and the payment's update from the processor's answer.
fn interpret(
    seen: &Payment,
    operation: Operation,
    answer: &Result<Intent, GatewayError>,
) -> (Outcome, ChargeStatus, PaymentUpdate) {
    let intent = match answer {
        Ok(intent) => intent,
        Err(GatewayError::Unknown(_)) => return (Outcome::Unknown, ChargeStatus::Unknown, PaymentUpdate::default()),
        Err(GatewayError::Refused(reason)) => {
            let update = PaymentUpdate {
                state: Some(PaymentState::Failed),
                reference: seen.provider_reference.clone(),
                decline_code: Some(reason.clone()),
                ..PaymentUpdate::default()
            };
            return (Outcome::Declined, ChargeStatus::Closed, update);
        }
    };
    let mut update = PaymentUpdate {
        reference: Some(intent.reference.clone()),
        capture_before: intent.capture_before,
        ..PaymentUpdate::default()
    };
    let (outcome, status, state) = match &intent.state {
        IntentState::Processing => {
            // No decision yet: the payment keeps its state. A payment that is still processing stores the reference.
            update.state = Some(PaymentState::Processing).filter(|&state| state == seen.state);
            return (Outcome::Unknown, ChargeStatus::Unknown, update);
        }
        IntentState::RequiresAction { client_secret } => {
            update.client_secret = Some(client_secret.clone());
            (Outcome::ActionRequired, ChargeStatus::ActionRequired, PaymentState::RequiresAction)
        }
        IntentState::RequiresCapture => {
            update.authorized_minor = seen.amount_minor;
            (Outcome::Succeeded, ChargeStatus::Authorized, PaymentState::RequiresCapture)
        }
        IntentState::Succeeded => {
            update.authorized_minor = seen.amount_minor;
            update.captured_minor = intent.captured_minor;
            (Outcome::Succeeded, ChargeStatus::Captured, PaymentState::Succeeded)
        }
        IntentState::Cancelled => {
            let outcome = if operation == Operation::Void { Outcome::Succeeded } else { Outcome::Declined };
            (outcome, ChargeStatus::Closed, PaymentState::Cancelled)
        }
        IntentState::Failed { decline_code } => {
            update.decline_code = Some(decline_code.clone());
            (Outcome::Declined, ChargeStatus::Closed, PaymentState::Failed)
        }
    };
    update.state = Some(state);
    (outcome, status, update)
}
