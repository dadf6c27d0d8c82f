//! The audit of transitions: every booking has a gapless history of events, and no transition is overdue.

use sea_orm::DbErr;

use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    check_histories(audit).await?;
    audit
        .check(Check {
            name: "bookings_stuck",
            description: "No transition of a booking is overdue by more than an hour.",
            kind: Some(Kind::Booking),
            rows: "booking",
            violations: "SELECT id, state || ' and overdue by more than an hour' AS note FROM booking \
                     WHERE (state IN ('PENDING_PAYMENT', 'REQUESTED') AND expires_at < {hour_ago}) \
                     OR (state = 'CONFIRMED' AND check_in_at < {hour_ago} AND updated_at < {hour_ago}) \
                     OR (state = 'CHECKED_IN' AND check_out_at < {hour_ago} AND updated_at < {hour_ago})",
        })
        .await?;
    audit
        .check(Check {
            name: "alterations_open",
            description: "Only confirmed and current bookings have open alterations. None is overdue by over an hour.",
            kind: Some(Kind::BookingAlteration),
            rows: "booking_alteration",
            violations: "SELECT a.id, a.booking_id, a.state || ' of a booking that is ' || b.state AS note \
                     FROM booking_alteration a JOIN booking b ON b.id = a.booking_id \
                     WHERE a.state IN ('PENDING', 'PAYING') AND (a.expires_at < {hour_ago} \
                     OR (b.state NOT IN ('CONFIRMED', 'CHECKED_IN') AND b.updated_at < {hour_ago}))",
        })
        .await
}

async fn check_histories(audit: &mut Audit) -> Result<(), DbErr> {
    audit
        .check(Check {
            name: "booking_events",
            description: "The events of a booking form one chain from its creation to its current state.",
            kind: Some(Kind::Booking),
            rows: "booking_event",
            violations: "SELECT booking_id AS id, 'an event from ' || COALESCE(from_state, 'nothing') \
                     || ' follows an event to ' || COALESCE(before, 'nothing') AS note \
                     FROM (SELECT booking_id, from_state, \
                     LAG(to_state) OVER (PARTITION BY booking_id ORDER BY id) AS before FROM booking_event) AS chain \
                     WHERE COALESCE(from_state, '') <> COALESCE(before, '') UNION ALL \
                     SELECT b.id, b.state || ' while the last event led to ' || COALESCE(last, 'nothing') AS note \
                     FROM (SELECT b.id, b.state, (SELECT v.to_state FROM booking_event v WHERE v.booking_id = b.id \
                     ORDER BY v.id DESC LIMIT 1) AS last FROM booking b) AS b WHERE state <> COALESCE(last, '')",
        })
        .await?;
    audit
        .check(Check {
            name: "booking_versions",
            description: "A booking's version equals its number of events.",
            kind: Some(Kind::Booking),
            rows: "booking",
            violations: "SELECT * FROM (SELECT b.id, 'the version is not the number of events' AS note, \
                     (SELECT count(*) FROM booking_event v WHERE v.booking_id = b.id) AS wanted, \
                     CAST(b.version AS BIGINT) AS found FROM booking b) AS compared WHERE wanted <> found",
        })
        .await
}
