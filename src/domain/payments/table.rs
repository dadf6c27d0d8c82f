//! The tables of payments, attempts, refunds, escrow, payouts, disputes, the ledger and processor events.
#![expect(missing_docs, reason = "the migrations describe the columns")]

pub mod payment {
    use sea_orm::entity::prelude::*;

    use crate::domain::payments::status::PaymentState;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "payment")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub booking_id: Uuid,
        pub alteration_id: Option<Uuid>,
        pub host_id: Option<Uuid>,
        pub state: PaymentState,
        pub currency: String,
        pub amount_minor: i64,
        pub authorized_minor: i64,
        pub captured_minor: i64,
        pub refunded_minor: i64,
        pub host_minor: i64,
        pub platform_minor: i64,
        pub tax_minor: i64,
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

    use crate::domain::payments::status::{Operation, Outcome};

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

    use crate::domain::payments::status::RefundState;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "refund")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub payment_id: Uuid,
        pub transaction_id: Option<Uuid>,
        pub attempt: i32,
        pub amount_minor: i64,
        pub state: RefundState,
        pub reason: String,
        pub note: Option<String>,
        pub provider_reference: Option<String>,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod escrow {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "escrow")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub booking_id: Uuid,
        pub host_id: Uuid,
        pub currency: String,
        pub paid_minor: i64,
        pub refunded_minor: i64,
        pub host_minor: i64,
        pub platform_minor: i64,
        pub tax_minor: i64,
        pub host_released_minor: i64,
        pub platform_released_minor: i64,
        pub tax_released_minor: i64,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod payout {
    use sea_orm::entity::prelude::*;

    use crate::domain::payments::status::PayoutState;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "payout")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub booking_id: Uuid,
        pub host_id: Uuid,
        pub currency: String,
        pub amount_minor: i64,
        pub sent_minor: Option<i64>,
        pub state: PayoutState,
        pub release_at: ChronoDateTimeUtc,
        pub released_at: Option<ChronoDateTimeUtc>,
        pub installment: i32,
        pub installments: i32,
        pub attempt: i32,
        pub destination: Option<String>,
        pub failure_reason: Option<String>,
        pub provider: String,
        pub provider_reference: Option<String>,
        pub paid_at: Option<ChronoDateTimeUtc>,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod dispute {
    use sea_orm::entity::prelude::*;

    use crate::domain::payments::status::DisputeState;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "dispute")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub payment_id: Uuid,
        pub reference: String,
        pub amount_minor: i64,
        pub state: DisputeState,
        pub created_at: ChronoDateTimeUtc,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod payout_account {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "payout_account")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub host_id: Uuid,
        pub provider: String,
        pub reference: String,
        pub updated_at: ChronoDateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod transaction {
    use sea_orm::entity::prelude::*;

    use crate::domain::payments::status::TransactionKind;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_transaction")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub at: ChronoDateTimeUtc,
        pub kind: TransactionKind,
        pub object_id: Uuid,
        pub booking_id: Option<Uuid>,
        pub host_id: Option<Uuid>,
        pub currency: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod entry {
    use sea_orm::entity::prelude::*;

    use crate::domain::payments::status::Account;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "ledger_entry")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub transaction_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub line: i32,
        pub debit: Account,
        pub credit: Account,
        pub amount_minor: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod event {
    use sea_orm::entity::prelude::*;

    use crate::platform::gateway::EventObject;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "provider_event")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub provider: String,
        pub event_id: String,
        pub kind: String,
        pub about: EventObject,
        pub reference: Option<String>,
        pub payment_reference: Option<String>,
        pub own_key: Option<String>,
        #[sea_orm(column_type = "JsonBinary")]
        pub facts: Json,
        pub created_at: ChronoDateTimeUtc,
        pub received_at: ChronoDateTimeUtc,
        pub handled_at: Option<ChronoDateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
