//! Creates the table of events that payment processors send. Each event is stored once.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let events = table(
            "provider_event",
            [
                id(),
                text("provider"),
                text("event_id"),
                text("kind"),
                word("about", &["PAYMENT", "REFUND", "TRANSFER", "PAYOUT", "DISPUTE", "OTHER"]),
                text_null("reference"),
                text_null("payment_reference"),
                text_null("own_key"),
                json("facts"),
                instant("created_at"),
                instant("received_at"),
                instant_null("handled_at"),
            ],
        );
        manager.create_table(events).await?;
        unique(manager, "provider_event", &["provider", "event_id"]).await?;
        index(manager, "provider_event", &["payment_reference"]).await
    }
}
