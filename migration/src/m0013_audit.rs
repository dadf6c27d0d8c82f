//! Adds the indexes that an audit needs: from a transaction to its refunds, and from a transfer to its payout.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        index(manager, "refund", &["transaction_id"]).await?;
        index(manager, "payout", &["provider_reference"]).await
    }
}
