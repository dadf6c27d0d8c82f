//! Creates the tables of escrows, the ledger and payouts.
//!
//! An entry of the ledger debits one account and credits another with the same amount, so no row, and no set of rows,
//! can be unbalanced. Triggers on both engines refuse every change and deletion.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const ACCOUNTS: [&str; 7] = [
    "PSP_CLEARING",
    "GUEST_ESCROW",
    "HOST_PAYABLE",
    "PLATFORM_REVENUE",
    "TAX_PAYABLE",
    "DISPUTE_SUSPENSE",
    "PLATFORM_COST",
];
const KINDS: [&str; 8] =
    ["CAPTURE", "RELEASE", "REFUND", "PAYOUT", "PENALTY", "CHARGEBACK", "CHARGEBACK_REVERSAL", "PROVIDER_FEE"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(escrow()).await?;
        ledger(manager).await?;
        payouts(manager).await?;
        payments(manager).await?;
        let transfers = table(
            "sandbox_transfer",
            [
                text("idempotency_key").primary_key().take(),
                text("destination"),
                text("currency"),
                minor("amount_minor"),
                instant("created_at"),
            ],
        );
        manager.create_table(transfers).await
    }
}

/// The escrow of each booking: what the guest has paid, what was refunded, the shares of the rest, and how much of each
/// share was released.
fn escrow() -> TableCreateStatement {
    table(
        "escrow",
        [
            uuid("booking_id").primary_key().take(),
            uuid("host_id"),
            text("currency"),
            minor("paid_minor"),
            minor("refunded_minor"),
            minor("host_minor"),
            minor("platform_minor"),
            minor("tax_minor"),
            minor("host_released_minor"),
            minor("platform_released_minor"),
            minor("tax_released_minor"),
            instant("created_at"),
            instant("updated_at"),
        ],
    )
    .check(Expr::cust("paid_minor = refunded_minor + host_minor + platform_minor + tax_minor"))
    .check(Expr::cust("host_released_minor <= host_minor"))
    .check(Expr::cust("platform_released_minor <= platform_minor"))
    .check(Expr::cust("tax_released_minor <= tax_minor"))
    .foreign_key(&mut reference("escrow", "booking_id", "booking", ForeignKeyAction::Restrict))
    .foreign_key(&mut reference("escrow", "host_id", "user", ForeignKeyAction::Restrict))
    .take()
}

async fn ledger(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let transactions = table(
        "ledger_transaction",
        [
            id(),
            instant("at"),
            word("kind", &KINDS),
            uuid("object_id"),
            uuid_null("booking_id"),
            uuid_null("host_id"),
            text("currency"),
        ],
    )
    .foreign_key(&mut reference("ledger_transaction", "booking_id", "booking", ForeignKeyAction::Restrict))
    .foreign_key(&mut reference("ledger_transaction", "host_id", "user", ForeignKeyAction::Restrict))
    .take();
    manager.create_table(transactions).await?;
    unique(manager, "ledger_transaction", &["kind", "object_id"]).await?;
    index(manager, "ledger_transaction", &["booking_id", "id"]).await?;
    index(manager, "ledger_transaction", &["host_id", "id"]).await?;

    let entries = table(
        "ledger_entry",
        [
            uuid("transaction_id"),
            count("line", 1),
            word("debit", &ACCOUNTS),
            word("credit", &ACCOUNTS),
            ColumnDef::new("amount_minor").big_integer().not_null().check(Expr::col("amount_minor").gt(0)).take(),
        ],
    )
    .primary_key(Index::create().col("transaction_id").col("line"))
    .check(Expr::cust("debit <> credit"))
    .foreign_key(&mut reference("ledger_entry", "transaction_id", "ledger_transaction", ForeignKeyAction::Restrict))
    .take();
    manager.create_table(entries).await?;

    let database = manager.get_connection();
    if database.get_database_backend() == DbBackend::Postgres {
        let refuse = "CREATE FUNCTION ledger_is_insert_only() RETURNS trigger LANGUAGE plpgsql AS \
                      'BEGIN RAISE EXCEPTION ''the ledger is insert-only''; END'";
        database.execute_unprepared(refuse).await?;
    }
    for table in ["ledger_transaction", "ledger_entry"] {
        for change in ["UPDATE", "DELETE"] {
            let name = format!("{table}_no_{}", change.to_lowercase());
            let action = if database.get_database_backend() == DbBackend::Postgres {
                "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_insert_only()"
            } else {
                "FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'the ledger is insert-only'); END"
            };
            database.execute_unprepared(&format!("CREATE TRIGGER {name} BEFORE {change} ON {table} {action}")).await?;
        }
        if database.get_database_backend() == DbBackend::Sqlite {
            // REPLACE deletes the old row without running the trigger for deletions.
            let same = if table == "ledger_entry" {
                "transaction_id = NEW.transaction_id AND line = NEW.line"
            } else {
                "id = NEW.id OR (kind = NEW.kind AND object_id = NEW.object_id)"
            };
            let trigger = format!(
                "CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} \
                 WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) \
                 BEGIN SELECT RAISE(ABORT, 'the ledger is insert-only'); END"
            );
            database.execute_unprepared(&trigger).await?;
        }
        if database.get_database_backend() == DbBackend::Postgres {
            let action = "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_insert_only()";
            let trigger = format!("CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} {action}");
            database.execute_unprepared(&trigger).await?;
        }
    }
    Ok(())
}

