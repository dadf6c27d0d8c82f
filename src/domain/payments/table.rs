//! The tables of payments, the tries at moving them, and refunds.
#![expect(missing_docs, reason = "the steps of the schema describe the columns")]

pub mod payment {
    use sea_orm::entity::prelude::*;

    use crate::domain::payments::state::PaymentState;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub booking_id: Uuid,
        pub state: PaymentState,
        pub currency: String,
        pub amount_minor: i64,
        pub authorized_minor: i64,
        pub captured_minor: i64,
        pub refunded_minor: i64,
        pub provider: String,
        pub provider_reference: Option<String>,
        pub client_secret: Option<String>,
        pub method: String,
        pub decline_code: Option<String>,
        pub capture_before: Option<ChronoDateTimeUtc>,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod attempt {
    use sea_orm::entity::prelude::*;

    use crate::domain::payments::state::{Operation, Outcome};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment_attempt")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub payment_id: Uuid,
        pub at: ChronoDateTimeUtc,
        pub operation: Operation,
        pub outcome: Outcome,
        pub decline_code: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod refund {
    use sea_orm::entity::prelude::*;

    use crate::domain::payments::state::RefundState;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "refund")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub payment_id: Uuid,
        pub amount_minor: i64,
        pub state: RefundState,
        pub reason: String,
        pub provider_reference: Option<String>,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
