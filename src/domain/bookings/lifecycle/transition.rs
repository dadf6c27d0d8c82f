//! One step in the life of a booking: a compare-and-set, its event, and the jobs that follow from it.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::Value;
use uuid::Uuid;

use super::progress::ADVANCE;
use super::state::{Action, Actor, BookingState, Hour, allowed};
use crate::domain::bookings::notices;
use crate::domain::bookings::notices::Deed;
use crate::domain::bookings::{Booking, subscription, table};
use crate::domain::error::{Code, Detail, Error, Refusal};
use crate::domain::payments;
use crate::kernel::local_time::date_in;
use crate::platform::database::Transaction;
use crate::platform::queue::{NewJob, enqueue};
use crate::platform::{App, fail_point};

/// How long after the earliest arrival a guest may still be on the way.
const NO_SHOW_PATIENCE: TimeDelta = TimeDelta::hours(6);

/// Who takes a step, and as what.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain::bookings) struct By {
    pub actor: Actor,
    pub user_id: Option<Uuid>,
}

impl By {
    pub(in crate::domain::bookings) const SYSTEM: By = By { actor: Actor::System, user_id: None };
}

/// What a step changes besides the state.
pub(in crate::domain::bookings) struct Step<'a> {
    pub to: BookingState,
    /// The word for the event row.
    pub action: &'a str,
    pub by: By,
    pub data: Option<Value>,
    /// The change of the stay that the step is about.
    pub alteration_id: Option<Uuid>,
    pub expires_at: Option<DateTime<Utc>>,
    /// What else changes about the row.
    pub change: table::booking::ActiveModel,
    /// When the booking is to be looked at again.
    pub look_again: Vec<DateTime<Utc>>,
    /// Whether guest and host are told; not where a later step of the same transaction says it all.
    pub is_news: bool,
}

impl<'a> Step<'a> {
    pub(in crate::domain::bookings) fn new(to: BookingState, action: &'a str, by: By) -> Self {
        Step {
            to,
            action,
            by,
            data: None,
            alteration_id: None,
            expires_at: None,
            change: table::booking::ActiveModel::default(),
            look_again: Vec::new(),
            is_news: true,
        }
    }
}

/// Takes a step from the state and version that were seen, or nothing when somebody else was faster.
pub(in crate::domain::bookings) async fn take(
    app: &App,
    txn: &Transaction,
    seen: &Booking,
    step: Step<'_>,
) -> Result<Option<Booking>, Error> {
    use table::booking::{ActiveModel, Column, Entity};
    let now = app.clock.now();
    let change = ActiveModel {
        state: Set(step.to),
        version: Set(seen.version + 1),
        expires_at: Set(step.expires_at),
        updated_at: Set(now),
        ended_at: if step.to.is_over() && !seen.state.is_over() { Set(Some(now)) } else { NotSet },
        ..step.change
    };
    fail_point::reach("step.taking").await;
    let taken = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(seen.id))
        .filter(Column::State.eq(seen.state))
        .filter(Column::Version.eq(seen.version))
        .exec_with_returning(txn)
        .await?;
    let Some(booking) = taken.into_iter().next() else { return Ok(None) };
    fail_point::reach("step.noting").await;
    let data = step.data.clone();
    note(app, txn, &booking, Some(seen.state), step.to, step.by, step.action, data).await?;
    fail_point::reach("step.telling").await;
    if step.is_news {
        let deed = Deed { action: step.action, by: step.by, data: step.data, about: step.alteration_id };
        notices::tell(app, txn, &booking, &deed).await?;
    }
    fail_point::reach("step.queueing").await;
    for at in step.look_again {
        enqueue(txn, &app.clock, NewJob::about(ADVANCE, seen.id, at)).await?;
    }
    Ok(Some(booking))
}

/// Writes the event of a step, and tells who listens once it is committed.
#[expect(clippy::too_many_arguments, reason = "these are the columns of the row")]
pub(in crate::domain::bookings) async fn note(
    app: &App,
    txn: &Transaction,
    booking: &Booking,
    from: Option<BookingState>,
    to: BookingState,
    by: By,
    action: &str,
    data: Option<Value>,
) -> Result<(), Error> {
    let id = app.clock.id();
    let event = table::event::ActiveModel {
        id: Set(id),
        booking_id: Set(booking.id),
        at: Set(app.clock.now()),
        actor: Set(by.actor),
        user_id: Set(by.user_id),
        from_state: Set(from),
        to_state: Set(to),
        action: Set(action.to_owned()),
        data: Set(data),
    };
    table::event::Entity::insert(event).exec_without_returning(txn).await?;
    subscription::announce(txn, booking, id);
    Ok(())
}

/// Refuses `action` unless the booking's state allows it to that actor now.
pub(in crate::domain::bookings) fn require(
    app: &App,
    booking: &Booking,
    actor: Actor,
    action: Action,
) -> Result<(), Error> {
    let possible = possible(app, booking, actor)?;
    if possible.contains(&action) {
        return Ok(());
    }
    Err(conflict(booking, &possible))
}

/// What the actor may do with the booking now.
pub(in crate::domain::bookings) fn possible(app: &App, booking: &Booking, actor: Actor) -> Result<Vec<Action>, Error> {
    let zone = booking.time_zone.parse().map_err(|_| Error::failed("the booking's zone is unknown"))?;
    let now = app.clock.now();
    let hour = Hour {
        arrival_day: date_in(now, zone) >= booking.check_in,
        missing: booking.seen_at.is_none() && now >= booking.check_in_at + NO_SHOW_PATIENCE,
    };
    Ok(allowed(booking.state, actor, hour))
}

/// Refuses while a charge of the booking is under way: its money can be divided once all of it is there. Keeps the
/// escrow as it is until the transaction ends.
pub(in crate::domain::bookings) async fn paid_in_full(txn: &Transaction, booking: &Booking) -> Result<(), Error> {
    let held = payments::escrow::lock(txn, booking.id).await?.map_or(0, |escrow| escrow.shares().sum());
    if held + booking.refunded_minor == booking.total_minor {
        return Ok(());
    }
    Err(Error::refused(Code::StateConflict, &["id"], "the charge is still on its way; try again in a minute"))
}

/// The refusal that tells where the booking stands and what may be done.
pub(in crate::domain::bookings) fn conflict(booking: &Booking, possible: &[Action]) -> Error {
    let allowed = possible.iter().map(|action| action.word().to_owned()).collect();
    let message = format!("a booking that is {} does not allow this now", booking.state.word());
    let detail = Detail::State(booking.state.word(), allowed);
    Refusal::at(Code::StateConflict, &["id"], message).with(detail).into()
}
