//! The steps of bookings: written down one after the other, taken when their time has come.

use sea_orm::DbErr;

use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    histories(audit).await?;
    audit
        .check(Check {
            name: "bookings_stuck",
            says: "No booking has stood for an hour past the moment at which it was to move on.",
            kind: Some(Kind::Booking),
            looks_at: "booking",
            faults: "SELECT id, state || ' for an hour past its time' AS note FROM booking \
                     WHERE (state IN ('PENDING_PAYMENT', 'REQUESTED') AND expires_at < {hour_ago}) \
                     OR (state = 'CONFIRMED' AND check_in_at < {hour_ago} AND updated_at < {hour_ago}) \
                     OR (state = 'CHECKED_IN' AND check_out_at < {hour_ago} AND updated_at < {hour_ago})",
        })
        .await?;
    audit
        .check(Check {
            name: "alterations_open",
            says: "Changes are open for live bookings only, and not past their time.",
            kind: Some(Kind::BookingAlteration),
            looks_at: "booking_alteration",
            faults: "SELECT a.id, a.booking_id, a.state || ' of a booking that is ' || b.state AS note \
                     FROM booking_alteration a JOIN booking b ON b.id = a.booking_id \
                     WHERE a.state IN ('PENDING', 'PAYING') AND (a.expires_at < {hour_ago} \
                     OR (b.state NOT IN ('CONFIRMED', 'CHECKED_IN') AND b.updated_at < {hour_ago}))",
        })
        .await
}

async fn histories(audit: &mut Audit) -> Result<(), DbErr> {
    audit
        .check(Check {
            name: "booking_events",
            says: "The steps of a booking form one chain from its making to where it stands.",
            kind: Some(Kind::Booking),
            looks_at: "booking_event",
            faults: "SELECT booking_id AS id, 'a step from ' || COALESCE(from_state, 'nothing') || ' follows one to ' \
                     || COALESCE(before, 'nothing') AS note FROM (SELECT booking_id, from_state, \
                     LAG(to_state) OVER (PARTITION BY booking_id ORDER BY id) AS before FROM booking_event) AS chain \
                     WHERE COALESCE(from_state, '') <> COALESCE(before, '') UNION ALL \
                     SELECT b.id, b.state || ' while the last step led to ' || COALESCE(last, 'nothing') AS note \
                     FROM (SELECT b.id, b.state, (SELECT v.to_state FROM booking_event v WHERE v.booking_id = b.id \
                     ORDER BY v.id DESC LIMIT 1) AS last FROM booking b) AS b WHERE state <> COALESCE(last, '')",
        })
        .await?;
    audit
        .check(Check {
            name: "booking_versions",
            says: "A booking's version counts its steps.",
            kind: Some(Kind::Booking),
            looks_at: "booking",
            faults: "SELECT * FROM (SELECT b.id, 'the version is not the number of steps' AS note, \
                     (SELECT count(*) FROM booking_event v WHERE v.booking_id = b.id) AS wanted, \
                     CAST(b.version AS BIGINT) AS found FROM booking b) AS compared WHERE wanted <> found",
        })
        .await
}
