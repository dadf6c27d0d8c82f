//! Which booking used a quote. A quote can be used once.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::domain::bookings::state::BookingState;
use crate::domain::bookings::{Booking, table};
use crate::domain::error::Error;
use crate::platform::App;

/// The booking that used the quote. None if the quote can still be booked.
///
/// An alteration has the ID of its quote, so that quote belongs to the altered booking from the start. A booking whose
/// payment failed does not count: the guest can try the same quote with another card.
pub(in crate::domain::bookings) async fn find_booking_of_quote(
    db: &impl ConnectionTrait,
    quote_id: Uuid,
) -> Result<Option<Booking>, Error> {
    if let Some(alteration) = table::alteration::Entity::find_by_id(quote_id).one(db).await? {
        return Ok(table::booking::Entity::find_by_id(alteration.booking_id).one(db).await?);
    }
    Ok(table::booking::Entity::find()
        .filter(table::booking::Column::QuoteId.eq(quote_id))
        .filter(table::booking::Column::State.ne(BookingState::PaymentExpired))
        .one(db)
        .await?)
}

/// Whether a booking used the quote.
pub async fn is_quote_used(app: &App, quote_id: Uuid) -> Result<bool, Error> {
    Ok(find_booking_of_quote(app.db.read(), quote_id).await?.is_some())
}
