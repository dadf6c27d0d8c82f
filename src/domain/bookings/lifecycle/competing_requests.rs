//! Requests for the same nights that claim none of them: once one stay is confirmed, the others are declined.
//!
//! There are such requests only when `ROOST_REQUEST_BLOCKS_CALENDAR` is off.

use chrono::{Days, NaiveDate};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::transition::{Transition, apply};
use crate::domain::bookings::deadlines::FOLLOW_UP_DELAY;
use crate::domain::bookings::event::{ActedBy, EventKind};
use crate::domain::bookings::state::BookingState;
use crate::domain::bookings::{Booking, table};
use crate::domain::error::Error;
use crate::platform::App;
use crate::platform::database::Transaction;

/// Declines every request that needs a night of `booking`, in the transaction that confirms `booking` or changes its
/// stay by an alteration. The caller has locked the listing, so that two such transactions do not run at once.
pub(in crate::domain::bookings) async fn decline_competing_requests(
    app: &App,
    txn: &Transaction,
    booking: &Booking,
) -> Result<(), Error> {
    use table::booking::Column;
    let end = ready_date(booking);
    let requests = table::booking::Entity::find()
        .filter(Column::ListingId.eq(booking.listing_id))
        .filter(Column::State.eq(BookingState::Requested))
        .filter(Column::HoldsNights.eq(false))
        .filter(Column::Id.ne(booking.id))
        .filter(Column::CheckIn.lt(end))
        .order_by_asc(Column::Id)
        .all(txn)
        .await?;
    for request in requests.into_iter().filter(|request| ready_date(request) > booking.check_in) {
        let mut transition = Transition::new(BookingState::Declined, EventKind::Decline, ActedBy::SYSTEM);
        transition.advance_at = vec![app.clock.now(), app.clock.now() + FOLLOW_UP_DELAY];
        // No effect if the request changed since it was read: it is closed then, or is being confirmed, which fails
        // because the nights are claimed.
        apply(app, txn, &request, transition).await?;
    }
    Ok(())
}

/// The day on which the place is ready for the next guest: check-out and the nights of preparation after it.
fn ready_date(booking: &Booking) -> NaiveDate {
    let nights = Days::new(booking.preparation_nights.unsigned_abs().into());
    booking.check_out.checked_add_days(nights).unwrap_or(booking.check_out)
}
