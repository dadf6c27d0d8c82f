//! The table of notifications.
#![expect(missing_docs, reason = "the migrations describe the columns")]

pub mod notification {
    use chrono::NaiveDate;
    use sea_orm::FromJsonQueryResult;
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    use crate::kernel::money::Money;

    /// What a notification is about.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum NotificationKind {
        BookingRequested,
        BookingConfirmed,
        BookingDeclined,
        BookingWithdrawn,
        BookingRequestExpired,
        BookingPaymentFailed,
        BookingCancelled,
        BookingNoShow,
        BookingCheckedIn,
        BookingCompleted,
        BookingRefunded,
        AlterationRequested,
        AlterationAgreed,
        AlterationAccepted,
        AlterationDeclined,
        AlterationWithdrawn,
        AlterationExpired,
        AlterationPaymentFailed,
        ReviewSubmitted,
        ReviewPublished,
        ReviewAnswered,
        PayoutSent,
        PayoutOffset,
        PayoutFailed,
        PayoutHeld,
    }

    /// A side of a booking.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum Side {
        Guest,
        Host,
    }

    /// The facts from which the text of a notification is built. Stored as JSON.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
    pub struct Facts {
        /// The recipient's side.
        pub to: Side,
        /// The side that acted. `None` for the marketplace and for the passage of time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub by: Option<Side>,
        /// The booking's code, if the notification is about a booking.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub code: Option<String>,
        /// The check-in and check-out dates.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stay: Option<(NaiveDate, NaiveDate)>,
        /// The amount that the recipient gets, keeps or is sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub amount: Option<Money>,
        /// The reason that was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
    }

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "notification")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        pub kind: NotificationKind,
        pub subject: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub facts: Facts,
        pub created_at: ChronoDateTimeUtc,
        pub read_at: Option<ChronoDateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
