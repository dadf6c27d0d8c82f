//! The calendar: claims, which are the one guard against double booking, and the nights a host set apart.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let claims = table(
            "claim",
            [
                uuid("listing_id"),
                date("night"),
                word("kind", &["HOLD", "STAY", "PREPARATION", "BLOCK", "IMPORTED_BLOCK", "EXTERNAL"]),
                uuid_null("booking_id"),
                instant_null("expires_at"),
                text_null("note"),
            ],
        )
        .primary_key(Index::create().col("listing_id").col("night"))
        .check(Expr::cust("(kind IN ('HOLD', 'STAY', 'PREPARATION')) = (booking_id IS NOT NULL)"))
        .foreign_key(&mut reference("claim", "listing_id", "listing", ForeignKeyAction::Cascade))
        .foreign_key(&mut reference("claim", "booking_id", "booking", ForeignKeyAction::Cascade))
        .take();
        manager.create_table(claims).await?;
        // Most claims are blocks; only a booking's own are looked up by booking.
        manager
            .get_connection()
            .execute_unprepared("CREATE INDEX claim_booking_id_idx ON claim (booking_id) WHERE booking_id IS NOT NULL")
            .await?;

        let nights = table(
            "night",
            [
                uuid("listing_id"),
                date("night"),
                minor_null("price_minor"),
                ColumnDef::new("min_nights").integer().null().check(Expr::col("min_nights").gte(1)).take(),
                text_null("note"),
                flag("imported"),
            ],
        )
        .primary_key(Index::create().col("listing_id").col("night"))
        .foreign_key(&mut reference("night", "listing_id", "listing", ForeignKeyAction::Cascade))
        .take();
        manager.create_table(nights).await
    }
}
