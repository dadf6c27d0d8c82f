//! Creates the table of idempotency keys, which records the effect of each key, so that a repeated request is not
//! executed a second time.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = table(
            "idempotency_key",
            [
                text("actor"),
                text("operation"),
                text("key"),
                ColumnDef::new("fingerprint").binary_len(32).not_null().take(),
                word("state", &["RUNNING", "DONE"]),
                uuid("holder"),
                instant("locked_until"),
                json("subject"),
                instant("created_at"),
                instant("expires_at"),
            ],
        )
        .primary_key(Index::create().col("actor").col("operation").col("key"))
        .take();
        manager.create_table(keys).await?;
        index(manager, "idempotency_key", &["expires_at"]).await
    }
}
