//! Reviews, as types of the schema.

use std::sync::Arc;

use async_graphql::{Context, Description, Enum, ID, Object, Result, SimpleObject};

use super::bookings::Booking;
use super::listings::Listing;
use super::users::User;
use crate::domain::error::Error;
use crate::domain::reviews as domain;
use crate::graphql::support::context::{RequestContext, global_id};
use crate::graphql::support::errors::to_graphql_error;
use crate::graphql::support::loaders::{BookingKey, ListingKey, UserKey};
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;

/// Which side of a booking wrote a review.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::Direction")]
pub enum ReviewDirection {
    /// The guest reviewed the listing.
    GuestToListing,
    /// The host reviewed the guest.
    HostToGuest,
}

/// Period in which guest and host of a booking can review each other.
#[derive(SimpleObject)]
pub struct ReviewWindow {
    /// First instant of the period: when the stay ended.
    pub opens_at: DateTime,
    /// End of the period: midnight after the 14th day after check-out, in the listing's time zone. Hidden reviews are
    /// published then.
    pub closes_at: DateTime,
}

/// The public response of the reviewed side to a review.
#[derive(SimpleObject)]
pub struct ReviewResponse {
    /// Text of the response, at most 5,000 characters.
    text: String,
    /// When the response was written.
    at: DateTime,
}

/// A review by one side of a booking. It is visible only to its author until both sides have submitted a review or the
/// review window has closed. After that everyone can see it.
#[derive(Clone, Description)]
pub struct Review(pub Arc<domain::Review>);

impl From<domain::Review> for Review {
    fn from(row: domain::Review) -> Review {
        Review(Arc::new(row))
    }
}

#[Object(use_type_description)]
impl Review {
    /// Global ID of the review, prefixed `rev_`.
    pub async fn id(&self) -> ID {
        global_id(Kind::Review, self.0.id)
    }

    /// Which side wrote the review.
    async fn direction(&self) -> ReviewDirection {
        self.0.direction.into()
    }

    /// The user who wrote the review.
    async fn author(&self, ctx: &Context<'_>) -> Result<User> {
        let author = ctx.load(UserKey(self.0.author_id)).await?;
        author.map(User::from).ok_or_else(|| to_graphql_error(Error::failed("the author of a review does not exist")))
    }

    /// The booking that the review is about. Null for imported reviews, and if the viewer is neither its guest, its
    /// host nor staff.
    async fn booking(&self, ctx: &Context<'_>) -> Option<Result<Booking>> {
        let booking = self.0.booking_id.filter(|_| ctx.viewer().user().is_some())?;
        ctx.load(BookingKey(booking)).await.map(|found| found.map(Booking::from)).transpose()
    }

    /// The listing of the stay. For HOST_TO_GUEST, the review is about the guest.
    async fn listing(&self, ctx: &Context<'_>) -> Result<Listing> {
        let listing = ctx.load(ListingKey(self.0.listing_id)).await?;
        listing
            .map(Listing::from)
            .ok_or_else(|| to_graphql_error(Error::failed("the listing of a review does not exist")))
    }

    /// Overall rating from 1 to 5. Null for imported reviews.
    async fn overall(&self) -> Option<i16> {
        self.0.overall
    }

    /// Rating of cleanliness from 1 to 5. Null if the author gave none.
    async fn cleanliness(&self) -> Option<i16> {
        self.0.cleanliness
    }

    /// Rating of how well the description fits, from 1 to 5. Null if the author gave none, or is the host.
    async fn accuracy(&self) -> Option<i16> {
        self.0.accuracy
    }

    /// Rating of the arrival from 1 to 5. Null if the author gave none, or is the host.
    async fn check_in(&self) -> Option<i16> {
        self.0.check_in
    }

    /// Rating of communication from 1 to 5. Null if the author gave none.
    async fn communication(&self) -> Option<i16> {
        self.0.communication
    }

    /// Rating of the location from 1 to 5. Null if the author gave none, or is the host.
    async fn location(&self) -> Option<i16> {
        self.0.location
    }

    /// Rating of the value for money from 1 to 5. Null if the author gave none, or is the host.
    async fn value(&self) -> Option<i16> {
        self.0.value
    }

    /// Rating of how well the guest followed the house rules, from 1 to 5. Null if the author gave none, or is the
    /// guest.
    async fn house_rules(&self) -> Option<i16> {
        self.0.house_rules
    }

    /// Whether the host would accept the guest for another stay. Null if the host did not say, or the author is the
    /// guest.
    async fn would_host_again(&self) -> Option<bool> {
        self.0.would_host_again
    }

    /// Public text of the review, as plain text.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// Private message to the reviewed side. Null if there is none, or the viewer is neither the author nor the
    /// reviewed user.
    async fn private_note(&self, ctx: &Context<'_>) -> Option<&str> {
        let viewer = ctx.viewer();
        let party = viewer.is(self.0.author_id) || self.0.subject_id.is_some_and(|subject| viewer.is(subject));
        self.0.private_note.as_deref().filter(|_| party)
    }

    /// Public response of the reviewed side. Null if there is none.
    async fn response(&self) -> Option<ReviewResponse> {
        let (text, at) = self.0.response_text.clone().zip(self.0.response_at)?;
        Some(ReviewResponse { text, at: DateTime(at) })
    }

    /// When the author submitted the review.
    async fn submitted_at(&self) -> DateTime {
        DateTime(self.0.submitted_at)
    }

    /// When the review became public. Null while it is hidden.
    async fn published_at(&self) -> Option<DateTime> {
        self.0.published_at.map(DateTime)
    }

    /// Until when the author can change the review, which is also its latest publication. Null if it is published or
    /// imported.
    async fn editable_until(&self) -> Option<DateTime> {
        self.0.editable_until.filter(|_| self.0.published_at.is_none()).map(DateTime)
    }
}
