//! Setting a guest's money aside, taking it, and letting go of it; every try written down.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::state::{Operation, Outcome, PaymentState};
use super::{Payment, of_booking, table};
use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::kernel::money::Money;
use crate::platform::App;
use crate::platform::gateway::{Answer, Authorization, GatewayError, Intent, IntentState};

/// How long an answer of the processor is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a payment stands after the processor was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// No answer; ask again later.
    Unknown,
    /// The guest must act first.
    ActionRequired,
    /// The money is set aside.
    Authorized,
    /// The money is taken.
    Captured,
    /// There will be no money.
    Over,
}

/// Writes down, in the caller's transaction, that a booking is to be paid for.
pub async fn open(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    amount: Money,
    method: String,
) -> Result<Payment, Error> {
    let now = app.clock.now();
    let row = table::payment::ActiveModel {
        id: Set(app.clock.id()),
        booking_id: Set(booking_id),
        state: Set(PaymentState::Processing),
        currency: Set(amount.currency.code().to_owned()),
        amount_minor: Set(amount.minor),
        authorized_minor: Set(0),
        captured_minor: Set(0),
        refunded_minor: Set(0),
        provider: Set(app.gateway.provider().to_owned()),
        provider_reference: Set(None),
        client_secret: Set(None),
        method: Set(method),
        decline_code: Set(None),
        capture_before: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    };
    Ok(row.insert(txn).await?)
}

/// Sets the money aside, or finds out what became of an earlier try.
pub async fn reach(app: &App, booking_id: Uuid) -> Result<Reach, Error> {
    let payment = of_booking(app.db.read(), booking_id).await?;
    match payment.state {
        PaymentState::Processing => {
            let answer = patiently(app.gateway.authorize(request(&payment))).await;
            record(app, &payment, Operation::Authorize, answer).await
        }
        PaymentState::RequiresAction => Ok(Reach::ActionRequired),
        PaymentState::RequiresCapture => Ok(Reach::Authorized),
        PaymentState::Succeeded => Ok(Reach::Captured),
        PaymentState::RequiresPaymentMethod | PaymentState::Cancelled | PaymentState::Failed => Ok(Reach::Over),
    }
}

/// Goes on after the guest did what the card's bank asked for.
pub async fn confirm(app: &App, booking_id: Uuid) -> Result<Reach, Error> {
    let payment = of_booking(app.db.read(), booking_id).await?;
    let Some(reference) = payment.provider_reference.clone().filter(|_| payment.state == PaymentState::RequiresAction)
    else {
        return reach(app, booking_id).await;
    };
    let answer = patiently(app.gateway.confirm(&reference)).await;
    record(app, &payment, Operation::Confirm, answer).await
}

/// Takes the money that was set aside.
pub async fn capture(app: &App, booking_id: Uuid) -> Result<Reach, Error> {
    let payment = of_booking(app.db.read(), booking_id).await?;
    let Some(reference) = payment.provider_reference.clone().filter(|_| payment.state == PaymentState::RequiresCapture)
    else {
        return reach(app, booking_id).await;
    };
    let answer = patiently(app.gateway.capture(&reference)).await;
    record(app, &payment, Operation::Capture, answer).await
}

/// Lets go of a payment whose booking came to nothing. What the processor took all the same is owed back in full.
pub async fn void(app: &App, booking_id: Uuid) -> Result<Reach, Error> {
    let payment = of_booking(app.db.read(), booking_id).await?;
    if matches!(payment.state, PaymentState::Cancelled | PaymentState::Failed) {
        return Ok(Reach::Over);
    }
    // The processor is asked what it knows first: an answer that never arrived is not a payment that never was.
    let known = match patiently(app.gateway.find(&request(&payment))).await {
        Ok(known) => known,
        Err(error) => return record(app, &payment, Operation::Void, Err(error)).await,
    };
    let answer = match known {
        None => Ok(Intent {
            reference: payment.provider_reference.clone().unwrap_or_else(|| format!("none:{}", payment.id)),
            state: IntentState::Cancelled,
            captured_minor: 0,
            capture_before: None,
        }),
        Some(intent) if intent.state == IntentState::Succeeded => Ok(intent),
        Some(intent) => patiently(app.gateway.void(&intent.reference)).await,
    };
    record(app, &payment, Operation::Void, answer).await
}

fn key(payment: &Payment) -> String {
    Id::new(Kind::Payment, payment.id).to_string()
}

