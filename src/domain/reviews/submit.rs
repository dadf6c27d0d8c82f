//! Writing a review, and changing it while nobody else has seen it.

use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::publish::{PUBLISH, publish_pair};
use super::table::review as table;
use super::window::{may_review, window};
use super::{Direction, Review, notices};
use crate::domain::bookings;
use crate::domain::error::{Code, Error, Refusals};
use crate::domain::notifications::notify;
use crate::domain::viewer::Viewer;
use crate::platform::App;
use crate::platform::database::is_duplicate;
use crate::platform::queue::{NewJob, enqueue};

const LONGEST_TEXT: usize = 10_000;
const LONGEST_NOTE: usize = 2_000;

/// What a reviewer says. Stars are 1 to 5; which of them belong depends on who reviews whom.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names of the aspects say it")]
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
    /// Puts the draft into a row, or refuses what does not belong into such a review.
    fn apply(self, direction: Direction, row: &mut table::ActiveModel) -> Result<(), Error> {
        let mut refusals = Refusals::default();
        let of_listing = direction == Direction::GuestToListing;
        let mut stars = |name: &str, stars: Option<i32>, belongs: bool| {
            let field = ["review", name];
            let stars = stars?;
            refusals.check(belongs, Code::Invalid, &field, "does not belong into a review of this side");
            refusals.range(&field, stars.into(), 1, 5);
            i16::try_from(stars).ok()
        };
        row.overall = Set(stars("overall", Some(self.overall), true));
        row.cleanliness = Set(stars("cleanliness", self.cleanliness, true));
        row.accuracy = Set(stars("accuracy", self.accuracy, of_listing));
        row.check_in = Set(stars("checkIn", self.check_in, of_listing));
        row.communication = Set(stars("communication", self.communication, true));
        row.location = Set(stars("location", self.location, of_listing));
        row.value = Set(stars("value", self.value, of_listing));
        row.house_rules = Set(stars("houseRules", self.house_rules, !of_listing));
        let again = self.would_host_again;
        let field = ["review", "wouldHostAgain"];
        refusals.check(again.is_none() || !of_listing, Code::Invalid, &field, "is for hosts to say");
        row.would_host_again = Set(again);
        row.text = Set(refusals.text(&["review", "text"], &self.text, LONGEST_TEXT));
        let note =
            self.private_note.map(|text| refusals.text_or_empty(&["review", "privateNote"], &text, LONGEST_NOTE));
        row.private_note = Set(note.filter(|text| !text.is_empty()));
        refusals.finish()
    }
}

/// Reviews the other side of a booking. When the other side has written too, both reviews appear.
pub async fn submit(app: &App, viewer: &Viewer, booking_id: Uuid, draft: Draft) -> Result<Review, Error> {
    let author = viewer.require_user()?;
    let field = ["bookingId"];
    let booking = bookings::by_id(app, viewer, booking_id).await?.ok_or_else(|| Error::not_found(&field))?;
    let closed = || Error::refused(Code::ReviewWindowClosed, &field, "this booking cannot be reviewed now");
    let direction = may_review(app, viewer, &booking)?.ok_or_else(closed)?;
    let closes_at = window(&booking)?.ok_or_else(closed)?.closes_at;
    let mut row = table::ActiveModel {
        id: Set(app.clock.id()),
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
    // The two sides wait for each other here, so that the second sees the first and neither can peek.
    bookings::lock(&txn, booking_id).await?;
    let review = row.insert(&txn).await.map_err(|error| {
        if is_duplicate(&error) {
            return Error::refused(Code::ReviewLocked, &field, "you have reviewed this booking; change that review");
        }
        error.into()
    })?;
    enqueue(&txn, &app.clock, NewJob::about(PUBLISH, booking_id, closes_at)).await?;
    if !publish_pair(app, &txn, booking_id, author.user_id).await? {
        notify(app, &txn, notices::submitted(&review, &booking)).await?;
    }
    let review = table::Entity::find_by_id(review.id).one(&txn).await?.unwrap_or(review);
    app.once.spend(&txn, &[review.id]).await?;
    txn.commit().await?;
    app.queue.wake();
    Ok(review)
}

/// Changes the viewer's own review while it is hidden.
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
    app.once.spend(&txn, &[review.id]).await?;
    txn.commit().await?;
    Ok(review)
}
