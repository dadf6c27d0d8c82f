//! Setting a guest's money aside, taking it, and letting go of it; every try written down.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::payments::escrow::settlement;
use crate::domain::payments::escrow::settlement::Shares;
use crate::domain::payments::fees::{AFTER_CHARGE, RECORD_FEE};
use crate::domain::payments::status::{Operation, Outcome, PaymentState};
use crate::domain::payments::{Payment, patiently, table};
use crate::kernel::id::{Id, Kind};
use crate::kernel::money::Money;
use crate::platform::App;
use crate::platform::fail_point;
use crate::platform::gateway::{Authorization, GatewayError, Intent, IntentState};
use crate::platform::queue::{NewJob, enqueue};

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

/// What is to be paid, by what, and whose money it will be.
pub struct Charge {
    /// The booking it is for.
    pub booking_id: Uuid,
    /// The alteration of the booking it is for, if it is not for the booking itself.
    pub alteration_id: Option<Uuid>,
    /// Who earns the host's share.
    pub host_id: Uuid,
    /// How much.
    pub amount: Money,
    /// How it is divided; the sum is the amount. What an alteration takes from one of them is below zero.
    pub shares: Shares,
    /// The processor's token for the card.
    pub method: String,
}

/// Writes down, in the caller's transaction, that something is to be paid for.
pub async fn open(app: &App, txn: &impl ConnectionTrait, charge: Charge) -> Result<Payment, Error> {
    let now = app.clock.now();
    let row = table::payment::ActiveModel {
        id: Set(app.clock.id()),
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

/// Sets the money aside, or finds out what became of an earlier try.
pub async fn reach(app: &App, payment: Uuid) -> Result<Reach, Error> {
    let payment = known(app, payment).await?;
    match payment.state {
        PaymentState::Processing => {
            fail_point::reach("authorize.asking").await;
            let answer = patiently(app.gateway.authorize(request(&payment))).await;
            fail_point::reach("authorize.answered").await;
            record(app, &payment, Operation::Authorize, answer).await
        }
        PaymentState::RequiresAction => {
            let Some(reference) = &payment.provider_reference else { return Ok(Reach::ActionRequired) };
            // The guest may have acted in the browser and never come back here.
            match patiently(app.gateway.read(reference)).await {
                Ok(Intent { state: IntentState::RequiresAction { .. }, .. }) => Ok(Reach::ActionRequired),
                answer => record(app, &payment, Operation::Confirm, answer).await,
            }
        }
        PaymentState::RequiresCapture => Ok(Reach::Authorized),
        PaymentState::Succeeded => Ok(Reach::Captured),
        PaymentState::RequiresPaymentMethod | PaymentState::Cancelled | PaymentState::Failed => Ok(Reach::Over),
    }
}

/// Goes on after the guest did what the card's bank asked for.
pub async fn confirm(app: &App, payment: Uuid) -> Result<Reach, Error> {
    let payment = known(app, payment).await?;
    let Some(reference) = payment.provider_reference.clone().filter(|_| payment.state == PaymentState::RequiresAction)
    else {
        return reach(app, payment.id).await;
    };
    fail_point::reach("confirm.asking").await;
    let answer = patiently(app.gateway.confirm(&reference)).await;
    fail_point::reach("confirm.answered").await;
    record(app, &payment, Operation::Confirm, answer).await
}

/// Takes the money that was set aside.
pub async fn capture(app: &App, payment: Uuid) -> Result<Reach, Error> {
    let payment = known(app, payment).await?;
    let Some(reference) = payment.provider_reference.clone().filter(|_| payment.state == PaymentState::RequiresCapture)
    else {
        return reach(app, payment.id).await;
    };
    fail_point::reach("capture.asking").await;
    let answer = patiently(app.gateway.capture(&reference)).await;
    fail_point::reach("capture.answered").await;
    record(app, &payment, Operation::Capture, answer).await
}

/// Lets go of a payment whose booking came to nothing. What the processor took all the same is owed back in full.
pub async fn void(app: &App, payment: Uuid) -> Result<Reach, Error> {
    let payment = known(app, payment).await?;
    match payment.state {
        PaymentState::Cancelled | PaymentState::Failed => return Ok(Reach::Over),
        PaymentState::Succeeded => return Ok(Reach::Captured),
        _ => {}
    }
    // The processor is asked what it knows first: an answer that never arrived is not a payment that never was.
    fail_point::reach("void.finding").await;
    let known = match &payment.provider_reference {
        Some(reference) => patiently(app.gateway.read(reference)).await.map(Some),
        None => patiently(app.gateway.find(&request(&payment))).await,
    };
    let known = match known {
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
        Some(intent) => {
            fail_point::reach("void.asking").await;
            patiently(app.gateway.void(&intent.reference)).await
        }
    };
    fail_point::reach("void.answered").await;
    record(app, &payment, Operation::Void, answer).await
}

fn key(payment: &Payment) -> String {
    Id::new(Kind::Payment, payment.id).to_string()
}

async fn known(app: &App, id: Uuid) -> Result<Payment, Error> {
    let payment = table::payment::Entity::find_by_id(id).one(app.db.write()).await?;
    payment.ok_or_else(|| Error::failed(format!("there is no payment {id}")))
}

fn request(payment: &Payment) -> Authorization {
    Authorization {
        idempotency_key: key(payment),
        amount_minor: payment.amount_minor,
        currency: payment.currency.clone(),
        method: payment.method.clone(),
    }
}

/// Writes the try down and moves the payment on, unless somebody else did since `seen`.
async fn record(
    app: &App,
    seen: &Payment,
    operation: Operation,
    answer: Result<Intent, GatewayError>,
) -> Result<Reach, Error> {
    let txn = app.db.begin_write().await?;
    let reach = record_in(app, &txn, seen, operation, &answer).await?;
    txn.commit().await?;
    fail_point::reach(recorded(operation)).await;
    Ok(reach)
}

/// The same in the caller's transaction.
pub(in crate::domain::payments) async fn record_in(
    app: &App,
    txn: &impl ConnectionTrait,
    seen: &Payment,
    operation: Operation,
    answer: &Result<Intent, GatewayError>,
) -> Result<Reach, Error> {
    let now = app.clock.now();
    let (outcome, reach, change) = read(seen, operation, answer);
    if let Err(error) = answer {
        tracing::warn!(payment.id = %key(seen), ?operation, %error, "the processor gave no intent");
    }
    let mut first = true;
    if let Some(state) = change.state {
        use table::payment::Column;
        fail_point::reach("record.moving").await;
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
            .exec(txn)
            .await?;
        first = moved.rows_affected > 0;
    }
    // Two who asked at once have the same answer; it is one try, and its record says so.
    if first {
        if change.state == Some(PaymentState::Succeeded) && seen.state != PaymentState::Succeeded {
            if change.captured_minor != seen.amount_minor {
                return Err(Error::failed("the processor took another amount than was asked for"));
            }
            settlement::receive(app, txn, seen).await?;
            if app.gateway.has_fees() {
                enqueue(txn, &app.clock, NewJob::about(RECORD_FEE, seen.id, now + AFTER_CHARGE)).await?;
            }
        }
        let attempt = table::attempt::ActiveModel {
            id: Set(app.clock.id()),
            payment_id: Set(seen.id),
            at: Set(now),
            operation: Set(operation),
            outcome: Set(outcome),
            decline_code: Set(change.decline_code),
        };
        fail_point::reach("record.noting").await;
        table::attempt::Entity::insert(attempt).exec_without_returning(txn).await?;
    }
    fail_point::reach(recording(operation)).await;
    Ok(reach)
}

fn recording(operation: Operation) -> &'static str {
    match operation {
        Operation::Authorize => "authorize.recording",
        Operation::Confirm => "confirm.recording",
        Operation::Capture => "capture.recording",
        Operation::Void => "void.recording",
    }
}

fn recorded(operation: Operation) -> &'static str {
    match operation {
        Operation::Authorize => "authorize.recorded",
        Operation::Confirm => "confirm.recorded",
        Operation::Capture => "capture.recorded",
        Operation::Void => "void.recorded",
    }
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
        IntentState::Processing => {
            // No verdict yet: the payment keeps its state, and learns its name if it had none.
            change.state = Some(PaymentState::Processing).filter(|&state| state == seen.state);
            return (Outcome::Unknown, Reach::Unknown, change);
        }
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
