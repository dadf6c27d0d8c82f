//! Reviews: reading, writing, answering.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};

use super::bookings::Booking;
use super::listings::Listing;
use super::users::User;
use crate::domain::error::Error;
use crate::domain::reviews::{self as domain, Draft};
use crate::domain::viewer::Viewer;
use crate::graphql::schema::payload::payloads;
use crate::graphql::support::context::{Ask, id, key};
use crate::graphql::support::errors::{shown, split};
use crate::graphql::support::idempotency::call;
use crate::graphql::support::loaders::{BookingKey, ListingKey, UserKey};
use crate::graphql::support::scalars::DateTime;
use crate::kernel::id::Kind;
use crate::platform::App;
use crate::platform::idempotency::Spent;

/// Who reviews whom.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "domain::Direction")]
pub enum ReviewDirection {
    /// A guest of a listing.
    GuestToListing,
    /// A host of a guest.
    HostToGuest,
}

/// When both sides of a booking may review each other.
#[derive(SimpleObject)]
pub struct ReviewWindow {
    /// From this instant on.
    pub opens_at: DateTime,
    /// Until this instant; then what was written appears.
    pub closes_at: DateTime,
}

/// The public answer to a review.
#[derive(SimpleObject)]
pub struct ReviewResponse {
    /// What was answered.
    text: String,
    /// When.
    at: DateTime,
}

/// What one side of a booking said of the other. Hidden from everybody but its author until both sides have written or
/// the window has closed.
#[derive(Clone)]
pub struct Review(pub Arc<domain::Review>);

impl Review {
    /// Wraps a row that the viewer may see.
    pub fn of(row: domain::Review) -> Review {
        Review(Arc::new(row))
    }
}

/// What one side of a booking said of the other. Hidden from everybody but its author until both sides have written or
/// the window has closed.
#[Object]
impl Review {
    /// The id.
    pub async fn id(&self) -> ID {
        id(Kind::Review, self.0.id)
    }

    /// Who reviews whom.
    async fn direction(&self) -> ReviewDirection {
        self.0.direction.into()
    }

    /// Who wrote it.
    async fn author(&self, ctx: &Context<'_>) -> Result<User> {
        let author = ctx.load(UserKey(self.0.author_id)).await?;
        author.map(User::of).ok_or_else(|| shown(Error::failed("a review has no author")))
    }

    /// The stay it is about; null for those who may not know of it, and for imported reviews.
    async fn booking(&self, ctx: &Context<'_>) -> Option<Result<Booking>> {
        let booking = self.0.booking_id.filter(|_| ctx.viewer().user().is_some())?;
        ctx.load(BookingKey(booking)).await.map(|found| found.map(Booking::of)).transpose()
    }

    /// The place it is about.
    async fn listing(&self, ctx: &Context<'_>) -> Result<Listing> {
        let listing = ctx.load(ListingKey(self.0.listing_id)).await?;
        listing.map(Listing::of).ok_or_else(|| shown(Error::failed("a review has no listing")))
    }

    /// All in all, 1 to 5; null for imported reviews.
    async fn overall(&self) -> Option<i16> {
        self.0.overall
    }

    /// Was it, were they, clean? 1 to 5; null when its author did not say.
    async fn cleanliness(&self) -> Option<i16> {
        self.0.cleanliness
    }

    /// Was it as described? 1 to 5; null when its author did not say.
    async fn accuracy(&self) -> Option<i16> {
        self.0.accuracy
    }

    /// Was arriving easy? 1 to 5; null when its author did not say.
    async fn check_in(&self) -> Option<i16> {
        self.0.check_in
    }

    /// Did they answer? 1 to 5; null when its author did not say.
    async fn communication(&self) -> Option<i16> {
        self.0.communication
    }

    /// Is it well placed? 1 to 5; null when its author did not say.
    async fn location(&self) -> Option<i16> {
        self.0.location
    }

    /// Was it worth its price? 1 to 5; null when its author did not say.
    async fn value(&self) -> Option<i16> {
        self.0.value
    }

    /// Did they keep to the house rules? 1 to 5; null when its author did not say.
    async fn house_rules(&self) -> Option<i16> {
        self.0.house_rules
    }

    /// Would the host have them again? Null when the host did not say, or a guest wrote it.
    async fn would_host_again(&self) -> Option<bool> {
        self.0.would_host_again
    }

    /// What was written, as plain text.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// A word to the other side; null for everybody else, and when there is none.
    async fn private_note(&self, ctx: &Context<'_>) -> Option<&str> {
        let viewer = ctx.viewer();
        let party = viewer.is(self.0.author_id) || self.0.subject_id.is_some_and(|subject| viewer.is(subject));
        self.0.private_note.as_deref().filter(|_| party)
    }