async fn payouts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let accounts = table(
        "payout_account",
        [uuid("host_id").primary_key().take(), text("provider"), text("reference"), instant("updated_at")],
    )
    .foreign_key(&mut reference("payout_account", "host_id", "user", ForeignKeyAction::Cascade))
    .take();
    manager.create_table(accounts).await?;

    let payouts = table(
        "payout",
        [
            id(),
            uuid("booking_id"),
            uuid("host_id"),
            text("currency"),
            minor("amount_minor"),
            minor_null("sent_minor"),
            word("state", &["SCHEDULED", "ON_HOLD", "PROCESSING", "PAID", "FAILED", "CANCELLED"]),
            instant("release_at"),
            instant_null("released_at"),
            count("installment", 1),
            count("installments", 1),
            count("attempt", 0),
            text_null("destination"),
            text_null("failure_reason"),
            text("provider"),
            text_null("provider_reference"),
            instant_null("paid_at"),
            instant("created_at"),
            instant("updated_at"),
        ],
    )
    .check(Expr::cust("sent_minor <= amount_minor"))
    .check(Expr::cust("(state = 'PAID') = (paid_at IS NOT NULL)"))
    .foreign_key(&mut reference("payout", "booking_id", "booking", ForeignKeyAction::Restrict))
    .foreign_key(&mut reference("payout", "host_id", "user", ForeignKeyAction::Restrict))
    .take();
    manager.create_table(payouts).await?;
    unique(manager, "payout", &["booking_id", "installment"]).await?;
    index(manager, "payout", &["host_id", "id"]).await
}

/// An alteration can add further payments to a booking. Each payment stores its shares.
async fn payments(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let database = manager.get_connection();
    for statement in [
        "ALTER TABLE payment ADD COLUMN alteration_id uuid",
        "ALTER TABLE payment ADD COLUMN host_id uuid REFERENCES \"user\" (id)",
        "ALTER TABLE payment ADD COLUMN host_minor bigint NOT NULL DEFAULT 0",
        "ALTER TABLE payment ADD COLUMN platform_minor bigint NOT NULL DEFAULT 0",
        "ALTER TABLE payment ADD COLUMN tax_minor bigint NOT NULL DEFAULT 0",
        "ALTER TABLE refund ADD COLUMN transaction_id uuid REFERENCES ledger_transaction (id)",
        "DROP INDEX payment_booking_id_idx",
        "CREATE UNIQUE INDEX payment_booking_id_idx ON payment (booking_id) WHERE alteration_id IS NULL",
        "CREATE UNIQUE INDEX payment_alteration_id_idx ON payment (alteration_id) WHERE alteration_id IS NOT NULL",
        "CREATE INDEX payment_booking_all_idx ON payment (booking_id)",
    ] {
        database.execute_unprepared(statement).await?;
    }
    Ok(())
}
