//! Reviews imported with a data set. They have a text and an author, but neither stars nor a booking.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::users::import::{ImportedUser, upsert};
use crate::platform::App;
use crate::platform::bulk::{self, Kind, Row};

/// A review of a listing on another platform.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedReview {
    /// The review's key in the source.
    pub source_ref: String,
    /// The listing's key in the source.
    pub listing_source_ref: String,
    /// The author's key in the source.
    pub author_source_ref: String,
    /// The text. Never empty.
    pub text: String,
    /// When it was written.
    pub submitted_at: DateTime<Utc>,
}

/// The result of importing a batch of reviews.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredReviews {
    /// Reviews that were inserted.
    pub new: u64,
    /// Reviews that were updated.
    pub changed: u64,
    /// Reviews that did not change.
    pub unchanged: u64,
    /// Reviews of unknown listings or authors, and reviews that occur more than once in the batch.
    pub skipped: u64,
    /// Authors that were inserted.
    pub new_users: u64,
    /// Authors that were updated.
    pub changed_users: u64,
}

#[derive(Serialize)]
struct ReviewRow<'a> {
    #[serde(serialize_with = "bulk::serialize_uuid")]
    id: Uuid,
    #[serde(serialize_with = "bulk::serialize_uuid")]
    listing_id: Uuid,
    #[serde(serialize_with = "bulk::serialize_uuid")]
    author_id: Uuid,
    #[serde(serialize_with = "bulk::serialize_uuid")]
    subject_id: Uuid,
    text: &'a str,
    #[serde(serialize_with = "bulk::serialize_instant")]
    submitted_at: DateTime<Utc>,
    #[serde(serialize_with = "bulk::serialize_instant")]
    published_at: DateTime<Utc>,
    source: &'a str,
    source_ref: &'a str,
}

impl Row for ReviewRow<'_> {
    const COLUMNS: &'static [(&'static str, Kind)] = &[
        ("id", Kind::Uuid),
        ("listing_id", Kind::Uuid),
        ("author_id", Kind::Uuid),
        ("subject_id", Kind::Uuid),
        ("text", Kind::Text),
        ("submitted_at", Kind::Instant),
        ("published_at", Kind::Instant),
        ("source", Kind::Text),
        ("source_ref", Kind::Text),
    ];
}

/// How an existing review is updated: only if something changed.
const ON_CONFLICT: &str = "
    ON CONFLICT (source, source_ref) DO UPDATE SET
        listing_id = excluded.listing_id, author_id = excluded.author_id, subject_id = excluded.subject_id,
        text = excluded.text, submitted_at = excluded.submitted_at, published_at = excluded.published_at
    WHERE review.text <> excluded.text OR review.submitted_at <> excluded.submitted_at
        OR review.listing_id <> excluded.listing_id OR review.author_id <> excluded.author_id
        OR review.subject_id IS DISTINCT FROM excluded.subject_id";

/// Inserts or updates reviews and their authors, in one transaction.
pub async fn store(
    app: &App,
    source: &str,
    authors: &[&ImportedUser],
    reviews: &[&ImportedReview],
) -> Result<StoredReviews, Error> {
    let txn = app.db.begin_write().await?;
    let users = upsert(app, &txn, source, authors.iter().copied()).await?;
    let wanted = reviews.iter().map(|review| review.listing_source_ref.as_str());
    let listings = listings::import::existing_listings(&txn, source, wanted).await?;
    // Of several reviews with one key the last counts, as it would if they came in different batches.
    let mut last: HashMap<&str, ReviewRow<'_>> = HashMap::new();
    for review in reviews {
        let (Some(listing), Some(author)) =
            (listings.get(&review.listing_source_ref), users.ids.get(&review.author_source_ref))
        else {
            continue;
        };
        let row = ReviewRow {
            id: app.clock.new_id(),
            listing_id: listing.id,
            author_id: *author,
            subject_id: listing.host_id,
            text: &review.text,
            submitted_at: review.submitted_at,
            published_at: review.submitted_at,
            source,
            source_ref: &review.source_ref,
        };
        last.insert(&review.source_ref, row);
    }
    let mut rows: Vec<ReviewRow<'_>> = last.into_values().collect();
    rows.sort_by_key(|row| row.id);
    let constants = [("direction", "'GUEST_TO_LISTING'")];
    let written_ids = bulk::upsert(&txn, "review", &rows, &constants, ON_CONFLICT).await?;
    txn.commit().await?;
    // A row that was written under an id from here was inserted; a row that existed before has an id of its own.
    let new_ids: HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
    let new = written_ids.iter().filter(|id| new_ids.contains(id)).count();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Ok(StoredReviews {
        new: count(new),
        changed: count(written_ids.len() - new),
        unchanged: count(rows.len() - written_ids.len()),
        skipped: count(reviews.len() - rows.len()),
        new_users: users.new,
        changed_users: users.changed,
    })
}
