//! The audit of calendars: every claim belongs to a booking, is a block, or comes from an external calendar.

use crate::domain::error::Error;
use crate::kernel::id::Kind;
use crate::platform::audit::{Audit, Check};

/// Runs the checks of the calendars.
pub async fn audit(audit: &mut Audit) -> Result<(), Error> {
    audit
        .check(Check {
            name: "claim_kinds",
            description: "Every claim belongs to a booking, is a block or comes from an external calendar. Only claims of \
                          unconfirmed bookings expire.",
            kind: Some(Kind::Listing),
            rows: "claim",
            violations: "SELECT c.listing_id AS id, c.booking_id, CAST(c.night AS TEXT) || ' is a ' || c.kind || \
                     CASE WHEN l.id IS NULL THEN ' of no listing' \
                     WHEN (c.kind IN ('HOLD', 'STAY', 'PREPARATION')) <> (c.booking_id IS NOT NULL) \
                     THEN ' and does not fit having a booking or none' \
                     WHEN c.kind = 'HOLD' THEN ' that never lapses' ELSE ' that lapses' END AS note \
                     FROM claim c LEFT JOIN listing l ON l.id = c.listing_id WHERE l.id IS NULL \
                     OR (c.kind IN ('HOLD', 'STAY', 'PREPARATION')) <> (c.booking_id IS NOT NULL) \
                     OR (c.kind = 'HOLD' AND c.expires_at IS NULL) \
                     OR (c.kind NOT IN ('HOLD', 'PREPARATION') AND c.expires_at IS NOT NULL)",
        })
        .await?;
    Ok(())
}
