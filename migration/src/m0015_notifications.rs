//! Creates the table of notifications to users.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let notifications = table(
            "notification",
            [
                id(),
                uuid("user_id"),
                // Not a fixed list: further kinds will be added, and SQLite cannot change a check constraint.
                text("kind"),
                text("subject"),
                json("facts"),
                instant("created_at"),
                instant_null("read_at"),
            ],
        )
        .foreign_key(&mut reference("notification", "user_id", "user", ForeignKeyAction::Cascade))
        .take();
        manager.create_table(notifications).await?;
        index(manager, "notification", &["user_id", "id"]).await?;
        let unread = "CREATE INDEX notification_unread_idx ON notification (user_id, id) WHERE read_at IS NULL";
        manager.get_connection().execute_unprepared(unread).await.map(|_| ())
    }
}
