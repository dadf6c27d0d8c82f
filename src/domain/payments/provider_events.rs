//! Events that the processor sends to our webhook: stored once, then handled by a job.
//!
//! **Invariant:** an event is only a hint. The handler reads the object's current state from the processor and stores
//! it. It never adds up amounts from events, so an event may arrive twice, late, out of order or not at all.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::booking_job::enqueue_advance;
use super::charges::attempt::record_in;
use super::disputes::refresh_dispute;
use super::gateway_timeout::with_timeout;
use super::refunds::reconcile::reconcile_refunds;
use super::status::{Operation, PaymentState};
use super::table::event::{ActiveModel, Column, Entity, Model};
use super::{Payment, table};
use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::gateway::{EventError, EventObject};
use crate::platform::gateway::{Intent, IntentState};
use crate::platform::queue::{NewJob, enqueue};

/// Kind of the job that handles an event.
pub const HANDLE_EVENT: &str = "handle_provider_event";

/// Whether a request to the webhook was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// The event is stored, now or by an earlier delivery.
    Stored,
    /// The request is not a valid event. Nothing was stored.
    Invalid(EventError),
}

/// Stores an event of the processor together with the job that handles it. A repeated delivery changes nothing.
pub async fn receive_event(app: &App, signature: &str, body: &[u8]) -> Result<Received, Error> {
    let event = match app.gateway.parse_event(signature, body) {
        Ok(event) => event,
        Err(bad) => return Ok(Received::Invalid(bad)),
    };
    let (id, now) = (app.clock.new_id(), app.clock.now());
    let row = ActiveModel {
        id: Set(id),
        provider: Set(app.gateway.provider().to_owned()),
        event_id: Set(event.id),
        kind: Set(event.kind),
        about: Set(event.about),
        reference: Set(event.reference),
        payment_reference: Set(event.payment_reference),
        own_key: Set(event.key),
        facts: Set(event.facts),
        created_at: Set(event.created_at),
        received_at: Set(now),
        handled_at: Set(None),
    };
    let txn = app.db.begin_write().await?;
    let skip_existing = OnConflict::columns([Column::Provider, Column::EventId]).do_nothing().to_owned();
    match Entity::insert(row).on_conflict(skip_existing).exec_without_returning(&txn).await {
        Ok(1) => {}
        Ok(_) | Err(DbErr::RecordNotInserted) => return Ok(Received::Stored),
        Err(error) => return Err(error.into()),
    }
    enqueue(&txn, &app.clock, NewJob::about(HANDLE_EVENT, id, now)).await?;
    txn.commit().await?;
    app.queue.wake();
    Ok(Received::Stored)
}

/// Handles a stored event. Repeating it changes nothing.
///
/// Fails if the processor gives no answer; the queue then runs the job again.
pub async fn handle_event(app: &App, id: Uuid) -> Result<(), Error> {
    let Some(event) = Entity::find_by_id(id).one(app.db.write()).await? else { return Ok(()) };
    if event.handled_at.is_some() {
        return Ok(());
    }
    match event.about {
        EventObject::Payment => handle_payment_event(app, &event).await?,
        EventObject::Refund => handle_refund_event(app, &event).await?,
        EventObject::Dispute => handle_dispute_event(app, &event).await?,
        EventObject::Transfer | EventObject::Payout => log_failed_transfer(&event),
        EventObject::Other => {}
    }
    Entity::update_many()
        .col_expr(Column::HandledAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(id))
        .exec(app.db.write())
        .await?;
    Ok(())
}

/// Finds the payment that an event is about, by our idempotency key or else by the processor's reference. `None` if the
/// payment is not ours: other programs may use the same account at the processor.
async fn find_payment(app: &App, event: &Model) -> Result<Option<Payment>, Error> {
    let own = event.own_key.as_deref().and_then(|key| Id::parse_as(Kind::Payment, key));
    match own {
        Some(id) => Ok(table::payment::Entity::find_by_id(id).one(app.db.write()).await?),
        None => find_payment_by_reference(app, event).await,
    }
}

