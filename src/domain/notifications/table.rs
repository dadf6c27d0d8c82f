//! The table of notifications.
#![expect(missing_docs, reason = "the steps of the schema describe the columns")]

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

    /// A side of a stay.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum Side {
        Guest,
        Host,
    }

    /// What the words of a notification are made of.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
    pub struct Facts {
        /// As what the recipient is told.
        pub to: Side,
        /// Which side did it; nothing for the marketplace and for time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub by: Option<Side>,
        /// The booking's code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub code: Option<String>,
        /// The days of arrival and departure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub stay: Option<(NaiveDate, NaiveDate)>,
        /// The money of the recipient that it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub amount: Option<Money>,
        /// What was said with it.
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
