//! Creates the table of disputes, and adds the number of attempts to refunds.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let disputes = table(
            "dispute",
            [
                id(),
                uuid("payment_id"),
                text("reference"),
                ColumnDef::new("amount_minor").big_integer().not_null().check(Expr::col("amount_minor").gt(0)).take(),
                word("state", &["OPEN", "WON", "LOST"]),
                instant("created_at"),
                instant("updated_at"),
            ],
        )
        .foreign_key(&mut reference("dispute", "payment_id", "payment", ForeignKeyAction::Restrict))
        .take();
        manager.create_table(disputes).await?;
        unique(manager, "dispute", &["reference"]).await?;
        index(manager, "dispute", &["payment_id"]).await?;
        let database = manager.get_connection();
        database
            .execute_unprepared("ALTER TABLE refund ADD COLUMN attempt integer NOT NULL DEFAULT 0")
            .await
            .map(|_| ())
    }
}
