//! Checks payouts against the escrow, their due times and their states.

use sea_orm::DbErr;

use super::sql::{differing, sum};
use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

pub(super) async fn audit(audit: &mut Audit) -> Result<(), DbErr> {
    let scheduled = sum("SELECT sum(p.amount_minor) FROM payout p WHERE p.booking_id = e.booking_id \
                         AND p.released_at IS NULL AND p.state <> 'CANCELLED'");
    // Two differences are temporary. Payouts are rescheduled for an alteration before its price difference is charged,
    // and a charge that succeeded too late is refunded after it is recorded.
    let violations = differing(&format!(
        "SELECT e.booking_id AS id, e.currency, 'released and scheduled payouts do not sum to the earnings of the \
         host' AS note, e.host_minor AS wanted, {scheduled} + e.host_released_minor AS found FROM escrow e WHERE NOT \
         EXISTS (SELECT 1 FROM payment c WHERE c.booking_id = e.booking_id \
         AND (c.state IN ('PROCESSING', 'REQUIRES_ACTION', 'REQUIRES_CAPTURE') OR (c.updated_at > {{hour_ago}} \
         AND (c.alteration_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM payout o WHERE o.booking_id = e.booking_id)))))"
    ));
    audit
        .check(Check {
            name: "payout_schedule",
            description: "What was released to a host and what is scheduled sum to their earnings.",
            kind: Some(Kind::Booking),
            rows: "escrow",
            violations: &violations,
        })
        .await?;
    audit
        .check(Check {
            name: "payouts_overdue",
            description: "No payout is more than a day late, and none is being sent for more than an hour.",
            kind: Some(Kind::Payout),
            rows: "payout",
            violations: "SELECT id, booking_id, CASE state WHEN 'PROCESSING' THEN 'being sent for more than an hour' \
                     ELSE state || ' and more than a day late' END AS note FROM payout \
                     WHERE (state IN ('SCHEDULED', 'FAILED') AND release_at < {day_ago}) \
                     OR (state = 'PROCESSING' AND updated_at < {hour_ago})",
        })
        .await?;
    audit
        .check(Check {
            name: "payout_states",
            description: "A payout is released exactly when it is being sent, was sent, or was refused.",
            kind: Some(Kind::Payout),
            rows: "payout",
            violations: "SELECT id, booking_id, state || CASE WHEN released_at IS NULL THEN ' without being released' \
                     ELSE ' after being released' END AS note FROM payout \
                     WHERE (released_at IS NULL AND state IN ('PROCESSING', 'PAID', 'FAILED')) \
                     OR (released_at IS NOT NULL AND state IN ('SCHEDULED', 'CANCELLED'))",
        })
        .await?;
    audit
        .check(Check {
            name: "payout_parties",
            description: "A payout, the escrow and the payments of a booking are for its host and in its currency.",
            kind: Some(Kind::Payout),
            rows: "payout",
            violations: "SELECT p.id, p.booking_id, 'for another host or in another currency than its booking' AS note \
                     FROM payout p JOIN booking b ON b.id = p.booking_id LEFT JOIN escrow e ON e.booking_id = b.id \
                     LEFT JOIN listing l ON l.id = b.listing_id WHERE p.host_id <> b.host_id \
                     OR p.currency <> b.currency OR e.host_id <> b.host_id OR e.currency <> b.currency \
                     OR l.host_id <> b.host_id OR EXISTS (SELECT 1 FROM payment c WHERE c.booking_id = b.id \
                     AND (c.host_id <> b.host_id OR c.currency <> b.currency))",
        })
        .await?;
    let select = "SELECT state, count(*) AS value FROM payout GROUP BY state ORDER BY state";
    audit.add_figures("roost_payouts", "Payouts by state.", &["state"], select).await
}
