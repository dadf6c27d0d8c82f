//! Creates the tables of the calendar: claims, whose primary key is the only protection against double booking, and
//! nights for which the host has set a price, a minimum stay or a note.

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
        // Most claims are blocks. Only claims of bookings are found by booking, so only they are indexed.
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
