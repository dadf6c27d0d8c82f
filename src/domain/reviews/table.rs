//! The table of reviews.
#![expect(missing_docs, reason = "the migrations describe the columns")]

pub mod review {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    /// Which side is the author, and what is reviewed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, EnumIter, DeriveActiveEnum)]
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum Direction {
        /// A guest reviews a listing.
        GuestToListing,
        /// A host reviews a guest.
        HostToGuest,
    }

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "review")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub direction: Direction,
        pub booking_id: Option<Uuid>,
        pub listing_id: Uuid,
        pub author_id: Uuid,
        pub subject_id: Option<Uuid>,
        pub overall: Option<i16>,
        pub cleanliness: Option<i16>,
        pub accuracy: Option<i16>,
        pub check_in: Option<i16>,
        pub communication: Option<i16>,
        pub location: Option<i16>,
        pub value: Option<i16>,
        pub house_rules: Option<i16>,
        pub would_host_again: Option<bool>,
        pub text: String,
        pub private_note: Option<String>,
        pub response_text: Option<String>,
        pub response_at: Option<ChronoDateTimeUtc>,
        pub submitted_at: ChronoDateTimeUtc,
        pub published_at: Option<ChronoDateTimeUtc>,
        pub editable_until: Option<ChronoDateTimeUtc>,
        pub source: Option<String>,
        pub source_ref: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
