//! The tables of listings, their amenities, ratings, claims and night overrides.
#![expect(missing_docs, reason = "the migrations describe the columns")]

pub mod listing {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    use crate::domain::listings::cancellation_policy::CancellationPolicy;
    use crate::domain::listings::enums::{BookingMode, ListingStatus, RoomType};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DeriveEntityModel)]
    #[sea_orm(table_name = "listing")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub host_id: Uuid,
        pub version: i32,
        pub status: ListingStatus,
        pub published_at: Option<ChronoDateTimeUtc>,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
        pub source: Option<String>,
        pub source_ref: Option<String>,
        pub title: String,
        pub description: String,
        pub room_type: RoomType,
        pub capacity: i32,
        pub bedrooms: i32,
        pub beds: i32,
        pub bathrooms: f64,
        pub house_rules: Json,
        pub line1: Option<String>,
        pub line2: Option<String>,
        pub city: String,
        pub region: Option<String>,
        pub postal_code: Option<String>,
        pub country: String,
        pub latitude: Option<f64>,
        pub longitude: Option<f64>,
        pub time_zone: String,
        pub check_in_from: ChronoTime,
        pub check_in_until: Option<ChronoTime>,
        pub check_out_by: ChronoTime,
        pub search_text: String,
        pub booking_mode: BookingMode,
        pub cancellation_policy: CancellationPolicy,
        pub long_term_policy: CancellationPolicy,
        pub currency: String,
        pub base_minor: i64,
        pub weekend_minor: Option<i64>,
        pub weekend_nights: i16,
        pub cleaning_fee_minor: i64,
        pub pet_fee_minor: i64,
        pub extra_guest_fee_minor: i64,
        pub included_guests: i32,
        pub length_of_stay: Json,
        pub early_bird: Option<Json>,
        pub last_minute: Option<Json>,
        pub new_listing_discount_ppm: Option<i64>,
        pub non_refundable_discount_ppm: Option<i64>,
        pub seasons: Json,
        pub taxes: Json,
        pub min_nights: i32,
        pub max_nights: i32,
        pub min_nights_by_arrival: Json,
        pub advance_notice_days: i32,
        pub same_day_cutoff: Option<ChronoTime>,
        pub booking_window_days: i32,
        pub preparation_nights: i32,
        pub check_in_days: i16,
        pub check_out_days: i16,
        pub pets_allowed: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod listing_amenity {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "listing_amenity")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub listing_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub amenity: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod listing_rating {
    use sea_orm::entity::prelude::*;

    /// Sums of ratings, in hundredths of a star.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "listing_rating")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub listing_id: Uuid,
        /// GUESTS for reviews of this marketplace, or IMPORTED.
        #[sea_orm(primary_key, auto_increment = false)]
        pub origin: String,
        pub overall_sum: i64,
        pub overall_count: i64,
        pub cleanliness_sum: i64,
        pub cleanliness_count: i64,
        pub accuracy_sum: i64,
        pub accuracy_count: i64,
        pub check_in_sum: i64,
        pub check_in_count: i64,
        pub communication_sum: i64,
        pub communication_count: i64,
        pub location_sum: i64,
        pub location_count: i64,
        pub value_sum: i64,
        pub value_count: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod claim {
    use sea_orm::entity::prelude::*;

    use crate::domain::listings::enums::ClaimKind;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "claim")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub listing_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub night: ChronoDate,
        pub kind: ClaimKind,
        pub booking_id: Option<Uuid>,
        pub expires_at: Option<ChronoDateTimeUtc>,
        pub note: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod night {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "night")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub listing_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub night: ChronoDate,
        pub price_minor: Option<i64>,
        pub min_nights: Option<i32>,
        pub note: Option<String>,
        pub imported: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
