//! The tables of bookings, their events and their alterations.
#![expect(missing_docs, reason = "the migrations describe the columns")]

pub mod booking {
    use sea_orm::entity::prelude::*;

    use crate::domain::bookings::state::{BookingState, Mode};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub code: String,
        pub version: i32,
        pub listing_id: Uuid,
        pub guest_id: Uuid,
        pub host_id: Uuid,
        pub quote_id: Uuid,
        pub state: BookingState,
        pub mode: Mode,
        pub check_in: ChronoDate,
        pub check_out: ChronoDate,
        pub adults: i32,
        pub children: i32,
        pub infants: i32,
        pub pets: i32,
        pub preparation_nights: i32,
        pub time_zone: String,
        pub check_in_time: ChronoTime,
        pub check_out_time: ChronoTime,
        pub check_in_at: ChronoDateTimeUtc,
        pub check_out_at: ChronoDateTimeUtc,
        pub currency: String,
        pub total_minor: i64,
        pub quote: Json,
        pub message: Option<String>,
        pub expected_arrival: Option<ChronoTime>,
        pub expires_at: Option<ChronoDateTimeUtc>,
        pub confirmed_at: Option<ChronoDateTimeUtc>,
        pub cancellation: Option<Json>,
        pub refunded_minor: i64,
        pub seen_at: Option<ChronoDateTimeUtc>,
        pub ended_at: Option<ChronoDateTimeUtc>,
        pub holds_nights: bool,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod event {
    use sea_orm::entity::prelude::*;

    use crate::domain::bookings::event::{EventDetails, EventKind};
    use crate::domain::bookings::state::{Actor, BookingState};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking_event")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub booking_id: Uuid,
        pub at: ChronoDateTimeUtc,
        pub actor: Actor,
        pub user_id: Option<Uuid>,
        pub from_state: Option<BookingState>,
        pub to_state: BookingState,
        #[sea_orm(column_name = "action")]
        pub kind: EventKind,
        #[sea_orm(column_name = "data", column_type = "JsonBinary", nullable)]
        pub details: Option<EventDetails>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod alteration {
    use sea_orm::entity::prelude::*;

    use crate::domain::bookings::state::{Actor, AlterationState};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "booking_alteration")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub booking_id: Uuid,
        pub state: AlterationState,
        pub requested_by: Uuid,
        pub requested_as: Actor,
        pub quote: Json,
        pub difference_minor: i64,
        pub method: Option<String>,
        pub decline_note: Option<String>,
        pub expires_at: ChronoDateTimeUtc,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
