//! One transition of a booking: a compare-and-set, its event, its notices and the jobs that follow, in one transaction.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::advance_job::queue_advance;
use crate::domain::bookings::announce::announce_event;
use crate::domain::bookings::deadlines::FOLLOW_UP_DELAY;
use crate::domain::bookings::event::{ActedBy, EventDetails, EventKind};
use crate::domain::bookings::notices::{Transitioned, notify_sides};
use crate::domain::bookings::state::BookingState;
use crate::domain::bookings::{Booking, table};
use crate::domain::error::Error;
use crate::platform::database::Transaction;
use crate::platform::{App, fail_point};

/// A transition to apply to a booking.
pub(in crate::domain::bookings) struct Transition {
    /// The new state. It can be the current one: then only the event and the changes count.
    pub to: BookingState,
    pub kind: EventKind,
    pub by: ActedBy,
    /// The details of the event, such as a note.
    pub details: EventDetails,
    /// When the new state expires. None if it does not.
    pub expires_at: Option<DateTime<Utc>>,
    /// Changes of other columns.
    pub change: table::booking::ActiveModel,
    /// When the queue advances the booking.
    pub advance_at: Vec<DateTime<Utc>>,
    /// Whether guest and host get a notice. False if a later transition of the same transaction has one.
    pub is_notified: bool,
}

impl Transition {
    /// A transition that changes only the state.
    pub(in crate::domain::bookings) fn new(to: BookingState, kind: EventKind, by: ActedBy) -> Self {
        Transition {
            to,
            kind,
            by,
            details: EventDetails::default(),
            expires_at: None,
            change: table::booking::ActiveModel::default(),
            advance_at: Vec::new(),
            is_notified: true,
        }
    }

    /// The transition to CONFIRMED. The booking advances soon for the charge, and at check-in and check-out.
    pub(in crate::domain::bookings) fn to_confirmed(
        booking: &Booking,
        kind: EventKind,
        by: ActedBy,
        now: DateTime<Utc>,
    ) -> Self {
        let mut transition = Transition::new(BookingState::Confirmed, kind, by);
        transition.change.confirmed_at = Set(Some(now));
        transition.advance_at = vec![now + FOLLOW_UP_DELAY, booking.check_in_at, booking.check_out_at];
        transition
    }
}

/// Applies a transition to a booking in the state and version that were read. None if another transition was committed
/// since; then nothing is changed.
pub(in crate::domain::bookings) async fn apply(
    app: &App,
    txn: &Transaction,
    read: &Booking,
    transition: Transition,
) -> Result<Option<Booking>, Error> {
    use table::booking::{ActiveModel, Column, Entity};
    let Transition { to, kind, by, details, expires_at, change, advance_at, is_notified } = transition;
    let now = app.clock.now();
    let change = ActiveModel {
        state: Set(to),
        version: Set(read.version + 1),
        expires_at: Set(expires_at),
        updated_at: Set(now),
        ended_at: if to.is_closed() && !read.state.is_closed() { Set(Some(now)) } else { NotSet },
        ..change
    };
    fail_point::reach("transition.updating").await;
    let updated = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(read.id))
        .filter(Column::State.eq(read.state))
        .filter(Column::Version.eq(read.version))
        .exec_with_returning(txn)
        .await?;
    let Some(booking) = updated.into_iter().next() else { return Ok(None) };
    fail_point::reach("transition.recording").await;
    record_event(app, txn, &booking, NewEvent { from: Some(read.state), kind, by, details: details.clone() }).await?;
    fail_point::reach("transition.notifying").await;
    if is_notified {
        notify_sides(app, txn, &booking, &Transitioned { kind, by, details }).await?;
    }
    fail_point::reach("transition.queueing").await;
    queue_advance(app, txn, booking.id, &advance_at).await?;
    Ok(Some(booking))
}

/// The event of a transition.
pub(in crate::domain::bookings) struct NewEvent {
    /// The state before. None for a new booking.
    pub from: Option<BookingState>,
    pub kind: EventKind,
    pub by: ActedBy,
    pub details: EventDetails,
}

/// Records an event of a booking, and announces it to subscribers once it is committed. `booking` is the booking after
/// the event.
pub(in crate::domain::bookings) async fn record_event(
    app: &App,
    txn: &Transaction,
    booking: &Booking,
    event: NewEvent,
) -> Result<(), Error> {
    let id = app.clock.new_id();
    let row = table::event::ActiveModel {
        id: Set(id),
        booking_id: Set(booking.id),
        at: Set(app.clock.now()),
        actor: Set(event.by.actor),
        user_id: Set(event.by.user_id),
        from_state: Set(event.from),
        to_state: Set(booking.state),
        kind: Set(event.kind),
        details: Set(event.details.into_stored()),
    };
    table::event::Entity::insert(row).exec_without_returning(txn).await?;
    announce_event(txn, booking, id);
    Ok(())
}
