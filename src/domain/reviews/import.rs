//! Reviews that come with a data set: words and an author, but neither stars nor a booking.

use chrono::{DateTime, Utc};

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
