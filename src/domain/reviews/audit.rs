//! Audit checks of reviews: submitted within their window, published together, and counted in the listing's rating.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::window::window_closes_at;
use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::audit::{Audit, Check};

const ROWS_PER_PAGE: usize = 1_000;
const ASPECTS: [&str; 7] = ["overall", "cleanliness", "accuracy", "check_in", "communication", "location", "value"];

/// Checks reviews and the ratings that are computed from them.
pub async fn audit(audit: &mut Audit) -> Result<(), Error> {
    windows(audit).await?;
    audit
        .check(Check {
            name: "review_sides",
            description: "A booking has at most one review of each side, by the guest or the host of the booking.",
            kind: Some(Kind::Review),
            rows: "review WHERE booking_id IS NOT NULL",
            violations: "SELECT r.id, r.booking_id, 'not by this side of the booking, or not the only one' AS note \
                     FROM review r LEFT JOIN booking b ON b.id = r.booking_id AND b.listing_id = r.listing_id \
                     AND r.author_id = CASE r.direction WHEN 'GUEST_TO_LISTING' THEN b.guest_id ELSE b.host_id END \
                     WHERE r.booking_id IS NOT NULL AND (b.id IS NULL OR EXISTS (SELECT 1 FROM review o \
                     WHERE o.booking_id = r.booking_id AND o.direction = r.direction AND o.id <> r.id))",
        })
        .await?;
    audit
        .check(Check {
            name: "reviews_shown",
            description: "Both reviews of a booking are published at one instant, and none is hidden after its window.",
            kind: Some(Kind::Review),
            rows: "review WHERE booking_id IS NOT NULL",
            violations: "SELECT r.id, r.booking_id, 'hidden for an hour past its window' AS note FROM review r \
                     WHERE r.booking_id IS NOT NULL AND r.published_at IS NULL AND r.editable_until < {hour_ago} \
                     UNION ALL SELECT r.id, r.booking_id, 'shown without the other one, or at another instant' AS note \
                     FROM review r JOIN review o ON o.booking_id = r.booking_id AND o.direction <> r.direction \
                     WHERE r.published_at IS DISTINCT FROM o.published_at \
                     OR (r.published_at IS NULL AND o.published_at IS NULL)",
        })
        .await?;
    ratings(audit).await
}

async fn windows(audit: &mut Audit) -> Result<(), Error> {
    let description = "Every review was written after its booking had ended and before its window closed.";
    let mut tally = audit.begin_check("review_windows", description);
    let backend = audit.snapshot().get_database_backend();
    let mut after = Uuid::nil();
    loop {
        // The window opened with the event that ended the booking. The booking itself may have changed since.
        let sql = format!(
            "SELECT r.id, r.booking_id, r.submitted_at, r.editable_until, b.check_out, b.time_zone, (SELECT min(v.at) \
             FROM booking_event v WHERE v.booking_id = b.id AND v.to_state = b.state AND b.state IN ('COMPLETED', \
             'NO_SHOW', 'CANCELLED_BY_GUEST', 'CANCELLED_BY_HOST', 'CANCELLED_BY_PLATFORM')) AS ended_at \
             FROM review r JOIN booking b ON b.id = r.booking_id WHERE r.id > $1 ORDER BY r.id LIMIT {ROWS_PER_PAGE}"
        );
        let rows = audit.snapshot().query_all_raw(Statement::from_sql_and_values(backend, sql, [after.into()])).await?;
        tally.count_rows(rows.len());
        for row in &rows {
            after = row.try_get("", "id")?;
            let written: DateTime<Utc> = row.try_get("", "submitted_at")?;
            let zone: String = row.try_get("", "time_zone")?;
            let closes = window_closes_at(row.try_get::<NaiveDate>("", "check_out")?, &zone)?;
            let ended: Option<DateTime<Utc>> = row.try_get("", "ended_at")?;
            let note = match ended {
                None => "of a booking that has not ended",
                Some(ended) if written < ended => "written before the booking had ended",
                Some(_) if written >= closes => "written after its window had closed",
                Some(_) if row.try_get::<Option<DateTime<Utc>>>("", "editable_until")? != Some(closes) => {
                    "to be shown at another instant than the end of its window"
                }
                Some(_) => continue,
            };
            tally.add_finding(Id::new(Kind::Review, after), row.try_get("", "booking_id")?, note);
        }
        if rows.len() < ROWS_PER_PAGE {
            break;
        }
    }
    audit.end_check(tally);
    Ok(())
}

/// Compares the ratings by our own guests with their reviews. Imported ratings are stored in rows of their own and have
/// no reviews with stars.
async fn ratings(audit: &mut Audit) -> Result<(), Error> {
    let joined = |each: &dyn Fn(&str) -> String| ASPECTS.map(each).join(", ");
    let stored = joined(&|aspect| format!("{aspect}_sum AS {aspect}_s, {aspect}_count AS {aspect}_n"));
    let given =
        joined(&|aspect| format!("-100 * COALESCE({aspect}, 0), -(CASE WHEN {aspect} IS NULL THEN 0 ELSE 1 END)"));
    let differ = ASPECTS.map(|aspect| format!("sum({aspect}_s) <> 0 OR sum({aspect}_n) <> 0")).join(" OR ");
    let violations = format!(
        "SELECT listing_id AS id, 'the sums are not those of its published reviews' AS note FROM \
         (SELECT listing_id, {stored} FROM listing_rating WHERE origin = 'GUESTS' UNION ALL \
         SELECT listing_id, {given} FROM review WHERE direction = 'GUEST_TO_LISTING' AND booking_id IS NOT NULL \
         AND published_at IS NOT NULL) AS both_say GROUP BY listing_id HAVING {differ}"
    );
    audit
        .check(Check {
            name: "listing_ratings",
            description: "The rating of a listing is the sum of its published reviews.",
            kind: Some(Kind::Listing),
            rows: "listing_rating WHERE origin = 'GUESTS'",
            violations: &violations,
        })
        .await?;
    Ok(())
}
