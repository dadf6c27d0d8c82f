//! What guests thought of a listing, kept as sums and counts.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::listings::table::listing_rating as table;
use crate::domain::listings::table::listing_rating::Column;
use crate::platform::App;

/// Ratings are shown from this many on.
pub const SHOWN_FROM: i64 = 3;
/// Hundredths in one star, the unit of sums.
pub const STAR: i64 = 100;
/// Where the sums of our own reviews are kept.
pub(in crate::domain::listings) const GUESTS: &str = "GUESTS";

/// One thing that is rated: its sum in hundredths of a star, and how many rated it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aspect {
    /// Hundredths of stars.
    pub sum: i64,
    /// How many.
    pub count: i64,
}

impl Aspect {
    /// The mean in stars with two decimals, if anyone rated.
    pub fn mean(self) -> Option<f64> {
        let hundredths = (self.count > 0).then(|| (self.sum * 2 + self.count).div_euclid(self.count * 2))?;
        i32::try_from(hundredths).ok().map(|hundredths| f64::from(hundredths) / 100.0)
    }

    fn plus(self, sum: i64, count: i64) -> Aspect {
        Aspect { sum: self.sum + sum, count: self.count + count }
    }
}

/// All that is rated of one listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the aspects say it")]
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
    /// Whether enough guests have rated for the means to be shown.
    pub fn is_shown(&self) -> bool {
        self.overall.count >= SHOWN_FROM
    }
}

/// The ratings of many listings, our own and imported ones together.
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

/// Adds one review's stars to a listing's sums, in the transaction that publishes the review.
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
    let mut first = OnConflict::columns([Column::ListingId, Column::Origin]);
    first.do_nothing();
    let empty = table::ActiveModel { listing_id: Set(listing_id), origin: Set(GUESTS.into()), ..Default::default() };
    let made = table::Entity::insert(empty).on_conflict(first).exec_without_returning(txn).await;
    if let Err(error) = made
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
