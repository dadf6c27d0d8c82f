//! The job that advances a booking.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::domain::payments;
use crate::platform::App;
use crate::platform::queue::{NewJob, enqueue};

/// Kind of the job that advances a booking. The wing `payments` defines it, because it queues the job as well.
pub const ADVANCE: &str = payments::ADVANCE_BOOKING;

/// Queues a job that advances the booking at each of these times.
pub(in crate::domain::bookings) async fn queue_advance(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    times: &[DateTime<Utc>],
) -> Result<(), DbErr> {
    for at in times {
        enqueue(txn, &app.clock, NewJob::about(ADVANCE, booking_id, *at)).await?;
    }
    Ok(())
}
