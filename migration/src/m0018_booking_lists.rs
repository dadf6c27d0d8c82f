//! Adds what the lists of a host's bookings are filtered and ordered by, and what the side that declined an
//! alteration wrote.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A host can have many thousands of bookings, a guest has few: those are read by (guest_id, id) and sorted.
        index(manager, "booking", &["host_id", "state"]).await?;
        index(manager, "booking", &["host_id", "check_in", "id"]).await?;
        index(manager, "booking", &["host_id", "updated_at", "id"]).await?;
        let note = text_null("decline_note");
        manager.alter_table(Table::alter().table("booking_alteration").add_column(note).take()).await
    }
}
