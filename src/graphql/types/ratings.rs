//! Average ratings of a listing.

use async_graphql::{Description, Object};

use crate::domain::listings::{Aspect, RatingSummary as Ratings};

/// Average ratings of a listing by its guests, from 1 to 5. Averages are shown from 3 ratings on.
#[derive(Description)]
pub struct RatingSummary(pub(super) Ratings);

impl RatingSummary {
    fn public_mean(&self, aspect: Aspect) -> Option<f64> {
        self.0.is_shown().then(|| aspect.mean()).flatten()
    }
}

#[Object(use_type_description)]
impl RatingSummary {
    /// Number of ratings by guests.
    async fn count(&self) -> i64 {
        self.0.overall.count
    }

    /// Average overall rating. Null for fewer than 3 ratings.
    async fn overall(&self) -> Option<f64> {
        self.public_mean(self.0.overall)
    }

    /// Average rating of cleanliness. Null for fewer than 3 ratings, or if no guest rated it.
    async fn cleanliness(&self) -> Option<f64> {
        self.public_mean(self.0.cleanliness)
    }

    /// Average rating of how well the description fits. Null for fewer than 3 ratings, or if no guest rated it.
    async fn accuracy(&self) -> Option<f64> {
        self.public_mean(self.0.accuracy)
    }

    /// Average rating of the arrival. Null for fewer than 3 ratings, or if no guest rated it.
    async fn check_in(&self) -> Option<f64> {
        self.public_mean(self.0.check_in)
    }

    /// Average rating of the communication with the host. Null for fewer than 3 ratings, or if no guest rated it.
    async fn communication(&self) -> Option<f64> {
        self.public_mean(self.0.communication)
    }

    /// Average rating of the location. Null for fewer than 3 ratings, or if no guest rated it.
    async fn location(&self) -> Option<f64> {
        self.public_mean(self.0.location)
    }

    /// Average rating of the value for money. Null for fewer than 3 ratings, or if no guest rated it.
    async fn value(&self) -> Option<f64> {
        self.public_mean(self.0.value)
    }
}
