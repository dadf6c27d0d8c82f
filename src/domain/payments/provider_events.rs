//! What the processor tells on its own account: written down once, then looked into by a job.
//!
//! **Invariant:** an event says where to look. The handler asks the processor how things stand and sets that; it adds
//! nothing up, so events may come twice, late, in any order or not at all.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::charges::authorize::record_in;
use super::refunds::send::{settle, state};
use super::status::{Operation, PaymentState, RefundState};
use super::table::event::{ActiveModel, Column, Entity, Model};
use super::{LOOK_AT_BOOKING, Payment, disputes, patiently, table};
use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::App;
use crate::platform::gateway::event::{About, BadEvent};
use crate::platform::gateway::{Intent, IntentState};
use crate::platform::queue::{NewJob, enqueue};

/// The job that looks into an event.
pub const HANDLE_EVENT: &str = "handle_provider_event";

/// What became of a message that claims to be an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is written down, now or when it came before.
    Known,
    /// It is none; nothing was written.
    Bad(BadEvent),
}

/// Writes an event of the processor's down, with the job that looks into it. One that came before changes nothing.
pub async fn receive_event(app: &App, signature: &str, body: &[u8]) -> Result<Received, Error> {
    let event = match app.gateway.event(signature, body) {
        Ok(event) => event,
        Err(bad) => return Ok(Received::Bad(bad)),
    };
    let (id, now) = (app.clock.id(), app.clock.now());
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
    let known = OnConflict::columns([Column::Provider, Column::EventId]).do_nothing().to_owned();
    match Entity::insert(row).on_conflict(known).exec_without_returning(&txn).await {
        Ok(1) => {}
        Ok(_) | Err(DbErr::RecordNotInserted) => return Ok(Received::Known),
        Err(error) => return Err(error.into()),
    }
    enqueue(&txn, &app.clock, NewJob::about(HANDLE_EVENT, id, now)).await?;
    txn.commit().await?;
    app.queue.wake();
    Ok(Received::Known)
}

/// Looks into an event. Repeating it changes nothing; without an answer of the processor's it fails, to be tried again.
pub async fn handle_event(app: &App, id: Uuid) -> Result<(), Error> {
    let Some(event) = Entity::find_by_id(id).one(app.db.write()).await? else { return Ok(()) };
    if event.handled_at.is_some() {
        return Ok(());
    }
    match event.about {
        About::Payment => payment_told(app, &event).await?,
        About::Refund => refunds_told(app, &event).await?,
        About::Dispute => dispute_told(app, &event).await?,
        About::Transfer | About::Payout => transfer_told(&event),
        About::Other => {}
    }
    Entity::update_many()
        .col_expr(Column::HandledAt, Expr::value(app.clock.now()))
        .filter(Column::Id.eq(id))
        .exec(app.db.write())
        .await?;
    Ok(())
}

/// The payment an event is about: by the name we gave it, else by the processor's name for it. Other programs may use
/// the same account, so there may be none.
async fn payment_of(app: &App, event: &Model) -> Result<Option<Payment>, Error> {
    use table::payment::{Column, Entity};
    let own = event.own_key.as_deref().and_then(|key| Id::parse_as(Kind::Payment, key));
    if let Some(id) = own {
        return Ok(Entity::find_by_id(id).one(app.db.write()).await?);
    }
    let Some(reference) = &event.payment_reference else { return Ok(None) };
    let by_reference = Entity::find().filter(Column::Provider.eq(&event.provider));
    Ok(by_reference.filter(Column::ProviderReference.eq(reference)).one(app.db.write()).await?)
}

/// Something happened to a payment.
async fn payment_told(app: &App, event: &Model) -> Result<(), Error> {
    let Some(reference) = &event.payment_reference else { return Ok(()) };
    let Some(payment) = payment_of(app, event).await? else {
        tracing::info!(event.id = event.event_id, "an event is about a payment that is not ours");
        return Ok(());
    };
    let intent = patiently(app.gateway.read(reference)).await?;
    let is_another = payment.provider_reference.as_ref().is_some_and(|known| known != reference);
    let is_over = matches!(payment.state, PaymentState::Cancelled | PaymentState::Failed);
    if is_another || (is_over && intent.state != IntentState::Succeeded) {
        return let_go(app, &payment, &intent).await;
    }
    let Some(operation) = news(&payment, &intent) else { return Ok(()) };
    let txn = app.db.begin_write().await?;
    record_in(app, &txn, &payment, operation, &Ok(intent)).await?;
    look_at_booking(app, &txn, &payment).await?;
    txn.commit().await?;
    app.queue.wake();
    Ok(())
}

