//! What hosts are paid: the sandbox processor's book of transfers.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let transfers = table(
            "sandbox_transfer",
            [
                text("idempotency_key").primary_key().take(),
                text("destination"),
                text("currency"),
                minor("amount_minor"),
                instant("created_at"),
            ],
        );
        manager.create_table(transfers).await
    }
}
