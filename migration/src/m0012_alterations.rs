//! Creates the table of alterations. Adds to bookings the refunded amount, when the check-in was reported, when the
//! booking was closed, and whether a request claims its nights.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        for statement in [
            "ALTER TABLE booking ADD COLUMN refunded_minor bigint NOT NULL DEFAULT 0",
            "ALTER TABLE booking ADD COLUMN seen_at timestamp with time zone",
            "ALTER TABLE booking ADD COLUMN ended_at timestamp with time zone",
            "ALTER TABLE booking ADD COLUMN holds_nights boolean NOT NULL DEFAULT true",
        ] {
            database.execute_unprepared(statement).await?;
        }
        let alterations = table(
            "booking_alteration",
            [
                id(),
                uuid("booking_id"),
                word("state", &["PENDING", "PAYING", "ACCEPTED", "DECLINED", "WITHDRAWN", "EXPIRED"]),
                uuid("requested_by"),
                word("requested_as", &["GUEST", "HOST", "PLATFORM", "SYSTEM"]),
                json("quote"),
                ColumnDef::new("difference_minor").big_integer().not_null().take(),
                text_null("method"),
                instant("expires_at"),
                instant("created_at"),
                instant("updated_at"),
            ],
        )
        .foreign_key(&mut reference("booking_alteration", "booking_id", "booking", ForeignKeyAction::Restrict))
        .foreign_key(&mut reference("booking_alteration", "requested_by", "user", ForeignKeyAction::Restrict))
        .take();
        manager.create_table(alterations).await?;
        index(manager, "booking_alteration", &["booking_id", "id"]).await?;
        // A booking has at most one open alteration.
        database
            .execute_unprepared(
                "CREATE UNIQUE INDEX booking_alteration_open_idx ON booking_alteration (booking_id) \
                 WHERE state IN ('PENDING', 'PAYING')",
            )
            .await
            .map(|_| ())
    }
}