async fn find_payment_by_reference(app: &App, event: &Model) -> Result<Option<Payment>, Error> {
    use table::payment::{Column, Entity};
    let Some(reference) = &event.payment_reference else { return Ok(None) };
    let by_reference = Entity::find().filter(Column::Provider.eq(&event.provider));
    Ok(by_reference.filter(Column::ProviderReference.eq(reference)).one(app.db.write()).await?)
}

/// Reads the payment's intent from the processor and records what changed.
async fn handle_payment_event(app: &App, event: &Model) -> Result<(), Error> {
    let Some(reference) = &event.payment_reference else { return Ok(()) };
    let Some(payment) = find_payment(app, event).await? else {
        tracing::info!(event.id = event.event_id, "an event is about a payment that is not ours");
        return Ok(());
    };
    let intent = with_timeout(app.gateway.read(reference)).await?;
    let is_other_intent = payment.provider_reference.as_ref().is_some_and(|own| own != reference);
    let is_closed = matches!(payment.state, PaymentState::Cancelled | PaymentState::Failed);
    if is_other_intent || (is_closed && intent.state != IntentState::Succeeded) {
        return void_unused_intent(app, &payment, &intent).await;
    }
    let Some(operation) = operation_of_change(&payment, &intent) else { return Ok(()) };
    let txn = app.db.begin_write().await?;
    record_in(app, &txn, &payment, operation, &Ok(intent)).await?;
    enqueue_advance(app, &txn, payment.booking_id, app.clock.now()).await?;
    txn.commit().await?;
    app.queue.wake();
    Ok(())
}

/// The operation whose answer would have reported this state of the intent. `None` if the payment has that state
/// already.
fn operation_of_change(payment: &Payment, intent: &Intent) -> Option<Operation> {
    match (payment.state, &intent.state) {
        (_, IntentState::Processing)
        | (PaymentState::RequiresAction, IntentState::RequiresAction { .. })
        | (PaymentState::RequiresCapture, IntentState::RequiresCapture | IntentState::RequiresAction { .. })
        | (PaymentState::Succeeded, _) => None,
        (_, IntentState::Succeeded) => Some(Operation::Capture),
        (PaymentState::RequiresCapture, _) => Some(Operation::Void),
        (PaymentState::RequiresAction, _) => Some(Operation::Confirm),
        _ => Some(Operation::Authorize),
    }
}

/// Voids an intent that no payment uses. Otherwise a guest with an old payment form could still pay there, late or
/// twice.
async fn void_unused_intent(app: &App, payment: &Payment, intent: &Intent) -> Result<(), Error> {
    let payment_id = Id::new(Kind::Payment, payment.id);
    match intent.state {
        IntentState::Cancelled => {}
        IntentState::Succeeded => {
            let reference = &intent.reference;
            tracing::error!(payment.id = %payment_id, reference, "a second intent captured money; staff must act");
        }
        _ => {
            tracing::info!(payment.id = %payment_id, "an intent that is no longer needed is voided");
            with_timeout(app.gateway.void(&intent.reference)).await?;
        }
    }
    Ok(())
}

/// Updates the refunds of the payment to the states at the processor.
async fn handle_refund_event(app: &App, event: &Model) -> Result<(), Error> {
    let Some(reference) = &event.payment_reference else { return Ok(()) };
    match find_payment_by_reference(app, event).await? {
        Some(payment) => reconcile_refunds(app, &payment, reference).await,
        None => Ok(()),
    }
}

/// Updates the dispute to its state at the processor.
async fn handle_dispute_event(app: &App, event: &Model) -> Result<(), Error> {
    let Some(reference) = &event.reference else { return Ok(()) };
    match find_payment(app, event).await? {
        Some(payment) => refresh_dispute(app, &payment, reference).await,
        None => {
            tracing::info!(event.id = event.event_id, "an event is about a payment that is not ours");
            Ok(())
        }
    }
}

/// Logs a transfer to a host that failed or was reversed. The event's row has the details; nothing else is stored.
fn log_failed_transfer(event: &Model) {
    let (reference, key) = (event.reference.as_deref(), event.own_key.as_deref());
    if event.kind.ends_with(".failed") || event.kind.ends_with(".reversed") {
        let facts = &event.facts;
        tracing::error!(event.kind, reference, key, %facts, "a transfer to a host came back; staff must act");
    }
}
