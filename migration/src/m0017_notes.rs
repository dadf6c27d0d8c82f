//! Adds to refunds what the person who caused them wrote. Moves what people wrote, and the rules of cancellations, to
//! where the current code reads them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// What people wrote with the refunds of the booking of a refund.
const NOTES: &str = "SELECT v.data ->> 'reason' FROM payment p JOIN booking_event v ON v.booking_id = p.booking_id \
                     WHERE p.id = refund.payment_id AND v.action = 'refund'";

/// Why the guest of such a refund was refunded.
const REASON: &str = "Refunded in addition to the cancellation policy.";

/// The rule of a cancellation, which before could only be read from the sentence about it.
const RULE: &str = "CASE WHEN state = 'NO_SHOW' THEN 'NO_SHOW' \
                    WHEN state = 'CANCELLED_BY_HOST' THEN 'BY_HOST' \
                    WHEN state = 'CANCELLED_BY_PLATFORM' THEN 'BY_PLATFORM' \
                    WHEN cancellation ->> 'reason' LIKE 'Cancelled in time%' THEN 'FREE_PERIOD' \
                    WHEN cancellation ->> 'reason' LIKE 'Cancelled within 24 hours%' THEN 'GRACE_PERIOD' \
                    WHEN cancellation ->> 'reason' LIKE '%keeps half of the nights.' THEN 'PARTIAL_REFUND_PERIOD' \
                    WHEN cancellation ->> 'reason' LIKE 'Cancelled before check-in%' THEN 'AFTER_DEADLINE' \
                    ELSE 'STAY_BEGUN' END";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let with_rule = match manager.get_database_backend() {
            DbBackend::Sqlite => format!("json_set(cancellation, '$.rule', {RULE})"),
            _ => format!("jsonb_set(cancellation, '{{rule}}', to_jsonb({RULE}))"),
        };
        let database = manager.get_connection();
        for statement in [
            "ALTER TABLE refund ADD COLUMN note text".to_owned(),
            // A refund beyond the policy had the note in place of a sentence of the service.
            format!("UPDATE refund SET note = reason WHERE reason IN ({NOTES})"),
            format!("UPDATE refund SET reason = '{REASON}' WHERE note IS NOT NULL"),
            format!("UPDATE booking SET cancellation = {with_rule} WHERE cancellation IS NOT NULL"),
            // The sentence of the service about a request that lost its nights, which nobody wrote.
            "UPDATE booking_event SET data = NULL WHERE action = 'decline' AND actor = 'SYSTEM'".to_owned(),
        ] {
            database.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
