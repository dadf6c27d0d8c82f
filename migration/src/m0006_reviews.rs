//! Creates the table of reviews, by guests of listings and by hosts of guests.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let [source, source_ref] = source();
        let mut columns = vec![
            id(),
            word("direction", &["GUEST_TO_LISTING", "HOST_TO_GUEST"]),
            uuid_null("booking_id"),
            uuid("listing_id"),
            uuid("author_id"),
            uuid_null("subject_id"),
        ];
        columns.extend(
            ["overall", "cleanliness", "accuracy", "check_in", "communication", "location", "value", "house_rules"]
                .map(stars),
        );
        columns.extend([
            ColumnDef::new("would_host_again").boolean().null().take(),
            text("text"),
            text_null("private_note"),
            text_null("response_text"),
            instant_null("response_at"),
            instant("submitted_at"),
            instant_null("published_at"),
            instant_null("editable_until"),
            source,
            source_ref,
        ]);
        let reviews = table("review", columns)
            .check(Expr::cust("booking_id IS NOT NULL OR source IS NOT NULL"))
            .check(Expr::cust("booking_id IS NULL OR overall IS NOT NULL"))
            .foreign_key(&mut reference("review", "booking_id", "booking", ForeignKeyAction::Restrict))
            .foreign_key(&mut reference("review", "listing_id", "listing", ForeignKeyAction::Cascade))
            .foreign_key(&mut reference("review", "author_id", "user", ForeignKeyAction::Restrict))
            .foreign_key(&mut reference("review", "subject_id", "user", ForeignKeyAction::Restrict))
            .take();
        manager.create_table(reviews).await?;
        unique(manager, "review", &["booking_id", "direction"]).await?;
        unique(manager, "review", &["source", "source_ref"]).await?;
        index(manager, "review", &["listing_id", "direction", "published_at", "id"]).await?;
        index(manager, "review", &["subject_id", "published_at", "id"]).await
    }
}

fn stars(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).small_integer().null().check(Expr::col(name).between(1, 5)).take()
}
