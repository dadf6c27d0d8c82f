//! What guests thought of a place.

use async_graphql::Object;

use crate::domain::listings::{Aspect, RatingSummary as Ratings};

/// What guests thought of a place: means of 1 to 5 stars, shown from three ratings on.
pub struct RatingSummary(pub(super) Ratings);

impl RatingSummary {
    fn shown(&self, aspect: Aspect) -> Option<f64> {
        self.0.is_shown().then(|| aspect.mean()).flatten()
    }
}

/// What guests thought of a place: means of 1 to 5 stars, shown from three ratings on.
#[Object]
impl RatingSummary {
    /// How many rated it.
    async fn count(&self) -> i64 {
        self.0.overall.count
    }

    /// The mean of the guests' overall answers; null until 3 reviews.
    async fn overall(&self) -> Option<f64> {
        self.shown(self.0.overall)
    }

    /// Was it clean? Null until 3 reviews, and when nobody said.
    async fn cleanliness(&self) -> Option<f64> {
        self.shown(self.0.cleanliness)
    }

    /// Was it as described? Null until 3 reviews, and when nobody said.
    async fn accuracy(&self) -> Option<f64> {
        self.shown(self.0.accuracy)
    }

    /// Was arriving easy? Null until 3 reviews, and when nobody said.
    async fn check_in(&self) -> Option<f64> {
        self.shown(self.0.check_in)
    }

    /// Did the host answer? Null until 3 reviews, and when nobody said.
    async fn communication(&self) -> Option<f64> {
        self.shown(self.0.communication)
    }

    /// Is it well placed? Null until 3 reviews, and when nobody said.
    async fn location(&self) -> Option<f64> {
        self.shown(self.0.location)
    }

    /// Was it worth its price? Null until 3 reviews, and when nobody said.
    async fn value(&self) -> Option<f64> {
        self.shown(self.0.value)
    }
}
