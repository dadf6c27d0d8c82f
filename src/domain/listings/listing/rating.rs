//! Ratings of listings, stored as sums and counts.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::listings::table::listing_rating as table;
use crate::domain::listings::table::listing_rating::Column;
use crate::platform::App;

/// Minimum number of ratings for the means to be shown.
pub const MIN_SHOWN_RATINGS: i64 = 3;
/// One star in hundredths, the unit of the sums.
pub const STAR: i64 = 100;
/// The origin of ratings from reviews of this marketplace.
const GUESTS: &str = "GUESTS";

/// The ratings of one aspect of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aspect {
    /// Sum of the ratings, in hundredths of a star.
    pub sum: i64,
    /// Number of ratings.
    pub count: i64,
}

impl Aspect {
    /// Mean in stars, with two decimals. `None` if there is no rating.
    pub fn mean(self) -> Option<f64> {
        let hundredths = (self.count > 0).then(|| (self.sum * 2 + self.count).div_euclid(self.count * 2))?;
        i32::try_from(hundredths).ok().map(|hundredths| f64::from(hundredths) / 100.0)
    }

    fn plus(self, sum: i64, count: i64) -> Aspect {
        Aspect { sum: self.sum + sum, count: self.count + count }
    }
}

/// The ratings of all aspects of one listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the fields are those of the aspects")]
pub struct RatingSummary {
    pub overall: Aspect,
    pub cleanliness: Aspect,
    pub accuracy: Aspect,
    pub check_in: Aspect,
    pub communication: Aspect,
    pub location: Aspect,
    pub value: Aspect,
}

impl RatingSummary {
    /// Whether there are enough ratings for the means to be shown.
    pub fn is_shown(&self) -> bool {
        self.overall.count >= MIN_SHOWN_RATINGS
    }
}

/// The ratings of many listings: the sum of their own and imported ones.
pub async fn ratings(app: &App, ids: &[Uuid]) -> Result<HashMap<Uuid, RatingSummary>, Error> {
    let rows = table::Entity::find().filter(Column::ListingId.is_in(ids.iter().copied())).all(app.db.read()).await?;
    let mut ratings: HashMap<Uuid, RatingSummary> = HashMap::new();
    for row in rows {
        let rating = ratings.entry(row.listing_id).or_default();
        rating.overall = rating.overall.plus(row.overall_sum, row.overall_count);
        rating.cleanliness = rating.cleanliness.plus(row.cleanliness_sum, row.cleanliness_count);
        rating.accuracy = rating.accuracy.plus(row.accuracy_sum, row.accuracy_count);
        rating.check_in = rating.check_in.plus(row.check_in_sum, row.check_in_count);
        rating.communication = rating.communication.plus(row.communication_sum, row.communication_count);
        rating.location = rating.location.plus(row.location_sum, row.location_count);
        rating.value = rating.value.plus(row.value_sum, row.value_count);
    }
    Ok(ratings)
}

/// Adds the stars of one review to a listing's sums, in the transaction that publishes the review.
pub async fn add_rating(txn: &impl ConnectionTrait, listing_id: Uuid, stars: RatingSummary) -> Result<(), Error> {
    let columns = [
        (Column::OverallSum, stars.overall.sum),
        (Column::OverallCount, stars.overall.count),
        (Column::CleanlinessSum, stars.cleanliness.sum),
        (Column::CleanlinessCount, stars.cleanliness.count),
        (Column::AccuracySum, stars.accuracy.sum),
        (Column::AccuracyCount, stars.accuracy.count),
        (Column::CheckInSum, stars.check_in.sum),
        (Column::CheckInCount, stars.check_in.count),
        (Column::CommunicationSum, stars.communication.sum),
        (Column::CommunicationCount, stars.communication.count),
        (Column::LocationSum, stars.location.sum),
        (Column::LocationCount, stars.location.count),
        (Column::ValueSum, stars.value.sum),
        (Column::ValueCount, stars.value.count),
    ];
    let mut keep_existing = OnConflict::columns([Column::ListingId, Column::Origin]);
    keep_existing.do_nothing();
    let empty = table::ActiveModel { listing_id: Set(listing_id), origin: Set(GUESTS.into()), ..Default::default() };
    let inserted = table::Entity::insert(empty).on_conflict(keep_existing).exec_without_returning(txn).await;
    if let Err(error) = inserted
        && !matches!(error, sea_orm::DbErr::RecordNotInserted)
    {
        return Err(error.into());
    }
    let mut update = table::Entity::update_many();
    for (column, more) in columns {
        update = update.col_expr(column, Expr::col(column).add(more));
    }
    update.filter(Column::ListingId.eq(listing_id)).filter(Column::Origin.eq(GUESTS)).exec(txn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_rounded_to_hundredths() {
        assert_eq!(Aspect { sum: 1_400, count: 3 }.mean(), Some(4.67));
        assert_eq!(Aspect { sum: 0, count: 2 }.mean(), Some(0.0));
        assert_eq!(Aspect::default().mean(), None);
    }
}