/// What we would have had to ask for to learn this from the answer; nothing when we know it already.
fn news(payment: &Payment, intent: &Intent) -> Option<Operation> {
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

/// Closes an intent that nobody waits for any longer: a guest with an old form could still pay there, late, or again.
async fn let_go(app: &App, payment: &Payment, intent: &Intent) -> Result<(), Error> {
    let payment_id = Id::new(Kind::Payment, payment.id);
    match intent.state {
        IntentState::Cancelled => {}
        IntentState::Succeeded => {
            let reference = &intent.reference;
            tracing::error!(payment.id = %payment_id, reference, "a second intent took money; it needs a person");
        }
        _ => {
            tracing::info!(payment.id = %payment_id, "an intent that came too late is let go");
            patiently(app.gateway.void(&intent.reference)).await?;
        }
    }
    Ok(())
}

/// Something happened to the refunds of a payment: each of ours is set to where it stands.
async fn refunds_told(app: &App, event: &Model) -> Result<(), Error> {
    let Some(reference) = &event.payment_reference else { return Ok(()) };
    use table::payment::{Column, Entity};
    let payment = Entity::find().filter(Column::Provider.eq(&event.provider));
    let payment = payment.filter(Column::ProviderReference.eq(reference)).one(app.db.write()).await?;
    let Some(payment) = payment else { return Ok(()) };
    let reports = patiently(app.gateway.refunds(reference)).await?;
    let ours = table::refund::Entity::find().filter(table::refund::Column::PaymentId.eq(payment.id));
    let ours = ours.all(app.db.write()).await?;
    let txn = app.db.begin_write().await?;
    let mut moved = false;
    for report in reports {
        let key = report.key.as_deref().and_then(|key| Id::parse_as(Kind::Refund, key.split(':').next()?));
        let is_it = |refund: &&super::Refund| {
            Some(refund.id) == key || refund.provider_reference.as_ref() == Some(&report.reference)
        };
        let Some(refund) = ours.iter().find(is_it) else {
            tracing::warn!(refund.reference = report.reference, "a refund was made that nobody here asked for");
            continue;
        };
        let to = state(&report.progress);
        if settle(app, &txn, refund, to, Some(report.reference)).await? {
            moved = true;
            if to == RefundState::Failed {
                let refund_id = Id::new(Kind::Refund, refund.id);
                tracing::error!(refund.id = %refund_id, progress = ?report.progress, "a refund came back; it needs a person");
            }
        }
    }
    if moved {
        look_at_booking(app, &txn, &payment).await?;
    }
    txn.commit().await?;
    app.queue.wake();
    Ok(())
}

async fn look_at_booking(app: &App, txn: &impl ConnectionTrait, payment: &Payment) -> Result<(), Error> {
    let now = app.clock.now();
    Ok(enqueue(txn, &app.clock, NewJob::about(LOOK_AT_BOOKING, payment.booking_id, now)).await?)
}

/// A guest's bank wants money back, or has decided.
async fn dispute_told(app: &App, event: &Model) -> Result<(), Error> {
    let Some(reference) = &event.reference else { return Ok(()) };
    match payment_of(app, event).await? {
        Some(payment) => disputes::look(app, &payment, reference).await,
        None => {
            tracing::info!(event.id = event.event_id, "an event is about a payment that is not ours");
            Ok(())
        }
    }
}

/// Money on its way to a host moved, or did not. What was told is in the event's row.
fn transfer_told(event: &Model) {
    let (reference, key) = (event.reference.as_deref(), event.own_key.as_deref());
    if event.kind.ends_with(".failed") || event.kind.ends_with(".reversed") {
        tracing::error!(event.kind, reference, key, facts = %event.facts, "a host's money came back; it needs a person");
    }
}
