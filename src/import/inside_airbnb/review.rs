//! Parses a record of the reviews file into an author and a review.

use std::collections::HashSet;

use super::header::Row;
use super::listing::{name_or, noon};
use super::places::Here;
use super::text;
use crate::domain::reviews::MAX_REVIEW_CHARS;
use crate::domain::reviews::import::ImportedReview;
use crate::domain::users::import::ImportedUser;
use crate::import::findings::Problem;

/// Part of the text that the source posts by itself when a host cancels.
const AUTOMATED: &str = "automated posting";

/// A guest and one of their reviews.
#[derive(Clone, Debug)]
pub struct AuthorAndReview {
    /// The guest who wrote the review.
    pub author: ImportedUser,
    /// The text and date of the review.
    pub review: ImportedReview,
}

/// Parses one record. The error says why it is skipped. `listings` are the keys of the imported listings.
pub fn parse_review(row: Row<'_>, here: &Here, listings: &HashSet<i64>) -> Result<AuthorAndReview, Problem> {
    row.check_width()?;
    let key = row.key("id")?;
    let listing = row.key("listing_id")?;
    let author = row.key("reviewer_id")?;
    let date = row.date("date")?.ok_or_else(|| Problem::new("date", "is missing", ""))?;
    if !listings.contains(&listing) {
        return Err(Problem::new("listing_id", "is not one of the imported listings", &listing.to_string()));
    }
    let comments = row.text("comments").unwrap_or_default();
    if comments.contains(AUTOMATED) {
        return Err(Problem::new("comments", "is an automated posting and not a review", ""));
    }
    let (text, _) = text::truncate(text::plain(comments), MAX_REVIEW_CHARS);
    if text.is_empty() {
        return Err(Problem::new("comments", "is blank", ""));
    }
    let submitted_at = noon(date, here.zone);
    Ok(AuthorAndReview {
        author: ImportedUser {
            source_ref: author.to_string(),
            display_name: name_or(row.text("reviewer_name"), "Guest"),
            about: None,
            is_host: false,
            joined_at: Some(submitted_at),
            time_zone: here.zone,
            currency: here.currency,
        },
        review: ImportedReview {
            source_ref: key.to_string(),
            listing_source_ref: listing.to_string(),
            author_source_ref: author.to_string(),
            text,
            submitted_at,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::findings::At;
    use crate::import::inside_airbnb::header::Header;
    use crate::import::inside_airbnb::places::Overrides;
    use csv::StringRecord;

    const COLUMNS: [&str; 6] = ["listing_id", "id", "date", "reviewer_id", "reviewer_name", "comments"];

    fn read_row(fields: [&str; 6]) -> Result<AuthorAndReview, Problem> {
        let header = Header::new(&StringRecord::from(COLUMNS.to_vec()));
        let fields = StringRecord::from(fields.to_vec());
        let here = Here::resolve((42.65, -73.76), &Overrides::default()).unwrap();
        parse_review(Row::new(&header, &fields, At { record: 1, line: 2 }), &here, &HashSet::from([5]))
    }

    #[test]
    fn a_record_becomes_an_author_and_a_review() {
        let both = read_row(["5", "9", "2024-07-01", "3", " ", "Clean.\r<br/>Near."]).unwrap();
        assert_eq!((both.review.text.as_str(), both.author.display_name.as_str()), ("Clean.\nNear.", "Guest"));
        assert_eq!(both.review.submitted_at.to_rfc3339(), "2024-07-01T16:00:00+00:00");
        assert_eq!((both.review.source_ref.as_str(), both.author.is_host), ("9", false));
    }

    #[test]
    fn automated_postings_blank_texts_and_unknown_listings_are_skipped() {
        for (fields, field) in [
            (["5", "9", "2024-07-01", "3", "Ann", "The host canceled. This is an automated posting."], "comments"),
            (["5", "9", "2024-07-01", "3", "Ann", " <br/> "], "comments"),
            (["6", "9", "2024-07-01", "3", "Ann", "Good"], "listing_id"),
            (["5", "x", "2024-07-01", "3", "Ann", "Good"], "id"),
            (["5", "9", "", "3", "Ann", "Good"], "date"),
            (["5", "9", "2024-07-01", "", "Ann", "Good"], "reviewer_id"),
        ] {
            assert_eq!(read_row(fields).unwrap_err().field, field, "{fields:?}");
        }
    }
}
