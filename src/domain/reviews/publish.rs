//! Publishing the reviews of a booking: both at one instant, once both exist or the window has closed.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use super::table::review as table;
use super::{Direction, Review, notices};
use crate::domain::bookings;
use crate::domain::error::Error;
use crate::domain::listings::{self, Aspect, RatingSummary, STAR};
use crate::domain::notifications::notify;
use crate::platform::App;
use crate::platform::database::Transaction;

/// Kind of the job that publishes the reviews of a booking when their window closes.
pub const PUBLISH_REVIEWS: &str = "publish_reviews";

/// Publishes the reviews of a booking if both exist, after `by` has submitted theirs. Returns whether they were
/// published.
pub(super) async fn publish_pair(app: &App, txn: &Transaction, booking_id: Uuid, by: Uuid) -> Result<bool, Error> {
    let submitted = table::Entity::find().filter(table::Column::BookingId.eq(booking_id)).count(txn).await?;
    if submitted < 2 {
        return Ok(false);
    }
    publish(app, txn, booking_id, Some(by)).await?;
    Ok(true)
}

/// Publishes the reviews of a booking if its window has closed. Repeating it changes nothing.
pub async fn publish_due(app: &App, booking_id: Uuid) -> Result<(), Error> {
    let txn = app.db.begin_write().await?;
    bookings::lock_booking(&txn, booking_id).await?;
    let still_hidden = table::Entity::find()
        .filter(table::Column::BookingId.eq(booking_id))
        .filter(table::Column::EditableUntil.gt(app.clock.now()))
        .count(&txn)
        .await?;
    if still_hidden == 0 {
        publish(app, &txn, booking_id, None).await?;
        txn.commit().await?;
    }
    Ok(())
}

async fn publish(app: &App, txn: &Transaction, booking_id: Uuid, by: Option<Uuid>) -> Result<(), Error> {
    let published = table::Entity::update_many()
        .col_expr(table::Column::PublishedAt, Expr::value(app.clock.now()))
        .filter(table::Column::BookingId.eq(booking_id))
        .filter(table::Column::PublishedAt.is_null())
        .exec_with_returning(txn)
        .await?;
    for review in published.iter().filter(|review| review.direction == Direction::GuestToListing) {
        listings::add_rating(txn, review.listing_id, rating_of(review)).await?;
    }
    notify(app, txn, notices::published_notices(&published, by)).await
}

/// The review's stars as sums of one review, to be added to the listing's rating.
fn rating_of(review: &Review) -> RatingSummary {
    let aspect =
        |stars: Option<i16>| stars.map_or_else(Aspect::default, |n| Aspect { sum: i64::from(n) * STAR, count: 1 });
    RatingSummary {
        overall: aspect(review.overall),
        cleanliness: aspect(review.cleanliness),
        accuracy: aspect(review.accuracy),
        check_in: aspect(review.check_in),
        communication: aspect(review.communication),
        location: aspect(review.location),
        value: aspect(review.value),
    }
}
