//! What must hold of reviews: written in their window, shown together, and counted in the listing's sums.

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::window::closes_at;
use crate::domain::error::Error;
use crate::kernel::id::{Id, Kind};
use crate::platform::audit::{Audit, Check};

const PAGE: usize = 1_000;
const ASPECTS: [&str; 7] = ["overall", "cleanliness", "accuracy", "check_in", "communication", "location", "value"];

/// Checks reviews and the sums that are made of them.
pub async fn audit(audit: &mut Audit) -> Result<(), Error> {
    windows(audit).await?;
    audit
        .check(Check {
            name: "review_sides",
            says: "A booking has at most one review of each side, by whoever was on it.",
            kind: Some(Kind::Review),
            looks_at: "review WHERE booking_id IS NOT NULL",
            faults: "SELECT r.id, r.booking_id, 'not by this side of the booking, or not the only one' AS note \
                     FROM review r LEFT JOIN booking b ON b.id = r.booking_id AND b.listing_id = r.listing_id \
                     AND r.author_id = CASE r.direction WHEN 'GUEST_TO_LISTING' THEN b.guest_id ELSE b.host_id END \
                     WHERE r.booking_id IS NOT NULL AND (b.id IS NULL OR EXISTS (SELECT 1 FROM review o \
                     WHERE o.booking_id = r.booking_id AND o.direction = r.direction AND o.id <> r.id))",
        })
        .await?;
    audit
        .check(Check {
            name: "reviews_shown",
            says: "Both reviews of a booking are shown at one instant, and none is hidden past its window.",
            kind: Some(Kind::Review),
            looks_at: "review WHERE booking_id IS NOT NULL",
            faults: "SELECT r.id, r.booking_id, 'hidden for an hour past its window' AS note FROM review r \
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
    let says = "Every review was written after its booking had ended and before its window closed.";
    let mut tally = audit.open("review_windows", says);
    let backend = audit.snapshot().get_database_backend();
    let mut after = Uuid::nil();
    loop {
        // The step that ended the booking tells when the window opened; the booking itself may have changed since.
        let sql = format!(
            "SELECT r.id, r.booking_id, r.submitted_at, r.editable_until, b.check_out, b.time_zone, (SELECT min(v.at) \
             FROM booking_event v WHERE v.booking_id = b.id AND v.to_state = b.state AND b.state IN ('COMPLETED', \
             'NO_SHOW', 'CANCELLED_BY_GUEST', 'CANCELLED_BY_HOST', 'CANCELLED_BY_PLATFORM')) AS ended_at \
             FROM review r JOIN booking b ON b.id = r.booking_id WHERE r.id > $1 ORDER BY r.id LIMIT {PAGE}"
        );
        let rows = audit.snapshot().query_all_raw(Statement::from_sql_and_values(backend, sql, [after.into()])).await?;
        tally.look(rows.len());
        for row in &rows {
            after = row.try_get("", "id")?;
            let written: DateTime<Utc> = row.try_get("", "submitted_at")?;
            let zone: String = row.try_get("", "time_zone")?;
            let closes = closes_at(row.try_get::<NaiveDate>("", "check_out")?, &zone)?;
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
            tally.find(Id::new(Kind::Review, after), row.try_get("", "booking_id")?, note);
        }
        if rows.len() < PAGE {
            break;
        }
    }
    audit.close(tally);
    Ok(())
}

/// The sums of our own guests; those that came with an import stand beside them and have no reviews with stars.
async fn ratings(audit: &mut Audit) -> Result<(), Error> {
    let joined = |each: &dyn Fn(&str) -> String| ASPECTS.map(each).join(", ");
    let kept = joined(&|aspect| format!("{aspect}_sum AS {aspect}_s, {aspect}_count AS {aspect}_n"));
    let given =
        joined(&|aspect| format!("-100 * COALESCE({aspect}, 0), -(CASE WHEN {aspect} IS NULL THEN 0 ELSE 1 END)"));
    let differ = ASPECTS.map(|aspect| format!("sum({aspect}_s) <> 0 OR sum({aspect}_n) <> 0")).join(" OR ");
    let faults = format!(
        "SELECT listing_id AS id, 'the sums are not those of its published reviews' AS note FROM \
         (SELECT listing_id, {kept} FROM listing_rating WHERE origin = 'GUESTS' UNION ALL \
         SELECT listing_id, {given} FROM review WHERE direction = 'GUEST_TO_LISTING' AND booking_id IS NOT NULL \
         AND published_at IS NOT NULL) AS both_say GROUP BY listing_id HAVING {differ}"
    );
    audit
        .check(Check {
            name: "listing_ratings",
            says: "The rating of a listing is what its published reviews sum to.",
            kind: Some(Kind::Listing),
            looks_at: "listing_rating WHERE origin = 'GUESTS'",
            faults: &faults,
        })
        .await?;
    Ok(())
}
