//! Mutations of reviews: submitting, changing and answering them.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::payload::payloads;
use crate::domain::error::Error;
use crate::domain::reviews::{self as domain, Draft};
use crate::domain::viewer::Viewer;
use crate::graphql::support::context::{RequestContext, parse_id};
use crate::graphql::support::idempotency::prepare_call;
use crate::graphql::types::reviews::Review;
use crate::graphql::types::user_errors::into_payload;
use crate::kernel::id::Kind;
use crate::platform::App;
use crate::platform::idempotency::RecordedEffect;

/// Ratings and text of a review. Ratings are from 1 to 5. Guests can rate cleanliness, accuracy, checkIn,
/// communication, location and value. Hosts can rate cleanliness, communication and houseRules. Other ratings are
/// refused with INVALID.
#[derive(InputObject)]
pub struct ReviewInput {
    /// Overall rating from 1 to 5. It is not calculated from the other ratings.
    overall: i32,
    /// Rating of cleanliness from 1 to 5. If absent, none is recorded.
    cleanliness: Option<i32>,
    /// Rating of how well the description fits, from 1 to 5. If absent, none is recorded.
    accuracy: Option<i32>,
    /// Rating of the arrival from 1 to 5. If absent, none is recorded.
    check_in: Option<i32>,
    /// Rating of communication from 1 to 5. If absent, none is recorded.
    communication: Option<i32>,
    /// Rating of the location from 1 to 5. If absent, none is recorded.
    location: Option<i32>,
    /// Rating of the value for money from 1 to 5. If absent, none is recorded.
    value: Option<i32>,
    /// Rating of how well the guest followed the house rules, from 1 to 5. If absent, none is recorded.
    house_rules: Option<i32>,
    /// Whether the host would accept the guest for another stay. Only for hosts. If absent, none is recorded.
    would_host_again: Option<bool>,
    /// Public text of the review, at most 10,000 characters.
    text: String,
    /// Private message to the reviewed side, at most 2,000 characters. If absent, there is none.
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
    /// Result of the mutation `reviewSubmit`.
    ReviewSubmitPayload {
        /// The new review. Null if the mutation was refused.
        review: Option<Review>,
    }
    /// Result of the mutation `reviewUpdate`.
    ReviewUpdatePayload {
        /// The changed review. Null if the mutation was refused.
        review: Option<Review>,
    }
    /// Result of the mutation `reviewRespond`.
    ReviewRespondPayload {
        /// The review with the response. Null if the mutation was refused.
        review: Option<Review>,
    }
}

/// The review that was recorded with an idempotency key.
async fn load_review(app: &App, viewer: &Viewer, effect: RecordedEffect) -> Result<domain::Review, Error> {
    domain::by_id(app, viewer, effect.id(0)?).await?.ok_or_else(|| Error::not_found(&["id"]))
}

/// Mutations of reviews.
#[derive(Default)]
pub struct ReviewMutation;

#[Object]
impl ReviewMutation {
    /// Reviews the other side of a stay that has ended, until the end of the 14th day after check-out. The guest and
    /// the host can call it, once each. Both reviews are published when both exist, or when the period ends. Refused
    /// with REVIEW_WINDOW_CLOSED outside this period, and with REVIEW_LOCKED if the viewer has already reviewed the
    /// booking.
    async fn review_submit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the booking, prefixed `bkg_`.")] booking_id: ID,
        #[graphql(desc = "Ratings and text of the review.")] review: ReviewInput,
    ) -> Result<ReviewSubmitPayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let booking = parse_id(Kind::Booking, &booking_id, &["bookingId"])?;
            domain::submit(app, viewer, booking, review.into()).await
        };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect| load_review(app, viewer, effect).await).await)?;
        Ok(ReviewSubmitPayload { review: done.map(Review::from), user_errors })
    }

    /// Replaces the viewer's review while it is hidden. Refused with REVIEW_LOCKED if it is published.
    async fn review_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the review, prefixed `rev_`.")] id: ID,
        #[graphql(desc = "The new ratings and text, which replace all old ones.")] review: ReviewInput,
    ) -> Result<ReviewUpdatePayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::Review, &id, &["id"])?;
            domain::update(app, viewer, id, review.into()).await
        };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect| load_review(app, viewer, effect).await).await)?;
        Ok(ReviewUpdatePayload { review: done.map(Review::from), user_errors })
    }

    /// Responds publicly to a published review of the viewer, once and within 30 days of publication. Only the reviewed
    /// user can call it; for others it is refused with FORBIDDEN. Refused with REVIEW_LOCKED if there is a response,
    /// and with REVIEW_WINDOW_CLOSED after 30 days.
    async fn review_respond(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the review, prefixed `rev_`.")] id: ID,
        #[graphql(desc = "Public response, at most 5,000 characters.")] text: String,
    ) -> Result<ReviewRespondPayload> {
        let call = prepare_call(ctx);
        let (app, viewer) = (call.app(), ctx.viewer());
        let run = async {
            let id = parse_id(Kind::Review, &id, &["id"])?;
            domain::respond(app, viewer, id, &text).await
        };
        let (done, user_errors) =
            into_payload(app, call.run(run, async |effect| load_review(app, viewer, effect).await).await)?;
        Ok(ReviewRespondPayload { review: done.map(Review::from), user_errors })
    }
}
