//! One row that is written to show that writes are kept.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = ColumnDef::new("id").integer().not_null().primary_key().take();
        manager.create_table(table("heartbeat", [id, tally("beat")]).take()).await
    }
}
