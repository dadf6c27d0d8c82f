//! Leases that are tokens, and dead letters: what a job carries so that only its holder settles it, and only once.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [uuid_null("lease"), instant_null("died_at")] {
            manager.alter_table(Table::alter().table("job").add_column(column).take()).await?;
        }
        // Dead letters lie in the past for ever; the search for due jobs must not walk over them.
        manager.drop_index(Index::drop().name("job_run_at_idx").table("job").to_owned()).await?;
        index(manager, "job", &["died_at", "run_at"]).await
    }
}
