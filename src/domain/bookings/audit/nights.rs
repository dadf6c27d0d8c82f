//! The nights of bookings: claimed by those that have them, by nobody else, and sold once.

use sea_orm::DbErr;

use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    claimed(audit).await?;
    claims(audit).await?;
    audit
        .check(Check {
            name: "booking_overlaps",
            says: "No two confirmed stays share a night of a listing, whatever the claims say.",
            kind: Some(Kind::Booking),
            looks_at: "booking WHERE state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED')",
            faults: "SELECT b.id, o.id AS booking_id, 'shares a night from ' || CAST(o.check_in AS TEXT) || ' on' \
                     AS note FROM booking b JOIN booking o ON o.listing_id = b.listing_id \
                     AND o.check_in >= b.check_in AND o.check_in < b.check_out AND o.id <> b.id \
                     AND (o.check_in > b.check_in OR o.id > b.id) \
                     WHERE b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') \
                     AND o.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED')",
        })
        .await
}

/// Counts claims, of which a listing has one a night: as many as there are nights are all of them.
async fn claimed(audit: &mut Audit) -> Result<(), DbErr> {
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
    // The nights of a hold that has lapsed may be somebody else's.
    let faults = format!(
        "SELECT id, state || note AS note, CAST(wanted AS BIGINT) AS wanted, found FROM (\
         SELECT b.id, b.state, ' with other nights than its own' AS note, {nights} AS wanted, {stay} AS found \
         FROM booking b WHERE b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') OR (b.holds_nights \
         AND b.state IN ('PENDING_PAYMENT', 'REQUESTED') AND b.expires_at > {{now}}) UNION ALL \
         SELECT b.id, b.state, ' with other nights of preparation', b.preparation_nights, {preparation} \
         FROM booking b WHERE b.state IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') UNION ALL \
         SELECT b.id, b.state, ' with other nights than were stayed', {stayed}, {stay} FROM booking b \
         WHERE b.state IN ('CANCELLED_BY_GUEST', 'CANCELLED_BY_HOST', 'CANCELLED_BY_PLATFORM', 'NO_SHOW')\
         ) AS compared WHERE wanted <> found"
    );
    audit
        .check(Check {
            name: "booking_nights",
            says: "Every booking claims exactly its nights, and one that was broken off those that were stayed.",
            kind: Some(Kind::Booking),
            looks_at: "booking",
            faults: &faults,
        })
        .await
}

async fn claims(audit: &mut Audit) -> Result<(), DbErr> {
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
    let faults = format!(
        "SELECT c.booking_id AS id, CAST(c.night AS TEXT) || ' is claimed as ' || c.kind || CASE WHEN b.id IS NULL \
         THEN ' for a booking that is not there' WHEN b.listing_id <> c.listing_id THEN ' of another listing' \
         ELSE ' by a booking that is ' || b.state END AS note FROM claim c LEFT JOIN booking b ON b.id = c.booking_id \
         WHERE c.booking_id IS NOT NULL AND (b.id IS NULL OR b.listing_id <> c.listing_id OR NOT ({fits}))"
    );
    audit
        .check(Check {
            name: "booking_claims",
            says: "Every night that is claimed for a booking is one it may claim, at its own listing.",
            kind: Some(Kind::Booking),
            looks_at: "claim WHERE booking_id IS NOT NULL",
            faults: &faults,
        })
        .await
}
