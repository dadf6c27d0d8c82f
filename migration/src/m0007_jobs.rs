//! Creates the table of jobs of the durable queue. A job is written in the transaction that needs it.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let jobs = table(
            "job",
            [
                id(),
                text("kind"),
                json("payload"),
                instant("run_at"),
                count("attempts", 0),
                count("max_attempts", 1),
                instant("locked_until"),
                text_null("last_error"),
                instant("created_at"),
            ],
        );
        manager.create_table(jobs).await?;
        index(manager, "job", &["run_at"]).await
    }
}
