//! Requests for the same nights that do not hold them: the first that is accepted gets them, the others are declined.

use chrono::Days;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::progress::SAFETY_NET;
use super::state::BookingState;
use super::transition::{By, Step, take};
use crate::domain::bookings::{Booking, table};
use crate::domain::error::Error;
use crate::platform::App;
use crate::platform::database::Transaction;

/// Declines, in the transaction that confirms `booking`, every request that wants one of its nights. The caller has
/// locked the listing's calendar, so that no two confirmations do this at once.
pub(in crate::domain::bookings) async fn decline(app: &App, txn: &Transaction, booking: &Booking) -> Result<(), Error> {
    use table::booking::Column;
    let end = with_preparation(booking);
    let requests = table::booking::Entity::find()
        .filter(Column::ListingId.eq(booking.listing_id))
        .filter(Column::State.eq(BookingState::Requested))
        .filter(Column::HoldsNights.eq(false))
        .filter(Column::Id.ne(booking.id))
        .filter(Column::CheckIn.lt(end))
        .order_by_asc(Column::Id)
        .all(txn)
        .await?;
    for rival in requests.into_iter().filter(|rival| with_preparation(rival) > booking.check_in) {
        let mut step = Step::new(BookingState::Declined, "decline", By::SYSTEM);
        step.data = Some(serde_json::json!({ "reason": "The nights went to another guest." }));
        step.look_again = vec![app.clock.now(), app.clock.now() + SAFETY_NET];
        // Whoever was faster with it has ended or changed it; its own confirmation finds the nights taken.
        take(app, txn, &rival, step).await?;
    }
    Ok(())
}

/// The day on which the place is ready again.
fn with_preparation(booking: &Booking) -> chrono::NaiveDate {
    let nights = Days::new(booking.preparation_nights.unsigned_abs().into());
    booking.check_out.checked_add_days(nights).unwrap_or(booking.check_out)
}
