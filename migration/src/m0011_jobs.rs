//! Adds the lease token and the time of death to jobs. With the token only the holder of a lease settles a job, and
//! only once.

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
        // Dead jobs are due forever. The search for due jobs must not scan them, so the index begins with `died_at`.
        manager.drop_index(Index::drop().name("job_run_at_idx").table("job").to_owned()).await?;
        index(manager, "job", &["died_at", "run_at"]).await
    }
}
