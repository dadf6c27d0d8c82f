//! The job that advances a booking after one of its payments or refunds changed.

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::platform::App;
use crate::platform::queue::{NewJob, enqueue};

/// Kind of the job that advances a booking. The bookings wing runs it. Its name is defined here because the payments
/// wing enqueues it and may not import the bookings wing.
pub const ADVANCE_BOOKING: &str = "advance_booking";

/// Enqueues the job for a booking, in the caller's transaction.
pub(super) async fn enqueue_advance(
    app: &App,
    txn: &impl ConnectionTrait,
    booking_id: Uuid,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    Ok(enqueue(txn, &app.clock, NewJob::about(ADVANCE_BOOKING, booking_id, at)).await?)
}
