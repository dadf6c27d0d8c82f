//! Creates the tables of bookings, with the terms that were valid when they were created, and of booking events.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const STATES: [&str; 13] = [
    "PENDING_PAYMENT",
    "REQUESTED",
    "CONFIRMED",
    "CHECKED_IN",
    "COMPLETED",
    "PAYMENT_EXPIRED",
    "WITHDRAWN",
    "DECLINED",
    "REQUEST_EXPIRED",
    "CANCELLED_BY_GUEST",
    "CANCELLED_BY_HOST",
    "CANCELLED_BY_PLATFORM",
    "NO_SHOW",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(bookings()).await?;
        unique(manager, "booking", &["code"]).await?;
        index(manager, "booking", &["guest_id", "id"]).await?;
        index(manager, "booking", &["host_id", "id"]).await?;
        index(manager, "booking", &["listing_id", "check_in"]).await?;
        // A quote can be used for one booking. A booking in state PAYMENT_EXPIRED does not use it up.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE UNIQUE INDEX booking_quote_id_idx ON booking (quote_id) WHERE state <> 'PAYMENT_EXPIRED'",
            )
            .await?;
        let events = table(
            "booking_event",
            [
                id(),
                uuid("booking_id"),
                instant("at"),
                word("actor", &["GUEST", "HOST", "PLATFORM", "SYSTEM"]),
                uuid_null("user_id"),
                text_null("from_state"),
                word("to_state", &STATES),
                text("action"),
                json_null("data"),
            ],
        )
        .foreign_key(&mut reference("booking_event", "booking_id", "booking", ForeignKeyAction::Cascade))
        .foreign_key(&mut reference("booking_event", "user_id", "user", ForeignKeyAction::SetNull))
        .take();
        manager.create_table(events).await?;
        index(manager, "booking_event", &["booking_id", "id"]).await
    }
}

fn bookings() -> TableCreateStatement {
    table(
        "booking",
        [
            id(),
            text("code"),
            count("version", 1),
            uuid("listing_id"),
            uuid("guest_id"),
            uuid("host_id"),
            uuid("quote_id"),
            word("state", &STATES),
            word("mode", &["INSTANT", "REQUEST"]),
            date("check_in"),
            date("check_out"),
            count("adults", 1),
            count("children", 0),
            count("infants", 0),
            count("pets", 0),
            count("preparation_nights", 0),
            text("time_zone"),
            time("check_in_time"),
            time("check_out_time"),
            instant("check_in_at"),
            instant("check_out_at"),
            text("currency"),
            minor("total_minor"),
            json("quote"),
            text_null("message"),
            time_null("expected_arrival"),
            instant_null("expires_at"),
            instant_null("confirmed_at"),
            json_null("cancellation"),
            instant("created_at"),
            instant("updated_at"),
        ],
    )
    .check(Expr::cust("check_out > check_in"))
    .check(Expr::cust("guest_id <> host_id"))
    .foreign_key(&mut reference("booking", "listing_id", "listing", ForeignKeyAction::Restrict))
    .foreign_key(&mut reference("booking", "guest_id", "user", ForeignKeyAction::Restrict))
    .foreign_key(&mut reference("booking", "host_id", "user", ForeignKeyAction::Restrict))
    .take()
}
