//! Reviews that come with a data set: words and an author, but neither stars nor a booking.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::error::Error;
use crate::domain::listings;
use crate::domain::users::import::{ImportedUser, upsert};
use crate::platform::App;
use crate::platform::bulk::{self, Kind, Row};

/// What a guest of another platform wrote about a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedReview {
    /// The review's key in the source.
    pub source_ref: String,
    /// The listing's key in the source.
    pub listing_source_ref: String,
    /// The author's key in the source.
    pub author_source_ref: String,
    /// What was written; never empty.
    pub text: String,
    /// When.
    pub submitted_at: DateTime<Utc>,
}

/// What became of a batch of reviews.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Reviews that were not there before.
    pub new: u64,
    /// Reviews with other words or another date.
    pub changed: u64,
    /// Reviews that are as they were.
    pub unchanged: u64,
    /// Reviews of listings that are not there, or that stand in the batch a second time.
    pub skipped: u64,
    /// Authors that were not there before.
    pub new_people: u64,
    /// Authors with another name.
    pub changed_people: u64,
}

#[derive(Serialize)]
struct ReviewRow<'a> {
    #[serde(serialize_with = "bulk::key")]
    id: Uuid,
    #[serde(serialize_with = "bulk::key")]
    listing_id: Uuid,
    #[serde(serialize_with = "bulk::key")]
    author_id: Uuid,
    #[serde(serialize_with = "bulk::key")]
    subject_id: Uuid,
    text: &'a str,
    #[serde(serialize_with = "bulk::instant")]
    submitted_at: DateTime<Utc>,
    #[serde(serialize_with = "bulk::instant")]
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

const IF_KNOWN: &str = "
    ON CONFLICT (source, source_ref) DO UPDATE SET
        listing_id = excluded.listing_id, author_id = excluded.author_id, subject_id = excluded.subject_id,
        text = excluded.text, submitted_at = excluded.submitted_at, published_at = excluded.published_at
    WHERE review.text <> excluded.text OR review.submitted_at <> excluded.submitted_at
        OR review.listing_id <> excluded.listing_id OR review.author_id <> excluded.author_id
        OR review.subject_id IS DISTINCT FROM excluded.subject_id";

/// Writes reviews and their authors down, or brings them up to date, in one transaction.
pub async fn store(
    app: &App,
    source: &str,
    authors: &[&ImportedUser],
    reviews: &[&ImportedReview],
) -> Result<Stored, Error> {
    let txn = app.db.begin_write().await?;
    let people = upsert(app, &txn, source, authors.iter().copied()).await?;
    let wanted = reviews.iter().map(|review| review.listing_source_ref.as_str());
    let listings = listings::import::known(&txn, source, wanted).await?;
    // Of several with one key the last counts, as it would if they came in different batches.
    let mut last: HashMap<&str, ReviewRow<'_>> = HashMap::new();
    for review in reviews {
        let (Some(listing), Some(author)) =
            (listings.get(&review.listing_source_ref), people.ids.get(&review.author_source_ref))
        else {
            continue;
        };
        let row = ReviewRow {
            id: app.clock.id(),
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
    let touched = bulk::upsert(&txn, "review", &rows, &constants, IF_KNOWN).await?;
    txn.commit().await?;
    let made: HashSet<Uuid> = rows.iter().map(|row| row.id).collect();
    let new = touched.iter().filter(|id| made.contains(id)).count();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Ok(Stored {
        new: count(new),
        changed: count(touched.len() - new),
        unchanged: count(rows.len() - touched.len()),
        skipped: count(reviews.len() - rows.len()),
        new_people: people.new,
        changed_people: people.changed,
    })
}
