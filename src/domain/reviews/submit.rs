//! Submitting a review, and changing it while it is hidden.

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::publish::{PUBLISH_REVIEWS, publish_pair};
use super::table::review as table;
use super::window::{may_review, review_window};
use super::{Direction, Review, notices};
use crate::domain::bookings;
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::limits::MAX_MESSAGE_CHARS;
use crate::domain::notifications::notify;
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::database::is_duplicate;
use crate::platform::queue::{NewJob, enqueue};

/// Maximum length of a review's text, in characters.
pub const MAX_REVIEW_CHARS: usize = 10_000;

/// The content of a review. Stars are 1 to 5. Which aspects can be rated depends on the direction of the review.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are named after the aspects")]
pub struct Draft {
    pub overall: i32,
    pub cleanliness: Option<i32>,
    pub accuracy: Option<i32>,
    pub check_in: Option<i32>,
    pub communication: Option<i32>,
    pub location: Option<i32>,
    pub value: Option<i32>,
    pub house_rules: Option<i32>,
    pub would_host_again: Option<bool>,
    pub text: String,
    pub private_note: Option<String>,
}

impl Draft {
    /// Sets the columns of a row, or refuses what does not fit a review of this direction.
    fn apply(self, direction: Direction, row: &mut table::ActiveModel) -> Result<(), Error> {
        let mut refusals = Refusals::default();
        let is_of_listing = direction == Direction::GuestToListing;
        let mut stars = |name: &str, stars: Option<i32>, is_rated: bool| {
            let field = ["review", name];
            let stars = stars?;
            refusals.check(is_rated, Code::Invalid, &field, "cannot be rated in a review of this direction");
            refusals.range(&field, stars.into(), 1, 5);
            i16::try_from(stars).ok()
        };
        row.overall = Set(stars("overall", Some(self.overall), true));
        row.cleanliness = Set(stars("cleanliness", self.cleanliness, true));
        row.accuracy = Set(stars("accuracy", self.accuracy, is_of_listing));
        row.check_in = Set(stars("checkIn", self.check_in, is_of_listing));
        row.communication = Set(stars("communication", self.communication, true));
        row.location = Set(stars("location", self.location, is_of_listing));
        row.value = Set(stars("value", self.value, is_of_listing));
        row.house_rules = Set(stars("houseRules", self.house_rules, !is_of_listing));
        let would_host_again = self.would_host_again;
        let field = ["review", "wouldHostAgain"];
        refusals.check(
            would_host_again.is_none() || !is_of_listing,
            Code::Invalid,
            &field,
            "only a host can answer this",
        );
        row.would_host_again = Set(would_host_again);
        row.text = Set(refusals.text(&["review", "text"], &self.text, MAX_REVIEW_CHARS));
        let note =
            self.private_note.map(|text| refusals.text_or_empty(&["review", "privateNote"], &text, MAX_MESSAGE_CHARS));
        row.private_note = Set(note.filter(|text| !text.is_empty()));
        refusals.finish()
    }
}

/// Submits the viewer's review of the other side of a booking. If the other side has submitted theirs, both are
/// published.
pub async fn submit(app: &App, viewer: &Viewer, booking_id: Uuid, draft: Draft) -> Result<Review, Error> {
    let author = viewer.require_user()?;
    let field = ["bookingId"];
    let booking = bookings::by_id(app, viewer, booking_id).await?.ok_or_else(|| Error::not_found(&field))?;
    let closed = || Error::refused(Code::ReviewWindowClosed, &field, "this booking cannot be reviewed now");
    let direction = may_review(app, viewer, &booking)?.ok_or_else(closed)?;
    let closes_at = review_window(&booking)?.ok_or_else(closed)?.closes_at;
    let mut row = table::ActiveModel {
        id: Set(app.clock.new_id()),
        direction: Set(direction),
        booking_id: Set(Some(booking_id)),
        listing_id: Set(booking.listing_id),
        author_id: Set(author.user_id),
        subject_id: Set(Some(match direction {
            Direction::GuestToListing => booking.host_id,
            Direction::HostToGuest => booking.guest_id,
        })),
        response_text: Set(None),
        response_at: Set(None),
        submitted_at: Set(app.clock.now()),
        published_at: Set(None),
        editable_until: Set(Some(closes_at)),
        source: Set(None),
        source_ref: Set(None),
        ..Default::default()
    };
    draft.apply(direction, &mut row)?;

    let txn = app.db.begin_write().await?;
    // Submissions for one booking run one after the other, so that the second finds the first and publishes both.
    bookings::lock_booking(&txn, booking_id).await?;
    let review = row.insert(&txn).await.map_err(|error| {
        if is_duplicate(&error) {
            return Error::refused(
                Code::ReviewLocked,
                &field,
                "you have already reviewed this booking; update that review instead",
            );
        }
        error.into()
    })?;
    enqueue(&txn, &app.clock, NewJob::about(PUBLISH_REVIEWS, booking_id, closes_at)).await?;
    if !publish_pair(app, &txn, booking_id, author.user_id).await? {
        notify(app, &txn, notices::submitted_notices(&review, &booking)).await?;
    }
    let review = table::Entity::find_by_id(review.id).one(&txn).await?.unwrap_or(review);
    app.idempotency_key.record(&txn, &[review.id]).await?;
    txn.commit().await?;
    app.queue.wake();
    Ok(review)
}

/// Replaces the content of the viewer's own review while it is hidden.
pub async fn update(app: &App, viewer: &Viewer, id: Uuid, draft: Draft) -> Result<Review, Error> {
    viewer.require_user()?;
    let txn = app.db.begin_write().await?;
    let found = table::Entity::find_by_id(id).lock_exclusive().one(&txn).await?;
    let review = found.filter(|review| viewer.is(review.author_id)).ok_or_else(|| Error::not_found(&["id"]))?;
    let editable = review.published_at.is_none() && review.editable_until.is_some_and(|until| app.clock.now() < until);
    if !editable {
        return Err(Error::refused(Code::ReviewLocked, &["id"], "a published review cannot be changed"));
    }
    let mut row = <table::ActiveModel as ActiveModelTrait>::default();
    draft.apply(review.direction, &mut row)?;
    let changed = table::Entity::update_many()
        .set(row)
        .filter(table::Column::Id.eq(id))
        .filter(table::Column::PublishedAt.is_null())
        .exec_with_returning(&txn)
        .await?;
    let review = changed.into_iter().next().ok_or_else(|| Error::not_found(&["id"]))?;
    app.idempotency_key.record(&txn, &[review.id]).await?;
    txn.commit().await?;
    Ok(review)
}
