//! The audit of the nights of bookings: each night is claimed by its booking, by no other booking, and sold once.

use sea_orm::DbErr;

use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    check_booking_nights(audit).await?;
    check_claims(audit).await?;
    audit
        .check(Check {
            name: "booking_overlaps",
            description: "No two confirmed stays share a night of a listing. This check does not rely on the claims.",
            kind: Some(Kind::Booking),
            rows: "booking WHERE state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED')",
            violations: "SELECT b.id, o.id AS booking_id, 'shares a night from ' || CAST(o.check_in AS TEXT) || ' on' \
                     AS note FROM booking b JOIN booking o ON o.listing_id = b.listing_id \
                     AND o.check_in >= b.check_in AND o.check_in < b.check_out AND o.id <> b.id \
                     AND (o.check_in > b.check_in OR o.id > b.id) \
                     WHERE b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') \
                     AND o.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED')",
        })
        .await
}

/// Counts claims. A listing has at most one claim for each night, so a booking with as many claims as nights has
/// claimed all of them.
async fn check_booking_nights(audit: &mut Audit) -> Result<(), DbErr> {
    let nights = audit.days("b.check_in", "b.check_out");
    let stayed = "COALESCE(CAST(b.cancellation ->> 'nights_stayed' AS BIGINT), 0)";
    let claims = |kind: &str, until: &str| {
        format!(
            "(SELECT count(*) FROM claim c WHERE c.booking_id = b.id AND c.listing_id = b.listing_id \
             AND c.kind = {kind} AND c.night >= b.check_in AND {until})"
        )
    };
    let stay = claims("CASE WHEN b.state IN ('PENDING_PAYMENT', 'REQUESTED') THEN 'HOLD' ELSE 'STAY' END", {
        "c.night < b.check_out"
    });
    let preparation = claims("'PREPARATION'", "c.night >= b.check_out");
    // When a hold has ended, its nights may be claimed by another booking.
    let violations = format!(
        "SELECT id, state || note AS note, CAST(wanted AS BIGINT) AS wanted, found FROM (\
         SELECT b.id, b.state, ' with claims for other nights than its own' AS note, {nights} AS wanted, \
         {stay} AS found FROM booking b WHERE b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') OR (b.holds_nights \
         AND b.state IN ('PENDING_PAYMENT', 'REQUESTED') AND b.expires_at > {{now}}) UNION ALL \
         SELECT b.id, b.state, ' with a different number of preparation nights', b.preparation_nights, {preparation} \
         FROM booking b WHERE b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') UNION ALL \
         SELECT b.id, b.state, ' with claims for other nights than the ones stayed', {stayed}, {stay} FROM booking b \
         WHERE b.state IN ('CANCELLED_BY_GUEST', 'CANCELLED_BY_HOST', 'CANCELLED_BY_PLATFORM', 'NO_SHOW')\
         ) AS compared WHERE wanted <> found"
    );
    audit
        .check(Check {
            name: "booking_nights",
            description: "Every booking claims exactly its nights. A cancelled booking claims the nights stayed.",
            kind: Some(Kind::Booking),
            rows: "booking",
            violations: &violations,
        })
        .await
}

async fn check_claims(audit: &mut Audit) -> Result<(), DbErr> {
    let (nth, after) = (audit.days("b.check_in", "c.night"), audit.days("b.check_out", "c.night"));
    let fits = format!(
        "(b.state IN ('PENDING_PAYMENT', 'REQUESTED') AND b.holds_nights AND c.night >= b.check_in \
         AND c.kind = CASE WHEN c.night < b.check_out THEN 'HOLD' ELSE 'PREPARATION' END \
         AND {after} < b.preparation_nights AND c.expires_at IS NOT NULL) \
         OR (b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') AND c.night >= b.check_in \
         AND c.kind = CASE WHEN c.night < b.check_out THEN 'STAY' ELSE 'PREPARATION' END \
         AND {after} < b.preparation_nights AND c.expires_at IS NULL) \
         OR (b.state LIKE 'CANCELLED_%' OR b.state = 'NO_SHOW') AND c.kind = 'STAY' AND c.night >= b.check_in \
         AND {nth} < COALESCE(CAST(b.cancellation ->> 'nights_stayed' AS BIGINT), 0) \
         OR (c.kind = 'HOLD' AND (c.night < b.check_in OR c.night >= b.check_out) \
         AND EXISTS (SELECT 1 FROM booking_alteration a WHERE a.booking_id = b.id AND a.state = 'PAYING'))"
    );
    let violations = format!(
        "SELECT c.booking_id AS id, CAST(c.night AS TEXT) || ' is claimed as ' || c.kind || CASE WHEN b.id IS NULL \
         THEN ' for a booking that does not exist' WHEN b.listing_id <> c.listing_id THEN ' of another listing' \
         ELSE ' by a booking that is ' || b.state END AS note FROM claim c LEFT JOIN booking b ON b.id = c.booking_id \
         WHERE c.booking_id IS NOT NULL AND (b.id IS NULL OR b.listing_id <> c.listing_id OR NOT ({fits}))"
    );
    audit
        .check(Check {
            name: "booking_claims",
            description: "Every claim of a booking is for a night that the booking may claim, at its own listing.",
            kind: Some(Kind::Booking),
            rows: "claim WHERE booking_id IS NOT NULL",
            violations: &violations,
        })
        .await
}
