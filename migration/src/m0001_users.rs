//! Creates the tables of users, their sessions, and the refresh tokens of each session.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let [source, source_ref] = source();
        let users = table(
            "user",
            [
                id(),
                text_null("email"),
                text("display_name"),
                text_null("about"),
                text_null("phone"),
                text_null("password_hash"),
                flag("is_host"),
                flag("is_admin"),
                text("locale"),
                text("time_zone"),
                text("currency"),
                instant_null("email_verified_at"),
                instant("created_at"),
                instant("updated_at"),
                source,
                source_ref,
            ],
        );
        manager.create_table(users).await?;
        unique(manager, "user", &["email"]).await?;
        unique(manager, "user", &["source", "source_ref"]).await?;

        let sessions = table(
            "session",
            [
                id(),
                uuid("user_id"),
                instant("created_at"),
                instant("last_seen_at"),
                instant("expires_at"),
                instant_null("revoked_at"),
                text_null("user_agent"),
                text_null("ip"),
            ],
        )
        .foreign_key(&mut reference("session", "user_id", "user", ForeignKeyAction::Cascade))
        .take();
        manager.create_table(sessions).await?;
        index(manager, "session", &["user_id", "created_at"]).await?;

        let tokens = table(
            "refresh_token",
            [
                ColumnDef::new("hash").binary_len(32).not_null().primary_key().take(),
                uuid("session_id"),
                instant("created_at"),
                instant("expires_at"),
                instant_null("used_at"),
            ],
        )
        .foreign_key(&mut reference("refresh_token", "session_id", "session", ForeignKeyAction::Cascade))
        .take();
        manager.create_table(tokens).await?;
        index(manager, "refresh_token", &["session_id"]).await
    }
}
