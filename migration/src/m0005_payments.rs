//! Creates the tables of payments, payment attempts and refunds, and the payments of the sandbox gateway.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(payments()).await?;
        unique(manager, "payment", &["booking_id"]).await?;
        unique(manager, "payment", &["provider", "provider_reference"]).await?;

        let attempts = table(
            "payment_attempt",
            [
                id(),
                uuid("payment_id"),
                instant("at"),
                word("operation", &["AUTHORIZE", "CONFIRM", "CAPTURE", "VOID"]),
                word("outcome", &["SUCCEEDED", "DECLINED", "ACTION_REQUIRED", "UNKNOWN"]),
                text_null("decline_code"),
            ],
        )
        .foreign_key(&mut reference("payment_attempt", "payment_id", "payment", ForeignKeyAction::Cascade))
        .take();
        manager.create_table(attempts).await?;
        index(manager, "payment_attempt", &["payment_id", "id"]).await?;

        let refunds = table(
            "refund",
            [
                id(),
                uuid("payment_id"),
                ColumnDef::new("amount_minor").big_integer().not_null().check(Expr::col("amount_minor").gt(0)).take(),
                word("state", &["PENDING", "SUCCEEDED", "FAILED"]),
                text("reason"),
                text_null("provider_reference"),
                instant("created_at"),
                instant("updated_at"),
            ],
        )
        .foreign_key(&mut reference("refund", "payment_id", "payment", ForeignKeyAction::Restrict))
        .take();
        manager.create_table(refunds).await?;
        index(manager, "refund", &["payment_id", "id"]).await?;

        let intents = table(
            "sandbox_intent",
            [
                text("idempotency_key").primary_key().take(),
                text("reference"),
                word("state", &["REQUIRES_ACTION", "REQUIRES_CAPTURE", "SUCCEEDED", "CANCELLED", "FAILED"]),
                text("method"),
                text("currency"),
                minor("amount_minor"),
                minor("captured_minor"),
                minor("refunded_minor"),
                text_null("decline_code"),
                json("refunds"),
                instant("created_at"),
            ],
        );
        manager.create_table(intents).await?;
        unique(manager, "sandbox_intent", &["reference"]).await
    }
}

fn payments() -> TableCreateStatement {
    table(
        "payment",
        [
            id(),
            uuid("booking_id"),
            word(
                "state",
                &[
                    "REQUIRES_PAYMENT_METHOD",
                    "REQUIRES_ACTION",
                    "PROCESSING",
                    "REQUIRES_CAPTURE",
                    "SUCCEEDED",
                    "CANCELLED",
                    "FAILED",
                ],
            ),
            text("currency"),
            minor("amount_minor"),
            minor("authorized_minor"),
            minor("captured_minor"),
            minor("refunded_minor"),
            text("provider"),
            text_null("provider_reference"),
            text_null("client_secret"),
            text("method"),
            text_null("decline_code"),
            instant_null("capture_before"),
            instant("created_at"),
            instant("updated_at"),
        ],
    )
    .check(Expr::cust("authorized_minor <= amount_minor"))
    .check(Expr::cust("captured_minor <= amount_minor"))
    .check(Expr::cust("refunded_minor <= captured_minor"))
    .foreign_key(&mut reference("payment", "booking_id", "booking", ForeignKeyAction::Restrict))
    .take()
}