fn request(payment: &Payment) -> Authorization {
    Authorization {
        idempotency_key: key(payment),
        amount_minor: payment.amount_minor,
        currency: payment.currency.clone(),
        method: payment.method.clone(),
    }
}

async fn patiently<T>(answer: Answer<'_, T>) -> Result<T, GatewayError> {
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| Err(GatewayError::Unknown("no answer within 10 seconds".into())))
}

/// Writes the try down and moves the payment on, unless somebody else did since `seen`.
async fn record(
    app: &App,
    seen: &Payment,
    operation: Operation,
    answer: Result<Intent, GatewayError>,
) -> Result<Reach, Error> {
    let now = app.clock.now();
    let (outcome, reach, change) = read(seen, operation, &answer);
    if let Err(error) = &answer {
        tracing::warn!(payment.id = %key(seen), ?operation, %error, "the processor gave no intent");
    }
    let txn = app.db.begin_write().await?;
    let mut first = true;
    if let Some(state) = change.state {
        use table::payment::Column;
        let moved = table::payment::Entity::update_many()
            .col_expr(Column::State, Expr::value(state))
            .col_expr(Column::AuthorizedMinor, Expr::value(change.authorized_minor))
            .col_expr(Column::CapturedMinor, Expr::value(change.captured_minor))
            .col_expr(Column::ProviderReference, Expr::value(change.reference))
            .col_expr(Column::ClientSecret, Expr::value(change.client_secret))
            .col_expr(Column::DeclineCode, Expr::value(change.decline_code.clone()))
            .col_expr(Column::CaptureBefore, Expr::value(change.capture_before))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::Id.eq(seen.id))
            .filter(Column::State.eq(seen.state))
            .exec(&txn)
            .await?;
        first = moved.rows_affected > 0;
    }
    // Two who asked at once have the same answer; it is one try, and its record says so.
    if first {
        let attempt = table::attempt::ActiveModel {
            id: Set(app.clock.id()),
            payment_id: Set(seen.id),
            at: Set(now),
            operation: Set(operation),
            outcome: Set(outcome),
            decline_code: Set(change.decline_code),
        };
        table::attempt::Entity::insert(attempt).exec_without_returning(&txn).await?;
    }
    txn.commit().await?;
    Ok(reach)
}

#[derive(Default)]
struct Change {
    state: Option<PaymentState>,
    authorized_minor: i64,
    captured_minor: i64,
    reference: Option<String>,
    client_secret: Option<String>,
    decline_code: Option<String>,
    capture_before: Option<chrono::DateTime<chrono::Utc>>,
}

fn read(seen: &Payment, operation: Operation, answer: &Result<Intent, GatewayError>) -> (Outcome, Reach, Change) {
    let intent = match answer {
        Ok(intent) => intent,
        Err(GatewayError::Unknown(_)) => return (Outcome::Unknown, Reach::Unknown, Change::default()),
        Err(GatewayError::Refused(reason)) => {
            let change = Change {
                state: Some(PaymentState::Failed),
                reference: seen.provider_reference.clone(),
                decline_code: Some(reason.clone()),
                ..Change::default()
            };
            return (Outcome::Declined, Reach::Over, change);
        }
    };
    let mut change = Change {
        reference: Some(intent.reference.clone()),
        capture_before: intent.capture_before,
        ..Change::default()
    };
    let (outcome, reach, state) = match &intent.state {
        IntentState::RequiresAction { client_secret } => {
            change.client_secret = Some(client_secret.clone());
            (Outcome::ActionRequired, Reach::ActionRequired, PaymentState::RequiresAction)
        }
        IntentState::RequiresCapture => {
            change.authorized_minor = seen.amount_minor;
            (Outcome::Succeeded, Reach::Authorized, PaymentState::RequiresCapture)
        }
        IntentState::Succeeded => {
            change.authorized_minor = seen.amount_minor;
            change.captured_minor = intent.captured_minor;
            (Outcome::Succeeded, Reach::Captured, PaymentState::Succeeded)
        }
        IntentState::Cancelled => {
            let outcome = if operation == Operation::Void { Outcome::Succeeded } else { Outcome::Declined };
            (outcome, Reach::Over, PaymentState::Cancelled)
        }
        IntentState::Failed { decline_code } => {
            change.decline_code = Some(decline_code.clone());
            (Outcome::Declined, Reach::Over, PaymentState::Failed)
        }
    };
    change.state = Some(state);
    (outcome, reach, change)
}