    /// The public answer; null when there is none.
    async fn response(&self) -> Option<ReviewResponse> {
        let (text, at) = self.0.response_text.clone().zip(self.0.response_at)?;
        Some(ReviewResponse { text, at: DateTime(at) })
    }

    /// When it was written.
    async fn submitted_at(&self) -> DateTime {
        DateTime(self.0.submitted_at)
    }

    /// When it appeared; null while it is hidden.
    async fn published_at(&self) -> Option<DateTime> {
        self.0.published_at.map(DateTime)
    }

    /// Until when its author may change it; null when that is over.
    async fn editable_until(&self) -> Option<DateTime> {
        self.0.editable_until.filter(|_| self.0.published_at.is_none()).map(DateTime)
    }
}

/// What a reviewer says. Stars are 1 to 5. Guests may rate cleanliness, accuracy, checkIn, communication, location and
/// value; hosts cleanliness, communication and houseRules.
#[derive(InputObject)]
pub struct ReviewInput {
    /// All in all; its own answer, not the mean.
    overall: i32,
    /// Was it, were they, clean?
    cleanliness: Option<i32>,
    /// Was it as described?
    accuracy: Option<i32>,
    /// Was arriving easy?
    check_in: Option<i32>,
    /// Did they answer?
    communication: Option<i32>,
    /// Is it well placed?
    location: Option<i32>,
    /// Was it worth its price?
    value: Option<i32>,
    /// Did they keep to the house rules?
    house_rules: Option<i32>,
    /// Would you have them again?
    would_host_again: Option<bool>,
    /// For everyone to read.
    text: String,
    /// For the other side alone.
    private_note: Option<String>,
}

impl From<ReviewInput> for Draft {
    fn from(input: ReviewInput) -> Draft {
        Draft {
            overall: input.overall,
            cleanliness: input.cleanliness,
            accuracy: input.accuracy,
            check_in: input.check_in,
            communication: input.communication,
            location: input.location,
            value: input.value,
            house_rules: input.house_rules,
            would_host_again: input.would_host_again,
            text: input.text,
            private_note: input.private_note,
        }
    }
}

payloads! {
    /// The new review.
    ReviewSubmitPayload {
        /// The review.
        review: Option<Review>,
    }
    /// The changed review.
    ReviewUpdatePayload {
        /// The review.
        review: Option<Review>,
    }
    /// The answered review.
    ReviewRespondPayload {
        /// The review.
        review: Option<Review>,
    }
}

/// The review that an idempotency key was spent on.
async fn written(app: &App, viewer: &Viewer, spent: Spent) -> Result<domain::Review, Error> {
    domain::by_id(app, viewer, spent.id(0)?).await?.ok_or_else(|| Error::not_found(&["id"]))
}

/// Reviews.
#[derive(Default)]
pub struct ReviewMutation;

#[Object]
impl ReviewMutation {
    /// Reviews the other side of a stay that is over, within 14 days of check-out. Both reviews appear once both exist.
    async fn review_submit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The stay.")] booking_id: ID,
        #[graphql(desc = "What you say.")] review: ReviewInput,
    ) -> Result<ReviewSubmitPayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let booking = key(Kind::Booking, &booking_id, &["bookingId"])?;
            domain::submit(app, viewer, booking, review.into()).await
        };
        let (done, user_errors) = split(app, once.run(run, async |spent| written(app, viewer, spent).await).await)?;
        Ok(ReviewSubmitPayload { review: done.map(Review::of), user_errors })
    }

    /// Changes your review while it is hidden.
    async fn review_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Your review.")] id: ID,
        #[graphql(desc = "What you say instead.")] review: ReviewInput,
    ) -> Result<ReviewUpdatePayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let id = key(Kind::Review, &id, &["id"])?;
            domain::update(app, viewer, id, review.into()).await
        };
        let (done, user_errors) = split(app, once.run(run, async |spent| written(app, viewer, spent).await).await)?;
        Ok(ReviewUpdatePayload { review: done.map(Review::of), user_errors })
    }

    /// Answers a published review of you, once, within 30 days.
    async fn review_respond(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The review.")] id: ID,
        #[graphql(desc = "Your answer, for everyone to read.")] text: String,
    ) -> Result<ReviewRespondPayload> {
        let once = call(ctx);
        let (app, viewer) = (once.app(), ctx.viewer());
        let run = async {
            let id = key(Kind::Review, &id, &["id"])?;
            domain::respond(app, viewer, id, &text).await
        };
        let (done, user_errors) = split(app, once.run(run, async |spent| written(app, viewer, spent).await).await)?;
        Ok(ReviewRespondPayload { review: done.map(Review::of), user_errors })
    }
}
